"""Take drawn images from the web."""

from touchstone.job import job
from touchstone.scrape import scrape_shard

with job(snakemake.log[0], "take", f"{snakemake.wildcards.origin}/{snakemake.wildcards.shard}") as progress:
    scrape_shard(
        picks=snakemake.input.picks,
        shard=snakemake.output.shard,
        recipe=snakemake.params.recipe,
        blocked=snakemake.input.blocked,
        survivors=snakemake.input.get("survivors") or None,
        serve=snakemake.params.serve,
        partial=f"{snakemake.output.shard}.partial",
        threads=max(1, snakemake.threads - 1),
        progress=progress,
    )
