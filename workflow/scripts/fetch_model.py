"""Stage a model, so that generating needs no internet."""

from touchstone.job import job
from touchstone.staging import fetch_model

with job(snakemake.log[0], "fetch", f"model {snakemake.wildcards.model}") as progress:
    fetch_model(
        name=snakemake.wildcards.model,
        sources=snakemake.params.sources,
        files=snakemake.params.files,
        placed=snakemake.params.placed,
        folder=snakemake.params.folder,
        receipt=snakemake.output.receipt,
        progress=progress,
    )
