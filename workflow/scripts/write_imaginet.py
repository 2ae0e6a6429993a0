"""Write a split as ImagiNet's root folder with its annotation list."""

from touchstone.exports.imaginet import write_root
from touchstone.job import job

with job(snakemake.log[0], "export", snakemake.wildcards.split) as progress:
    write_root(
        manifest=snakemake.input.manifest,
        split=snakemake.wildcards.split,
        indexes=list(snakemake.input.indexes),
        families=snakemake.params.families,
        folder=snakemake.output.folder,
        progress=progress,
    )
