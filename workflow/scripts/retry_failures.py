"""Have the next build ask again for addresses that failed for now."""

from touchstone.job import job
from touchstone.scraping.retries import retry_failures

with job(snakemake.log[0], "retry") as progress:
    retry_failures(shards=snakemake.params.shards, progress=progress)
