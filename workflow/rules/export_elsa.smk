"""export: ELSA's forms, folders of about a thousand images with a JSON, and files of prompts with an image by each.

In:  the manifest, and the packed shards that it lists.
Out: results/<dataset>/exports/elsa/<split>/: fake-images/part-000001/..., real-images/..., real.csv; .../d3/<split>-<number>.parquet.
"""


rule write_elsa_part:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        folder=directory(
            "results/{dataset}/exports/elsa/{split}/{kind}-images/part-{number}"
        ),
    log:
        "logs/write_elsa_part/{dataset}/{split}/{kind}-{number}.log",
    benchmark:
        "logs/benchmarks/write_elsa_part/{dataset}/{split}/{kind}-{number}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        number=number_of_part,
        of=parts_of_export,
    script:
        "../scripts/write_elsa_part.py"


rule write_elsa_reals:
    input:
        parts=elsa_reals,
    output:
        table="results/{dataset}/exports/elsa/{split}/real.csv",
    log:
        "logs/write_elsa_reals/{dataset}/{split}.log",
    benchmark:
        "logs/benchmarks/write_elsa_reals/{dataset}/{split}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    script:
        "../scripts/write_elsa_reals.py"


rule write_prompts:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        shard="results/{dataset}/exports/d3/{split}-{number}.parquet",
    log:
        "logs/write_prompts/{dataset}/{split}-{number}.log",
    benchmark:
        "logs/benchmarks/write_prompts/{dataset}/{split}-{number}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        number=number_of_part,
        of=files_of_prompts,
        generators=EXPORTS.generators,
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/write_prompts.py"
