"""audit: what the finished dataset gives away besides the pictures' content, against its limits.

In:  the manifest, and a sample of the packed images.
Out: audit/leaks.json, audit/shortcuts.json, audit/pixels.json, and the verdicts in gates.json. A gate
     that fails stops the build at write_card, when the report is there to look at.
"""


rule search_leaks:
    input:
        manifest="results/{dataset}/manifest.parquet",
        against=CATALOGUE.beside_dataset(CATALOGUE.dataset["audit"]["against"]),
    output:
        leaks="results/{dataset}/audit/leaks.json",
    log:
        "logs/search_leaks/{dataset}.log",
    benchmark:
        "logs/benchmarks/search_leaks/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(60),
    params:
        bits=CATALOGUE.dataset["screen"]["near_duplicate_bits"],
    script:
        "../scripts/search_leaks.py"


rule probe_shortcuts:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        shortcuts="results/{dataset}/audit/shortcuts.json",
    log:
        "logs/probe_shortcuts/{dataset}.log",
    benchmark:
        "logs/benchmarks/probe_shortcuts/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(60),
    params:
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/probe_shortcuts.py"


rule probe_pixels:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        pixels="results/{dataset}/audit/pixels.json",
    log:
        "logs/probe_pixels/{dataset}.log",
    benchmark:
        "logs/benchmarks/probe_pixels/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        folder=subpath(input.manifest, parent=True),
        per_part=CATALOGUE.dataset["audit"]["pictures"],
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/probe_pixels.py"


rule check_gates:
    input:
        ledger="results/{dataset}/ledger.parquet",
        leaks="results/{dataset}/audit/leaks.json",
        shortcuts="results/{dataset}/audit/shortcuts.json",
        pixels="results/{dataset}/audit/pixels.json",
    output:
        gates="results/{dataset}/gates.json",
    log:
        "logs/check_gates/{dataset}.log",
    benchmark:
        "logs/benchmarks/check_gates/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        limits=CATALOGUE.dataset["gates"],
        survival=survival_of_origins(),
    script:
        "../scripts/check_gates.py"
