"""fetch: what needs the internet, into resources/.

In:  the card's files, or the model's source.
Out: resources/archives/<origin>/ and resources/models/<model>/..., described by a receipt that later
     rules depend on: touching an archive reruns nothing, another archive has another receipt.
"""


rule fetch_origin:
    input:
        lists=lists_beside_card,
    output:
        receipt="resources/receipts/{origin}.json",
    log:
        "logs/fetch_origin/{origin}.log",
    benchmark:
        "logs/benchmarks/fetch_origin/{origin}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        network=1,
        mem_mb=growing(2000),
        runtime="4h",
    params:
        card=lookup("{origin}/file", within=CATALOGUE.cards),
        files=lookup("{origin}/files", within=CATALOGUE.cards),
        access=lookup("{origin}/access", within=CATALOGUE.cards),
        instructions=lookup("{origin}/instructions", within=CATALOGUE.cards, default=""),
        placed=lookup("paths/{origin}", within=CATALOGUE.config, default=None),
        folder="resources/archives/{origin}",
    script:
        "../scripts/fetch_origin.py"


rule fetch_model:
    output:
        receipt="resources/receipts/models/{model}.json",
    log:
        "logs/fetch_model/{model}.log",
    benchmark:
        "logs/benchmarks/fetch_model/{model}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        network=1,
        mem_mb=growing(4000),
        runtime="4h",
    params:
        source=lookup("{model}/source", within=CATALOGUE.models),
        revision=lookup("{model}/revision", within=CATALOGUE.models, default=None),
        folder="resources/models/{model}",
    script:
        "../scripts/fetch_model.py"
