"""publish: what a user needs to trust the dataset, and to pass it on.

In:  packed shards, selection and ledger, what the audit found, and the cards of the origins.
Out: manifest.parquet, README.md, citations.bib, croissant.json, summary.txt. Where a gate failed there is a
     report, and no README.md: the build stops. `snakemake verify` reads the finished dataset again, and makes nothing.
"""


rule write_manifest:
    input:
        packed=built("packed"),
        selection="results/{dataset}/selection.parquet",
        ledger="results/{dataset}/ledger.parquet",
    output:
        manifest="results/{dataset}/manifest.parquet",
    log:
        "logs/write_manifest/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_manifest/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(60),
    params:
        folder=subpath(output.manifest, parent=True),
    script:
        "../scripts/write_manifest.py"


rule verify:
    log:
        "logs/verify/dataset.log",
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(240),
    params:
        folder=f"results/{DATASET}",
    script:
        "../scripts/verify.py"


rule write_card:
    input:
        manifest="results/{dataset}/manifest.parquet",
        ledger="results/{dataset}/ledger.parquet",
        gates="results/{dataset}/gates.json",
        report="results/{dataset}/report.html",
    output:
        readme="results/{dataset}/README.md",
        citations="results/{dataset}/citations.bib",
    log:
        "logs/write_card/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_card/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(30),
    params:
        cards=CARDS,
        about=ABOUT,
        images=CATALOGUE.dataset["images"],
        protocols=CATALOGUE.dataset["protocols"],
        datasheet=CATALOGUE.dataset["datasheet"],
        dataset_file=f"{DATASET}.yaml",
    script:
        "../scripts/write_card.py"


rule write_croissant:
    input:
        manifest="results/{dataset}/manifest.parquet",
        ledger="results/{dataset}/ledger.parquet",
        readme="results/{dataset}/README.md",
    output:
        croissant="results/{dataset}/croissant.json",
    log:
        "logs/write_croissant/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_croissant/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        cards=CARDS,
        about=ABOUT,
    script:
        "../scripts/write_croissant.py"


rule write_summary:
    input:
        ledger="results/{dataset}/ledger.parquet",
        manifest="results/{dataset}/manifest.parquet",
        gates="results/{dataset}/gates.json",
        croissant="results/{dataset}/croissant.json",
    output:
        summary="results/{dataset}/summary.txt",
    log:
        "logs/write_summary/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_summary/{dataset}.jsonl"
    localrule: True  # its lines are the last a person sees, where the build was started
    conda:
        "../../envs/touchstone.yaml"
    params:
        folder=subpath(output.summary, parent=True),
    script:
        "../scripts/write_summary.py"
