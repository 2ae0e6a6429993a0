"""Measure what low-level traces in the pixels give away, and read known watermarks."""

from touchstone.audit.pixels import probe_pixels
from touchstone.job import job

with job(snakemake.log[0], "audit", "pixels") as progress:
    probe_pixels(
        manifest=snakemake.input.manifest,
        folder=str(snakemake.params.folder),
        per_part=snakemake.params.per_part,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        out=snakemake.output.pixels,
        progress=progress,
    )
