"""draw: the images that published lists name, for datasets that have such lists.

In:  text files of ids, at `paths: {<dataset>: ...}`, with the checksums that the dataset file states.
Out: members.parquet, which draw and split follow, and membership.csv: each listed id found, rejected or
     missing, and the images that stand in for those.
"""


rule read_members:
    output:
        members="results/{dataset}/members.parquet",
    log:
        "logs/read_members/{dataset}.log",
    benchmark:
        "logs/benchmarks/read_members/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        lists=CATALOGUE.dataset["members"],
        folder=lookup(
            f"paths/{DATASET}",
            within=CATALOGUE.config,
            default=f"resources/lists/{DATASET}",
        ),
    script:
        "../scripts/read_members.py"


rule write_membership:
    input:
        members="results/{dataset}/members.parquet",
        selection="results/{dataset}/selection.parquet",
    output:
        membership="results/{dataset}/membership.csv",
    log:
        "logs/write_membership/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_membership/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    script:
        "../scripts/write_membership.py"
