"""Read the finished dataset again, and compare it with its manifest and root hash."""

from touchstone.job import job
from touchstone.verify import verify

with job(snakemake.log[0], "verify") as progress:
    verify(folder=snakemake.params.folder, progress=progress)
