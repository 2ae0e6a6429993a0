"""Write the part of the dataset that may be passed on."""

from touchstone.exports.redistributable import write_redistributable
from touchstone.job import job

with job(snakemake.log[0], "export", "redistributable") as progress:
    write_redistributable(
        manifest=snakemake.input.manifest,
        ledger=snakemake.input.ledger,
        cards=snakemake.params.cards,
        about=snakemake.params.about,
        images=snakemake.params.images,
        name=snakemake.wildcards.dataset,
        folder=snakemake.output.folder,
        progress=progress,
    )
