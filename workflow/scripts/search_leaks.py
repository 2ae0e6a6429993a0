"""Search for images that lie in two splits, or in somebody else's list."""

from touchstone.audit.leaks import search_leaks
from touchstone.job import job

with job(snakemake.log[0], "audit", "leaks") as progress:
    search_leaks(
        manifest=snakemake.input.manifest,
        bits=snakemake.params.bits,
        against=snakemake.input.get("against", []),
        out=snakemake.output.leaks,
        progress=progress,
    )
