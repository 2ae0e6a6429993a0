"""publish: what a user needs to trust the dataset, and to pass it on.

In:  packed shards, selection and ledger, and the cards of the origins.
Out: manifest.parquet, gates.json, README.md, contact_sheet.png, report.html, summary.txt.
"""

ABOUT = {
    key: CATALOGUE.dataset.get(key, "")
    for key in ("title", "description", "seed", "splits", "note")
}
CARDS = CATALOGUE.published_cards()


rule write_manifest:
    input:
        packed=built("packed"),
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


rule check_gates:
    input:
        selection="results/{dataset}/selection.parquet",
        ledger="results/{dataset}/ledger.parquet",
    output:
        gates="results/{dataset}/gates.json",
    log:
        "logs/check_gates/{dataset}.log",
    benchmark:
        "logs/benchmarks/check_gates/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(30),
    params:
        limits=CATALOGUE.dataset["gates"],
        dataset_file=f"{DATASET}.yaml",
    script:
        "../scripts/check_gates.py"


rule contact_sheet:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        sheet=report(
            "results/{dataset}/contact_sheet.png",
            caption="../report/contact_sheet.rst",
            category="Pictures",
        ),
    log:
        "logs/contact_sheet/{dataset}.log",
    benchmark:
        "logs/benchmarks/contact_sheet/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(30),
    params:
        folder=subpath(output.sheet, parent=True),
    script:
        "../scripts/contact_sheet.py"


rule write_report:
    input:
        manifest="results/{dataset}/manifest.parquet",
        ledger="results/{dataset}/ledger.parquet",
        sheet="results/{dataset}/contact_sheet.png",
        gates="results/{dataset}/gates.json",
    output:
        report=report(
            "results/{dataset}/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
    log:
        "logs/write_report/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_report/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(30),
    params:
        cards=CARDS,
        about=ABOUT,
    script:
        "../scripts/write_report.py"


rule write_card:
    input:
        manifest="results/{dataset}/manifest.parquet",
        ledger="results/{dataset}/ledger.parquet",
        gates="results/{dataset}/gates.json",
    output:
        readme="results/{dataset}/README.md",
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
    script:
        "../scripts/write_card.py"


rule write_summary:
    input:
        ledger="results/{dataset}/ledger.parquet",
        manifest="results/{dataset}/manifest.parquet",
        readme="results/{dataset}/README.md",
        report="results/{dataset}/report.html",
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
