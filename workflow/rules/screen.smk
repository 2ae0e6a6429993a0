"""screen: what the facts of all images say: blank ones, duplicates, what belongs together.

In:  the draws and all take shards (columns of facts; no image is read).
Out: screen.parquet, one row per drawn item, with the key of its group.
"""


rule screen:
    input:
        drawn=[
            f"results/{DATASET}/origins/{origin}/draw.parquet"
            for origin in CATALOGUE.origins
        ],
        shards=built("shards"),
        takedown=CATALOGUE.beside_dataset(CATALOGUE.dataset["takedown"]),
    output:
        screen="results/{dataset}/screen.parquet",
    log:
        "logs/screen/{dataset}.log",
    benchmark:
        "logs/benchmarks/screen/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(2 * TABLE_MB),
        runtime=growing(60),
    params:
        limits=CATALOGUE.dataset["screen"],
        images=CATALOGUE.dataset["images"],
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/screen.py"
