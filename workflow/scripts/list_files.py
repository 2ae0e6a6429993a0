"""Tell which files of an origin are used."""

from touchstone.job import job
from touchstone.usage import list_files

with job(snakemake.log[0], "files", snakemake.wildcards.origin) as progress:
    list_files(
        receipt=snakemake.input.receipt,
        index=snakemake.input.index,
        options=snakemake.params.reader,
        table=snakemake.output.table,
        progress=progress,
    )
