"""List every image of the dataset, under one root hash."""

from touchstone.job import job
from touchstone.publish import write_manifest

with job(snakemake.log[0], "publish", "manifest") as progress:
    write_manifest(
        packed=snakemake.input.packed,
        folder=snakemake.params.folder,
        ledger=snakemake.input.ledger,
        manifest=snakemake.output.manifest,
        progress=progress,
    )
