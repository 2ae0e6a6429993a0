"""fetch: what needs the internet, into resources/; and what is there, before anything is fetched.

In:  the card's files, or the model's sources.
Out: resources/archives/<origin>/ and resources/models/<model>/..., described by a receipt that later
     rules depend on: touching an archive reruns nothing, another archive has another receipt.

`check_origins` looks at names, sizes and counts; `verify_origins` reads everything again. Both only tell.
No job starts while something is missing that only a person can get, or another build is at work in the folder.
"""


onstart:
    try:
        require(CATALOGUE, needed_by(workflow.dag.needrun_jobs()))
        if any(job.output for job in workflow.dag.needrun_jobs()):
            alone.begin()
    except TouchstoneError as error:
        raise WorkflowError(f"\n{error}") from None


rule check_origins:
    log:
        "logs/check_origins.txt",
    localrule: True
    run:
        try:
            check_origins(CATALOGUE, log[0])
        except TouchstoneError as error:
            raise WorkflowError(f"\n{error}") from None


rule verify_origins:
    input:
        receipts=receipts(),
    log:
        "logs/verify_origins/all.log",
    conda:
        "../../envs/touchstone.yaml"
    threads: 4
    resources:
        mem_mb=growing(2000),
        runtime=growing(720),
    script:
        "../scripts/verify_origins.py"


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
        incomplete=may_be_incomplete,
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
        sources=lookup("{model}/sources", within=CATALOGUE.models),
        files=lookup("{model}/files", within=CATALOGUE.models, default={}),
        placed=lookup("models/{model}", within=CATALOGUE.config, default=None),
        folder="resources/models/{model}",
    script:
        "../scripts/fetch_model.py"
