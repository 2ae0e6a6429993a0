"""Write a split as a folder of images."""

from touchstone.exports.imagefolder import write_folder
from touchstone.job import job

with job(snakemake.log[0], "export", snakemake.wildcards.split) as progress:
    write_folder(
        manifest=snakemake.input.manifest,
        split=snakemake.wildcards.split,
        images_per_folder=snakemake.params.images_per_folder,
        folder=snakemake.output.folder,
        progress=progress,
    )
