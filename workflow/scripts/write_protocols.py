"""Write who trains on what and is tested on what."""

from touchstone.job import job
from touchstone.protocols import write_protocols

with job(snakemake.log[0], "publish", "protocols") as progress:
    write_protocols(
        manifest=snakemake.input.manifest,
        selection=snakemake.input.selection,
        generators=snakemake.params.generators,
        protocols=snakemake.params.protocols,
        splits=snakemake.params.splits,
        scored=snakemake.params.scored,
        seed=snakemake.params.seed,
        images=snakemake.output.images,
        folds=snakemake.output.folds,
        progress=progress,
    )
