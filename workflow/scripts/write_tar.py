"""Write one tar of WebDataset."""

from touchstone.exports.webdataset import write_tar
from touchstone.job import job

with job(snakemake.log[0], "export", f"{snakemake.wildcards.split}/{snakemake.wildcards.number}") as progress:
    write_tar(
        manifest=snakemake.input.manifest,
        split=snakemake.wildcards.split,
        number=snakemake.params.number,
        of=snakemake.params.of,
        tar=snakemake.output.tar,
        progress=progress,
    )
