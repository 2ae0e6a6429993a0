"""export: the finished dataset in other forms, each by its name: snakemake export_webdataset.

In:  the manifest, and the packed shards that it lists.
Out: results/<dataset>/exports/<form>/..., images with their own bytes but where a form says otherwise.
"""

FAMILIES = {
    name: entry["family"] for name, entry in CATALOGUE.named_generators().items()
}

for form in FORMS:

    rule:  # all files of one form
        name:
            f"export_{form}"
        input:
            exported(form),
        localrule: True


rule write_tar:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        tar="results/{dataset}/exports/webdataset/{split}-{number}.tar",
    log:
        "logs/write_tar/{dataset}/{split}-{number}.log",
    benchmark:
        "logs/benchmarks/write_tar/{dataset}/{split}-{number}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        number=number_of_part,
        of=parts_of_export,
    script:
        "../scripts/write_tar.py"


rule write_imagefolder:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        folder=directory("results/{dataset}/exports/imagefolder/{split}"),
    log:
        "logs/write_imagefolder/{dataset}/{split}.log",
    benchmark:
        "logs/benchmarks/write_imagefolder/{dataset}/{split}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(480),
    params:
        images_per_folder=CATALOGUE.dataset["images_per_folder"],
    script:
        "../scripts/write_imagefolder.py"


rule write_imaginet:
    input:
        manifest="results/{dataset}/manifest.parquet",
        indexes=[
            f"results/origins/{origin}/index.parquet" for origin in CATALOGUE.origins
        ],
    output:
        folder=directory("results/{dataset}/exports/imaginet/{split}"),
    log:
        "logs/write_imaginet/{dataset}/{split}.log",
    benchmark:
        "logs/benchmarks/write_imaginet/{dataset}/{split}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(480),
    params:
        families=FAMILIES,
    script:
        "../scripts/write_imaginet.py"


rule write_nyu:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        folder=directory("results/{dataset}/exports/nyu/{split}"),
    log:
        "logs/write_nyu/{dataset}/{split}.log",
    benchmark:
        "logs/benchmarks/write_nyu/{dataset}/{split}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(480),
    params:
        side=256,
        quality=95,
    script:
        "../scripts/write_nyu.py"


rule write_perturbed:
    input:
        manifest="results/{dataset}/manifest.parquet",
    output:
        shard="results/{dataset}/exports/perturbed/{series}/{split}-{number}.parquet",
    log:
        "logs/write_perturbed/{dataset}/{series}/{split}-{number}.log",
    benchmark:
        "logs/benchmarks/write_perturbed/{dataset}/{series}/{split}-{number}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    threads: 4
    resources:
        mem_mb=growing(4000),
        runtime=growing(120),
    params:
        number=number_of_part,
        of=parts_of_export,
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/write_perturbed.py"


include: "export_elsa.smk"
include: "export_publish.smk"
include: "protocols.smk"
