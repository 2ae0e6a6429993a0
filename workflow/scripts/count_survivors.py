"""Count the images that addresses gave, and so the spares that are needed."""

from touchstone.job import job
from touchstone.scraping.survivors import count_survivors

with job(snakemake.log[0], "take", f"{snakemake.wildcards.origin}/survivors") as progress:
    count_survivors(
        shards=snakemake.input.shards,
        part=snakemake.params.part,
        min_side=snakemake.params.min_side,
        survivors=snakemake.output.survivors,
        progress=progress,
    )
