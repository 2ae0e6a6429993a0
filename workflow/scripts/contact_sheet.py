"""Draw a few images of every generator."""

from touchstone.contact_sheet import contact_sheet
from touchstone.job import job

with job(snakemake.log[0], "publish", "contact sheet") as progress:
    contact_sheet(
        manifest=snakemake.input.manifest,
        folder=snakemake.params.folder,
        sheet=snakemake.output.sheet,
        progress=progress,
    )
