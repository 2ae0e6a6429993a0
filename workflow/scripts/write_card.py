"""Write the dataset card, if the dataset passes its gates."""

from touchstone.audit.gates import require_passed
from touchstone.citations import write_citations
from touchstone.dataset_card import write_card
from touchstone.job import job

with job(snakemake.log[0], "publish", "dataset card") as progress:
    require_passed(snakemake.input.gates, snakemake.input.report, snakemake.params.dataset_file)
    write_card(
        manifest=snakemake.input.manifest,
        ledger=snakemake.input.ledger,
        cards=snakemake.params.cards,
        name=snakemake.wildcards.dataset,
        readme=snakemake.output.readme,
        **snakemake.params.about,
        images=snakemake.params.images,
        protocols=snakemake.params.protocols,
        datasheet=snakemake.params.datasheet,
        progress=progress,
    )
    write_citations(cards=snakemake.params.cards, citations=snakemake.output.citations, progress=progress)
