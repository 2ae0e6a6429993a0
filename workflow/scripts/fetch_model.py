"""Stage a model, so that generating needs no internet."""

from touchstone.fetch import fetch_model
from touchstone.job import job

with job(snakemake.log[0], "fetch", f"model {snakemake.wildcards.model}") as progress:
    fetch_model(
        name=snakemake.wildcards.model,
        source=snakemake.params.source,
        revision=snakemake.params.revision,
        folder=snakemake.params.folder,
        receipt=snakemake.output.receipt,
        progress=progress,
    )
