"""Describe the dataset for machines."""

from touchstone.croissant import write_croissant
from touchstone.job import job

with job(snakemake.log[0], "publish", "croissant") as progress:
    write_croissant(
        manifest=snakemake.input.manifest,
        ledger=snakemake.input.ledger,
        cards=snakemake.params.cards,
        name=snakemake.wildcards.dataset,
        croissant=snakemake.output.croissant,
        **snakemake.params.about,
        progress=progress,
    )
