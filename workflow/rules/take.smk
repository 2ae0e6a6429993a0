"""take: drawn items into shards: the bytes unchanged, the facts, and a state with its reason.

In:  a pick list, and what the origin's kind needs: archives, the web, a model, or a service.
Out: results/<dataset>/origins/<origin>/<shard>.parquet, rows of record.TAKEN. One rule per kind,
     one contract: after this step nobody asks where a picture came from. The receipts of archives are `ancient`:
     the pick list says what it reads of them, and a shard that reads no changed file stays.
Archives that can only be read from front to back are read once for all shards of the origin: what
was drawn of them lies in unrolled.zip. This is a checkpoint, so that after a larger draw only the
shards whose list changed are taken anew; as an `ancient` input it would hide what shards are missing.
"""


checkpoint unroll_origin:
    input:
        picks=picks_of_origin,
        receipt=receipt_of_archives,
    output:
        unrolled="results/{dataset}/origins/{origin}/unrolled.zip",
    log:
        "logs/unroll_origin/{dataset}/{origin}.log",
    benchmark:
        "logs/benchmarks/unroll_origin/{dataset}/{origin}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.streamed),
    conda:
        "../../envs/touchstone.yaml"
    threads: 4
    resources:
        mem_mb=growing(8000),
        runtime=growing(180),
    script:
        "../scripts/unroll_origin.py"


rule adopt_shard:
    input:
        picks=pick_of_adopted,
        receipt=ancient(receipt_of_origin),
    output:
        shard="results/{dataset}/origins/{origin}/{prefix}-{tens}{place}.parquet",
    log:
        "logs/adopt_shard/{dataset}/{origin}/{prefix}-{tens}{place}.log",
    benchmark:
        "logs/benchmarks/adopt_shard/{dataset}/{origin}/{prefix}-{tens}{place}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("archive")),
    conda:
        "../../envs/touchstone.yaml"
    threads: 1  # it decodes in two: they use a core that other jobs leave; more help images of a megapixel
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        unrolled="results/{dataset}/origins/{origin}/unrolled.zip",
        recipe=recipe_of_origin,
    script:
        "../scripts/adopt_shard.py"


# `update`: what an earlier shard holds is not asked for again.
rule scrape_shard:
    input:
        picks=pick_of_shard,
        receipt=receipt_of_origin,
        survivors=survivors_before,
        blocked=CATALOGUE.config.get("blocked", []),
    output:
        shard=update("results/{dataset}/origins/{origin}/{shard}.parquet"),
    log:
        "logs/scrape_shard/{dataset}/{origin}/{shard}.log",
    benchmark:
        "logs/benchmarks/scrape_shard/{dataset}/{origin}/{shard}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("urls")),
    retries: 1
    conda:
        "../../envs/touchstone.yaml"
    threads: 4
    resources:
        network=1,
        mem_mb=growing(4000),
        runtime="4h",
    params:
        recipe=recipe_of_origin,
        serve=archive_to_serve,
    script:
        "../scripts/scrape_shard.py"


rule generate_shard:
    input:
        picks=pick_of_unrolled,
        model=receipt_of_model,
        prior=receipt_of_prior,
        source=ancient(receipt_of_source),
    output:
        shard="results/{dataset}/origins/{origin}/{shard}.parquet",
    log:
        "logs/generate_shard/{dataset}/{origin}/{shard}.log",
        gpus="logs/gpus/{dataset}/{origin}/{shard}.json",
    benchmark:
        "logs/benchmarks/generate_shard/{dataset}/{origin}/{shard}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("generate")),
    conda:
        "../../envs/touchstone.yaml"
    threads: 2
    resources:
        gpu=4,
        nodes=1,
        mem_mb=growing(64000),
        runtime=generation_minutes,
    params:
        recipe=recipe_of_origin,
        compiled="resources/compiled",
    script:
        "../scripts/generate_shard.py"


# The card is a path, not a file to depend on: another budget or pace makes nothing anew.
rule request_shard:
    input:
        picks=pick_of_unrolled,
        source=ancient(receipt_of_source),
    output:
        shard="results/{dataset}/origins/{origin}/{shard}.parquet",
    log:
        "logs/request_shard/{dataset}/{origin}/{shard}.log",
    benchmark:
        "logs/benchmarks/request_shard/{dataset}/{origin}/{shard}.jsonl"
    wildcard_constraints:
        origin=one_of(CATALOGUE.of_kind("api")),
    conda:
        "../../envs/touchstone.yaml"
    threads: 2
    resources:
        network=1,
        api=1,
        mem_mb=growing(4000),
        runtime="4h",
    params:
        card=lookup("{origin}/file", within=CATALOGUE.cards),
        recipe=recipe_of_origin,
        paid="resources/paid/{origin}",
    script:
        "../scripts/request_shard.py"
