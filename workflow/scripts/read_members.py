"""Read the lists of ids that a dataset is made by."""

from touchstone.job import job
from touchstone.members import read_members

with job(snakemake.log[0], "draw", "members") as progress:
    read_members(
        lists=snakemake.params.lists,
        folder=snakemake.params.folder,
        members=snakemake.output.members,
        progress=progress,
    )
