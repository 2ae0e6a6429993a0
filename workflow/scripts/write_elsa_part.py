"""Write one folder of real or fake images in ELSA's form."""

from touchstone.exports.elsa import write_part
from touchstone.job import job

wildcards = snakemake.wildcards
with job(snakemake.log[0], "export", f"{wildcards.split}/{wildcards.kind}/{wildcards.number}") as progress:
    write_part(
        manifest=snakemake.input.manifest,
        split=wildcards.split,
        kind=wildcards.kind,
        number=snakemake.params.number,
        of=snakemake.params.of,
        folder=snakemake.output.folder,
        progress=progress,
    )
