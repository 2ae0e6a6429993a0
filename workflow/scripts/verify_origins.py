"""Read again what was fetched or placed, and compare it with the receipts."""

from touchstone.job import job
from touchstone.verify import verify

with job(snakemake.log[0], "verify") as progress:
    verify(receipts=list(snakemake.input.receipts), progress=progress)
