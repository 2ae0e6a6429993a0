"""scrape: what goes with the shards of addresses: how many spares are needed, old failures, the network.

In:  take shards.
Out: survivors/<part>.json, on which the shards of spares depend. `retry_failures` sets shards aside
     that hold failures worth another try; `check_network` and `compare_scrapes` only tell.
"""


include: "inputs_scrape.smk"


rule count_survivors:
    input:
        shards=shards_before_spares,
    output:
        survivors="results/{dataset}/origins/{origin}/survivors/{part}.json",
    log:
        "logs/count_survivors/{dataset}/{origin}/{part}.log",
    benchmark:
        "logs/benchmarks/count_survivors/{dataset}/{origin}/{part}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("urls")),
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    params:
        part=part_to_count,
        min_side=CATALOGUE.dataset["screen"]["min_side"],
    script:
        "../scripts/count_survivors.py"


rule retry_failures:
    log:
        "logs/retry_failures.log",
    localrule: True
    conda:
        "../../envs/touchstone.yaml"
    params:
        shards=[
            shard
            for origin in CATALOGUE.of_kind("urls")
            for shard in built("shards", origin)
        ],
    script:
        "../scripts/retry_failures.py"


rule check_network:
    log:
        "logs/check_network.log",
    benchmark:
        "logs/benchmarks/check_network/last.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        network=1,
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        recipes=recipes_of_lists(),
        indices=lists_of_addresses(),
    script:
        "../scripts/check_network.py"


rule compare_scrapes:
    log:
        "logs/compare_scrapes.log",
    localrule: True
    conda:
        "../../envs/touchstone.yaml"
    params:
        shards=[
            shard
            for origin in CATALOGUE.of_kind("urls")
            for shard in built("shards", origin)
        ],
        dataset=f"results/{DATASET}",
        earlier=CATALOGUE.config.get("earlier"),
    script:
        "../scripts/compare_scrapes.py"
