"""split: who goes where, exactly as many as asked for, no group torn.

In:  screen.parquet.
Out: selection.parquet (every drawn item: kept with split and shard, or rejected with a reason),
     ledger.parquet (its sums), and picks/ with one small list per packed shard. A checkpoint, so
     that only packed shards whose list changed are written anew.
"""


checkpoint split:
    input:
        screen="results/{dataset}/screen.parquet",
        members=members_of_dataset,
    output:
        selection="results/{dataset}/selection.parquet",
        ledger="results/{dataset}/ledger.parquet",
        picks=directory("results/{dataset}/picks"),
    log:
        "logs/split/{dataset}.log",
    benchmark:
        "logs/benchmarks/split/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(2 * TABLE_MB),
        runtime=growing(60),
    params:
        plan=CATALOGUE.split_plan(),
        pack_items=CATALOGUE.dataset["pack_items"],
    script:
        "../scripts/split.py"
