"""pack: the finished shards, one split of one generator of one origin each.

In:  a pick list and the take shards it names. They are `ancient`: the list holds the checksum of
     every image, so a shard made again with the same images packs nothing anew.
Out: results/<dataset>/data/<split>/<shard>.parquet, rows of record.PACKED.
"""


rule pack_shard:
    input:
        picks=pick_of_packed,
        shards=shards_to_pack,
        formats=formats_of_reals,
    output:
        packed="results/{dataset}/data/{split}/{prefix}-{tens}{place}.parquet",
    log:
        "logs/pack_shard/{dataset}/{split}/{prefix}-{tens}{place}.log",
    benchmark:
        "logs/benchmarks/pack_shard/{dataset}/{split}/{prefix}-{tens}{place}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    threads: 1  # its threads wait for each other and for the disk, so as many shards as there are cores fill them
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        folder="results/{dataset}/origins",
        images=CATALOGUE.dataset["images"],
        seed=CATALOGUE.dataset["seed"],
    script:
        "../scripts/pack_shard.py"


rule count_formats:
    input:
        selection="results/{dataset}/selection.parquet",
    output:
        formats="results/{dataset}/formats.parquet",
    log:
        "logs/count_formats/{dataset}.log",
    benchmark:
        "logs/benchmarks/count_formats/{dataset}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    script:
        "../scripts/count_formats.py"
