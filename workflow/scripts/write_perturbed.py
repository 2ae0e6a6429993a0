"""Write one shard of a perturbed set."""

from touchstone.exports.perturbed import write_perturbed
from touchstone.job import job

wildcards = snakemake.wildcards
with job(snakemake.log[0], "export", f"{wildcards.series}/{wildcards.split}-{wildcards.number}") as progress:
    write_perturbed(
        manifest=snakemake.input.manifest,
        split=wildcards.split,
        series=wildcards.series,
        number=snakemake.params.number,
        of=snakemake.params.of,
        seed=snakemake.params.seed,
        threads=snakemake.threads,
        shard=snakemake.output.shard,
        progress=progress,
    )
