"""export: what may be passed on, and what the dataset is built from again.

In:  manifest, ledger and packed shards; cards, dataset file and receipts.
Out: results/<dataset>/exports/redistributable/, a dataset folder of the images whose origins state that they may be
     passed on; results/<dataset>/exports/recipe/, everything but pixels.
"""

from touchstone.recipes import files_of_recipe, settings_of_recipe, to_get

RECIPE = files_of_recipe(CATALOGUE)


rule write_redistributable:
    input:
        manifest="results/{dataset}/manifest.parquet",
        ledger="results/{dataset}/ledger.parquet",
        readme="results/{dataset}/README.md",
    output:
        folder=directory("results/{dataset}/exports/redistributable"),
    log:
        "logs/write_redistributable/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_redistributable/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(TABLE_MB),
        runtime=growing(240),
    params:
        cards=CARDS,
        about=ABOUT,
        images=CATALOGUE.dataset["images"],
    script:
        "../scripts/write_redistributable.py"


rule write_recipe:
    input:
        manifest="results/{dataset}/manifest.parquet",
        ledger="results/{dataset}/ledger.parquet",
        selection="results/{dataset}/selection.parquet",
        receipts=receipts(),
        files=[path for place, path in RECIPE],
    output:
        folder=directory("results/{dataset}/exports/recipe"),
    log:
        "logs/write_recipe/{dataset}.log",
    benchmark:
        "logs/benchmarks/write_recipe/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        files=RECIPE,
        texts={
            "config/config.yaml": settings_of_recipe(CATALOGUE),
            "config/origins/models.yaml": CATALOGUE.models,
            "config/origins/generators.yaml": CATALOGUE.generators,
        },
        pins=f"{workflow.basedir}/envs/requirements.txt",
        cards=CARDS,
        to_get=to_get(CATALOGUE),
        title=CATALOGUE.dataset["title"],
    script:
        "../scripts/write_recipe.py"
