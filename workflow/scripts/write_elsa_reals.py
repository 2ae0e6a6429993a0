"""Write the csv of a split's real images in ELSA's form."""

from touchstone.exports.elsa import write_reals
from touchstone.job import job

with job(snakemake.log[0], "export", snakemake.wildcards.split) as progress:
    write_reals(
        parts=list(snakemake.input.parts),
        table=snakemake.output.table,
        progress=progress,
    )
