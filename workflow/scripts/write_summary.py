"""Write the lines that end a build."""

from touchstone.job import job
from touchstone.publish import write_summary

with job(snakemake.log[0], "publish", "summary"):
    write_summary(
        ledger=snakemake.input.ledger,
        manifest=snakemake.input.manifest,
        gates=snakemake.input.gates,
        folder=snakemake.params.folder,
        summary=snakemake.output.summary,
    )
