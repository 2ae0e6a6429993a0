"""Find blank images, duplicates and groups among all that was taken."""

from touchstone.job import job
from touchstone.screen import screen

with job(snakemake.log[0], "screen", "") as progress:
    screen(
        drawn=snakemake.input.drawn,
        shards=snakemake.input.shards,
        takedown=snakemake.input.get("takedown", []),
        limits=snakemake.params.limits,
        images=snakemake.params.images,
        seed=snakemake.params.seed,
        out=snakemake.output.screen,
        progress=progress,
    )
