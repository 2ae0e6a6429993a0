"""Measure how well the label can be read from the files' facts."""

from touchstone.audit.shortcuts import probe_shortcuts
from touchstone.job import job

with job(snakemake.log[0], "audit", "shortcuts") as progress:
    probe_shortcuts(
        manifest=snakemake.input.manifest,
        seed=snakemake.params.seed,
        out=snakemake.output.shortcuts,
        progress=progress,
    )
