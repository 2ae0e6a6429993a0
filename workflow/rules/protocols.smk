"""publish: who trains on what and is tested on what, as two tables beside the data.

In:  the manifest and the selection, and the dataset's `protocols`.
Out: protocols.parquet (every image with its cell in each protocol), protocols.csv (the folds).
"""


rule write_protocols:
    input:
        manifest="results/{dataset}/manifest.parquet",
        selection="results/{dataset}/selection.parquet",
    output:
        images="results/{dataset}/protocols.parquet",
        folds="results/{dataset}/protocols.csv",
    log:
        "logs/write_protocols/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_protocols/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        generators=CATALOGUE.named_generators(),
        protocols=CATALOGUE.dataset["protocols"],
        splits=list(CATALOGUE.dataset["splits"]),
        scored=EXPORTS.scored,
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/write_protocols.py"
