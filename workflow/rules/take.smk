"""take: drawn items into shards: the bytes unchanged, the facts, and a state with its reason.

In:  a pick list, and what the origin's kind needs: archives, the web, or a model.
Out: results/<dataset>/origins/<origin>/<shard>.parquet, rows of record.TAKEN. One rule per kind,
     one contract: after this step nobody asks where a picture came from.
"""


def pick_of_shard(wildcards):
    """The shard's own pick list, known once the draw is done."""
    draw = checkpoints.draw_origin.get(dataset=wildcards.dataset, origin=wildcards.origin)
    return f"{draw.output.picks}/{wildcards.shard}.parquet"


def model_receipt(wildcards):
    """Receipt of the model that the origin's recipe names."""
    return f"resources/receipts/models/{CATALOGUE.card(wildcards.origin)['recipe']['model']}.json"


def generation_minutes(wildcards, attempt):
    """Expected minutes of a shard, with half an hour to spare, doubled at every further attempt."""
    return CATALOGUE.minutes_per_shard(wildcards.origin) * attempt + 30


def archive_to_serve(wildcards):
    """For demonstrations: the zip that a local web server hands out while its origin is scraped."""
    name = CATALOGUE.card(wildcards.origin).get("serve")
    return f"resources/archives/{wildcards.origin}/{name}" if name else None


rule adopt_shard:
    input:
        picks=pick_of_shard,
        receipt=receipt_of_origin,
    output:
        shard="results/{dataset}/origins/{origin}/{shard}.parquet",
    log:
        "logs/adopt_shard/{dataset}/{origin}/{shard}.log",
    benchmark:
        "logs/benchmarks/adopt_shard/{dataset}/{origin}/{shard}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("archive")),
    resources:
        mem="2G",
        runtime="1h",
    params:
        recipe=lookup("{origin}/recipe", within=CATALOGUE.cards),
    script:
        "../scripts/adopt_shard.py"


rule scrape_shard:
    input:
        picks=pick_of_shard,
        receipt=receipt_of_origin,
    output:
        shard="results/{dataset}/origins/{origin}/{shard}.parquet",
    log:
        "logs/scrape_shard/{dataset}/{origin}/{shard}.log",
    benchmark:
        "logs/benchmarks/scrape_shard/{dataset}/{origin}/{shard}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("urls")),
    retries: 1
    threads: 2
    resources:
        network=1,
        mem="4G",
        runtime="4h",
    params:
        recipe=lookup("{origin}/recipe", within=CATALOGUE.cards),
        serve=archive_to_serve,
    script:
        "../scripts/scrape_shard.py"


rule generate_shard:
    input:
        picks=pick_of_shard,
        model=model_receipt,
        source=receipt_of_source,
    output:
        shard="results/{dataset}/origins/{origin}/{shard}.parquet",
    log:
        "logs/generate_shard/{dataset}/{origin}/{shard}.log",
    benchmark:
        "logs/benchmarks/generate_shard/{dataset}/{origin}/{shard}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("generate")),
    retries: 1
    threads: 2
    resources:
        gpu=4,
        nodes=1,
        mem="64G",
        runtime=generation_minutes,
    params:
        recipe=lookup("{origin}/recipe", within=CATALOGUE.cards),
    script:
        "../scripts/generate_shard.py"
