"""Read archives that can only be read from front to back, once."""

from touchstone.job import job
from touchstone.unroll import unroll_origin

with job(snakemake.log[0], "unroll", snakemake.wildcards.origin) as progress:
    unroll_origin(
        picks=snakemake.input.picks,
        receipt=snakemake.input.receipt,
        unrolled=snakemake.output.unrolled,
        threads=snakemake.threads,
        progress=progress,
    )
