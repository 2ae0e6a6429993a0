"""pack: the finished shards, one split of one generator of one origin each.

In:  a pick list and the take shards it names. They are `ancient`: the list holds the checksum of
     every image, so a shard made again with the same images packs nothing anew.
Out: results/<dataset>/data/<split>/<shard>.parquet, rows of record.PACKED.
"""

from touchstone.catalogue import shards_named_in


def pick_of_packed(wildcards):
    """The packed shard's own pick list, known once the split is done."""
    split = checkpoints.split.get(dataset=wildcards.dataset)
    return f"{split.output.picks}/{wildcards.split}/{wildcards.packed}.csv"


def shards_to_pack(wildcards):
    """Take shards that the pick list names."""
    folder = f"results/{wildcards.dataset}/origins"
    return [ancient(f"{folder}/{shard}.parquet") for shard in shards_named_in(pick_of_packed(wildcards))]


rule pack_shard:
    input:
        picks=pick_of_packed,
        shards=shards_to_pack,
    output:
        packed="results/{dataset}/data/{split}/{packed}.parquet",
    log:
        "logs/pack_shard/{dataset}/{split}/{packed}.log",
    benchmark:
        "logs/benchmarks/pack_shard/{dataset}/{split}/{packed}.jsonl"
    resources:
        mem="2G",
        runtime="1h",
    params:
        folder="results/{dataset}/origins",
    script:
        "../scripts/pack_shard.py"
