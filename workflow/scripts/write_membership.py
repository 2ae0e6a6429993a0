"""Tell what became of every listed id."""

from touchstone.job import job
from touchstone.members import write_membership

with job(snakemake.log[0], "split", "membership") as progress:
    write_membership(
        members=snakemake.input.members,
        selection=snakemake.input.selection,
        membership=snakemake.output.membership,
        progress=progress,
    )
