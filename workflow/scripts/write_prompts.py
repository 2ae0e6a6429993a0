"""Write one file of ELSA D3's form."""

from touchstone.exports.d3 import write_prompts
from touchstone.job import job

with job(snakemake.log[0], "export", f"d3/{snakemake.wildcards.split}/{snakemake.wildcards.number}") as progress:
    write_prompts(
        manifest=snakemake.input.manifest,
        split=snakemake.wildcards.split,
        generators=snakemake.params.generators,
        number=snakemake.params.number,
        of=snakemake.params.of,
        seed=snakemake.params.seed,
        shard=snakemake.output.shard,
        progress=progress,
    )
