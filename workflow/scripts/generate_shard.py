"""Generate drawn images, one worker per GPU."""

from pathlib import Path

from touchstone.generate import generate_shard
from touchstone.job import job

with job(snakemake.log[0], "take", f"{snakemake.wildcards.origin}/{snakemake.wildcards.shard}") as progress:
    generate_shard(
        picks=snakemake.input.picks,
        model=snakemake.input.model,
        prior=snakemake.input.get("prior") or None,
        source=snakemake.input.get("source") or None,
        unrolled=str(Path(snakemake.output.shard).with_name("unrolled.zip")),
        recipe=snakemake.params.recipe,
        shard=snakemake.output.shard,
        workers=snakemake.threads,
        cache=snakemake.params.compiled,
        gpus=snakemake.log.gpus,
        progress=progress,
    )
