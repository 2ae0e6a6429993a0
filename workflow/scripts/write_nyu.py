"""Write the pairs of a split as the NYU variation set does."""

from touchstone.exports.nyu import write_pairs
from touchstone.job import job

with job(snakemake.log[0], "export", snakemake.wildcards.split) as progress:
    write_pairs(
        manifest=snakemake.input.manifest,
        split=snakemake.wildcards.split,
        side=snakemake.params.side,
        quality=snakemake.params.quality,
        folder=snakemake.output.folder,
        progress=progress,
    )
