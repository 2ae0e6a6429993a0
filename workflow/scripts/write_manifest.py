"""List every image of the dataset, under one root hash."""

from touchstone.job import job
from touchstone.publish import version_of_code, write_manifest

with job(snakemake.log[0], "publish", "manifest") as progress:
    write_manifest(
        packed=snakemake.input.packed,
        folder=snakemake.params.folder,
        selection=snakemake.input.selection,
        ledger=snakemake.input.ledger,
        code=version_of_code(__file__),
        manifest=snakemake.output.manifest,
        progress=progress,
    )
