"""Tell what has become of the addresses since an earlier build."""

from touchstone.job import job
from touchstone.scraping.compare import compare_scrapes

with job(snakemake.log[0], "compare") as progress:
    compare_scrapes(
        shards=snakemake.params.shards,
        dataset=snakemake.params.dataset,
        earlier=snakemake.params.earlier,
        progress=progress,
    )
