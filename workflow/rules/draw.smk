"""draw: which items a dataset wants of an origin, and which shard takes each.

In:  the origin's index, and the receipt of the archives that its images lie in.
Out: draw.parquet, and picks/ with one small list per shard, which says what files it reads. A checkpoint, so
     that after a changed index or archive only the shards whose list changed are taken anew
     (ARCHITECTURE.md, "Pick lists").
"""


checkpoint draw_origin:
    input:
        index="results/origins/{origin}/index.parquet",
        receipt=receipt_of_archives,
        members=members_of_dataset,
    output:
        drawn="results/{dataset}/origins/{origin}/draw.parquet",
        picks=directory("results/{dataset}/origins/{origin}/picks"),
    log:
        "logs/draw_origin/{dataset}/{origin}.log",
    benchmark:
        "logs/benchmarks/draw_origin/{dataset}/{origin}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        parts=parts_to_draw,
        shard_items=CATALOGUE.dataset["shard_items"],
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/draw_origin.py"


include: "members.smk"
