"""Input and parameter functions of the rules, in the order of the data flow; all are one look-up."""

from touchstone.parts import shards_named_in
from touchstone.staged import require_staged

# Megabytes for a table with a row for each drawn item: 4 kB a row, and room for the libraries.
TABLE_MB = 3000 + sum(part.drawn for part in CATALOGUE.parts) * 4 // 1000


def growing(base):
    """Megabytes or minutes that double with each further try of a job."""

    def doubled(wildcards, attempt):
        return base * 2 ** (attempt - 1)

    return doubled


def staged(receipt):
    """The receipt's path; what it names must be there before anything that needs it is queued."""
    try:
        require_staged(receipt)
    except TouchstoneError as error:
        raise WorkflowError(f"\n{error}") from None
    return receipt


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


def tables():
    """Receipts and tables of the whole build. A step that failed leaves its own missing, which is
    not noticed as long as what an earlier build made of it is there, unless it is asked for.
    """
    models = {
        CATALOGUE.card(name)["recipe"]["model"]
        for name in CATALOGUE.of_kind("generate")
    }
    return [
        *(f"resources/receipts/models/{model}.json" for model in sorted(models)),
        *(
            f"resources/receipts/{name}.json"
            for name, card in CATALOGUE.cards.items()
            if card.get("files")
        ),
        *(f"results/origins/{name}/index.parquet" for name in CATALOGUE.cards),
        *(
            f"results/{DATASET}/origins/{name}/draw.parquet"
            for name in CATALOGUE.origins
        ),
        *(
            f"results/{DATASET}/{name}.parquet"
            for name in ("screen", "selection", "ledger", "manifest")
        ),
    ]


def lists_beside_card(wildcards):
    """Lists that come with the card; a missing one is for fetch_origin to tell of."""
    return [
        path for path in CATALOGUE.lists_beside_card(wildcards.origin) if path.exists()
    ]


def receipt_of_origin(wildcards):
    """Receipt of the origin's files; an origin that only varies another's has none of its own."""
    if CATALOGUE.card(wildcards.origin).get("files"):
        return f"resources/receipts/{wildcards.origin}.json"
    return []


def receipt_of_source(wildcards):
    """Receipt of the origin whose images this one varies."""
    source = CATALOGUE.source_of_pairs(wildcards.origin)
    return staged(f"resources/receipts/{source}.json") if source else []


def index_of_source(wildcards):
    """Index of the origin whose images this one varies."""
    source = CATALOGUE.source_of_pairs(wildcards.origin)
    return f"results/origins/{source}/index.parquet" if source else []


def generators_of(wildcards):
    """Names and release dates of the origin's generators."""
    return CATALOGUE.generator_table(wildcards.origin)


def parts_to_draw(wildcards):
    """How many items are drawn of each generator of the origin."""
    return CATALOGUE.draw_plan(wildcards.origin)


def pick_of_shard(wildcards):
    """The shard's own pick list, known once the draw is done."""
    draw = checkpoints.draw_origin.get(
        dataset=wildcards.dataset, origin=wildcards.origin
    )
    return f"{draw.output.picks}/{wildcards.shard}.parquet"


def recipe_of_origin(wildcards):
    """Recipe in the origin's card."""
    # Not lookup(), which walks all cards for every job: a third of the time of a large plan.
    return CATALOGUE.card(wildcards.origin)["recipe"]


def receipt_of_model(wildcards):
    """Receipt of the model that the origin's recipe names."""
    return staged(
        f"resources/receipts/models/{CATALOGUE.card(wildcards.origin)['recipe']['model']}.json"
    )


def archive_to_serve(wildcards):
    """For demonstrations: the zip that a local web server hands out while its origin is scraped."""
    name = CATALOGUE.card(wildcards.origin).get("serve")
    return f"resources/archives/{wildcards.origin}/{name}" if name else None


def generation_minutes(wildcards, attempt):
    """Expected minutes of a shard, more at every further attempt, and half an hour to spare."""
    return CATALOGUE.minutes_per_shard(wildcards.origin) * attempt + 30


def pick_of_packed(wildcards):
    """The packed shard's own pick list, known once the split is done."""
    split = checkpoints.split.get(dataset=wildcards.dataset)
    return f"{split.output.picks}/{wildcards.split}/{wildcards.packed}.csv"


def shards_to_pack(wildcards):
    """Take shards that the pick list names."""
    folder = f"results/{wildcards.dataset}/origins"
    return [
        ancient(f"{folder}/{shard}.parquet")
        for shard in shards_named_in(pick_of_packed(wildcards))
    ]
