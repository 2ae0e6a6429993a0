"""Decide which split every item goes to."""

from touchstone.job import job
from touchstone.split import split

with job(snakemake.log[0], "split", "") as progress:
    split(
        screen=snakemake.input.screen,
        plan=snakemake.params.plan,
        pack_items=snakemake.params.pack_items,
        selection=snakemake.output.selection,
        ledger=snakemake.output.ledger,
        picks=snakemake.output.picks,
        members=snakemake.input.get("members") or None,
        progress=progress,
    )
