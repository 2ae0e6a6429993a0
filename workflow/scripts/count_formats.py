"""Count how the real images are encoded."""

from touchstone.job import job
from touchstone.policies import count_formats

with job(snakemake.log[0], "pack", "formats") as progress:
    count_formats(selection=snakemake.input.selection, formats=snakemake.output.formats, progress=progress)
