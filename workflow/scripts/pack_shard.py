"""Write one shard of the finished dataset."""

from pathlib import Path

from touchstone.job import job
from touchstone.pack import pack_shard

with job(snakemake.log[0], "pack", f"{snakemake.wildcards.split}/{Path(snakemake.output.packed).stem}") as progress:
    pack_shard(
        picks=snakemake.input.picks,
        folder=snakemake.params.folder,
        packed=snakemake.output.packed,
        images=snakemake.params.images,
        seed=snakemake.params.seed,
        formats=snakemake.input.get("formats") or None,
        progress=progress,
    )
