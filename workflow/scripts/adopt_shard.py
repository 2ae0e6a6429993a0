"""Take drawn images out of archives."""

from pathlib import Path

from touchstone.adopt import adopt_shard
from touchstone.job import job

with job(snakemake.log[0], "take", f"{snakemake.wildcards.origin}/{Path(snakemake.output.shard).stem}") as progress:
    adopt_shard(
        picks=snakemake.input.picks,
        receipt=snakemake.input.receipt,
        unrolled=snakemake.params.unrolled,
        threads=2 * snakemake.threads,  # a core that other jobs have left is used by the last shards of a build
        shard=snakemake.output.shard,
        progress=progress,
    )
