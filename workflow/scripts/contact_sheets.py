"""Draw a few images of every generator."""

from touchstone.contact_sheets import contact_sheets
from touchstone.job import job

with job(snakemake.log[0], "publish", "contact sheets") as progress:
    contact_sheets(
        manifest=snakemake.input.manifest,
        folder=snakemake.params.folder,
        sheets=snakemake.output.sheets,
        thumbnails=snakemake.output.thumbnails,
        progress=progress,
    )
