"""Read again what was fetched or placed, and compare it with the receipts."""

from touchstone.job import job
from touchstone.recheck import recheck

with job(snakemake.log[0], "verify") as progress:
    recheck(receipts=list(snakemake.input.receipts), progress=progress)
