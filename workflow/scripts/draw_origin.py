"""Draw the items a dataset wants, and cut them into pick lists."""

from touchstone.draw import draw_origin
from touchstone.job import job

with job(snakemake.log[0], "draw", snakemake.wildcards.origin) as progress:
    draw_origin(
        index=snakemake.input.index,
        parts=snakemake.params.parts,
        shard_items=snakemake.params.shard_items,
        seed=snakemake.params.seed,
        drawn=snakemake.output.drawn,
        picks=snakemake.output.picks,
        members=snakemake.input.get("members") or None,
        receipt=snakemake.input.get("receipt") or None,
        progress=progress,
    )
