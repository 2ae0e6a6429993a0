"""Stop the build if the dataset is not what was asked for."""

from touchstone.job import job
from touchstone.publish import check_gates

with job(snakemake.log[0], "publish", "gates") as progress:
    check_gates(
        selection=snakemake.input.selection,
        ledger=snakemake.input.ledger,
        limits=snakemake.params.limits,
        dataset_file=snakemake.params.dataset_file,
        gates=snakemake.output.gates,
        progress=progress,
    )
