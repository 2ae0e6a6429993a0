"""Write the report."""

from touchstone.job import job
from touchstone.report import write_report

with job(snakemake.log[0], "publish", "report") as progress:
    write_report(
        manifest=snakemake.input.manifest,
        ledger=snakemake.input.ledger,
        selection=snakemake.input.selection,
        thumbnails=snakemake.input.thumbnails,
        gates=snakemake.input.gates,
        shortcuts=snakemake.input.shortcuts,
        pixels=snakemake.input.pixels,
        cards=snakemake.params.cards,
        name=snakemake.wildcards.dataset,
        report=snakemake.output.report,
        distributions=snakemake.output.distributions,
        oddities=snakemake.output.oddities,
        **snakemake.params.about,
        benchmarks="logs/benchmarks",
        progress=progress,
    )
