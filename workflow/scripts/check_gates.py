"""Compare what the audit found with the dataset's limits."""

from touchstone.audit.gates import check_gates
from touchstone.job import job

with job(snakemake.log[0], "audit", "gates") as progress:
    check_gates(
        ledger=snakemake.input.ledger,
        leaks=snakemake.input.leaks,
        shortcuts=snakemake.input.shortcuts,
        pixels=snakemake.input.pixels,
        limits=snakemake.params.limits,
        survival=snakemake.params.survival,
        gates=snakemake.output.gates,
        progress=progress,
    )
