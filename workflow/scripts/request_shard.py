"""Have drawn images made by a service."""

from pathlib import Path

from touchstone.job import job
from touchstone.request import request_shard

with job(snakemake.log[0], "take", f"{snakemake.wildcards.origin}/{snakemake.wildcards.shard}") as progress:
    request_shard(
        picks=snakemake.input.picks,
        shard=snakemake.output.shard,
        card=snakemake.params.card,
        recipe=snakemake.params.recipe,
        source=snakemake.input.get("source") or None,
        unrolled=str(Path(snakemake.output.shard).with_name("unrolled.zip")),
        paid=snakemake.params.paid,
        threads=snakemake.threads,
        progress=progress,
    )
