"""What there is to be made of the dataset: paths that follow from the configuration alone."""


def built(what, origin=None):
    """Paths of the dataset's take ``shards`` (of one origin) or of its ``packed`` shards."""
    if what == "packed":
        return [
            f"results/{DATASET}/data/{split}/{shard}.parquet"
            for split, shard in CATALOGUE.packed()
        ]
    return [
        f"results/{DATASET}/origins/{name}/{shard}.parquet"
        for name in ([origin] if origin else CATALOGUE.origins)
        for shard in CATALOGUE.shards(name)
    ]


def receipts():
    """Receipts of all models and origins that the dataset needs."""
    return [
        *(
            f"resources/receipts/models/{model}.json"
            for model in CATALOGUE.models_used()
        ),
        *(
            f"resources/receipts/{name}.json"
            for name, card in CATALOGUE.cards.items()
            if card.get("files")
        ),
    ]


def tables():
    """Receipts and tables of the whole build. A step that failed leaves its own missing, which is
    not noticed as long as what an earlier build made of it is there, unless it is asked for.
    """
    return [
        *receipts(),
        *(f"results/origins/{name}/index.parquet" for name in CATALOGUE.cards),
        *(
            f"results/{DATASET}/origins/{name}/draw.parquet"
            for name in CATALOGUE.origins
        ),
        *(
            f"results/{DATASET}/origins/{name}/unrolled.zip"
            for name in CATALOGUE.streamed
        ),
        *(
            f"results/{DATASET}/{name}.parquet"
            for name in ("screen", "selection", "ledger", "manifest", "protocols")
        ),
        *(
            f"results/{DATASET}/membership.csv"
            for _ in CATALOGUE.dataset["members"][:1]
        ),
    ]


def published():
    """What users of the finished dataset read."""
    names = (
        "gates.json",
        "report.html",
        "README.md",
        "citations.bib",
        "croissant.json",
        "summary.txt",
    )
    return [f"results/{DATASET}/{name}" for name in names]


def needed_by(jobs):
    """Origins and models whose files these jobs read, and services that they ask."""
    jobs = list(jobs)
    readers = {"fetch_origin", "fetch_model", "list_origin", "adopt_shard"}
    services = {
        f"service {job.wildcards.origin}"
        for job in jobs
        if job.rule.name == "request_shard"
    }
    return services | {
        job.wildcards.get("origin") or f"model {job.wildcards.model}"
        for job in jobs
        if job.rule.name in readers
    }
