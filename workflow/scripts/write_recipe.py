"""Write everything that the dataset is made by, but its pixels."""

from touchstone.exports.recipe import write_recipe
from touchstone.job import job

with job(snakemake.log[0], "export", "recipe") as progress:
    write_recipe(
        manifest=snakemake.input.manifest,
        beside=[snakemake.input.ledger, snakemake.input.selection],
        receipts=list(snakemake.input.receipts),
        files=snakemake.params.files,
        texts=snakemake.params.texts,
        pins=snakemake.params.pins,
        cards=snakemake.params.cards,
        to_get=snakemake.params.to_get,
        name=snakemake.wildcards.dataset,
        title=snakemake.params.title,
        folder=snakemake.output.folder,
        progress=progress,
    )
