"""List every item of an origin."""

from touchstone.job import job
from touchstone.listing import list_origin

with job(snakemake.log[0], "list", snakemake.wildcards.origin) as progress:
    list_origin(
        origin=snakemake.wildcards.origin,
        receipt=snakemake.input.get("receipt"),
        pairs=snakemake.input.get("pairs"),
        recipe=snakemake.params.recipe,
        generators=snakemake.params.generators,
        kind=snakemake.params.kind,
        licence=snakemake.params.licence,
        index=snakemake.output.index,
        progress=progress,
    )
