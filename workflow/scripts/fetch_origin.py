"""Fetch an origin's files, or check those that a person put in place."""

from touchstone.fetch import fetch_origin
from touchstone.job import job

with job(snakemake.log[0], "fetch", snakemake.wildcards.origin) as progress:
    fetch_origin(
        origin=snakemake.wildcards.origin,
        card=snakemake.params.card,
        files=snakemake.params.files,
        access=snakemake.params.access,
        instructions=snakemake.params.instructions,
        placed=snakemake.params.placed,
        incomplete=snakemake.params.incomplete,
        folder=snakemake.params.folder,
        receipt=snakemake.output.receipt,
        progress=progress,
    )
