"""report: what a person looks at to judge the dataset.

In:  manifest, ledger, selection, packed images, and the verdicts of the gates.
Out: contact_sheets/, report.html, and the tables that it shows, as CSV; also parts of Snakemake's own report.
"""


rule contact_sheets:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        sheets=report(
            directory("results/{dataset}/contact_sheets"),
            patterns=["{part}.png"],
            caption="../report/contact_sheets.rst",
            category="Contact sheets",
        ),
        thumbnails="results/{dataset}/audit/thumbnails.parquet",
    log:
        "logs/contact_sheets/{dataset}.log",
    benchmark:
        "logs/benchmarks/contact_sheets/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        folder=subpath(input.manifest, parent=True),
    script:
        "../scripts/contact_sheets.py"


rule write_report:
    input:
        manifest="results/{dataset}/manifest.parquet",
        ledger="results/{dataset}/ledger.parquet",
        selection="results/{dataset}/selection.parquet",
        thumbnails="results/{dataset}/audit/thumbnails.parquet",
        gates="results/{dataset}/gates.json",
        shortcuts="results/{dataset}/audit/shortcuts.json",
        pixels="results/{dataset}/audit/pixels.json",
    output:
        report=report(
            "results/{dataset}/report.html",
            caption="../report/report.rst",
            category="Report",
        ),
        distributions="results/{dataset}/audit/distributions.csv",
        oddities="results/{dataset}/audit/oddities.csv",
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
