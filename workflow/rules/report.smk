"""report: what a person looks at to judge the dataset.

In:  manifest, ledger, packed images, and the verdicts of the gates.
Out: contact_sheet.png, report.html; also parts of Snakemake's own report.
"""


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
        mem_mb=growing(4000),
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
        shortcuts="results/{dataset}/audit/shortcuts.json",
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
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        cards=CARDS,
        about=ABOUT,
    script:
        "../scripts/write_report.py"
