"""list: every item of an origin as a row, before any pixel is read.

In:  the origin's receipt; for an origin that varies another's images, that origin's index too.
Out: results/origins/<origin>/index.parquet, one row of record.ITEM per item; on demand files.csv beside
     it: which files of the origin's folders and archives the index uses, and what lists name in vain.
"""


rule list_origin:
    input:
        receipt=receipt_of_origin,
        pairs=index_of_source,
    output:
        index="results/origins/{origin}/index.parquet",
    log:
        "logs/list_origin/{origin}.log",
    benchmark:
        "logs/benchmarks/list_origin/{origin}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        recipe=lookup("{origin}/recipe", within=CATALOGUE.cards),
        licence=lookup("{origin}/licence", within=CATALOGUE.cards),
        kind=lookup("{origin}/kind", within=CATALOGUE.cards),
        generators=generators_of,
    script:
        "../scripts/list_origin.py"


rule list_files:
    input:
        receipt=receipt_of_origin,
        index="results/origins/{origin}/index.parquet",
    output:
        table="results/origins/{origin}/files.csv",
    log:
        "logs/list_files/{origin}.log",
    benchmark:
        "logs/benchmarks/list_files/{origin}.jsonl"
    conda:
        "../../envs/touchstone.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        reader=lookup("{origin}/recipe/reader", within=CATALOGUE.cards),
    script:
        "../scripts/list_files.py"
