"""Input and parameter functions of the rules, in the order of the data flow; all are one look-up."""

from touchstone.parts import shards_named_in
from touchstone.staged import require_staged


def staged(kind, name):
    """Receipt of an origin (``paths``) or model (``models``), by what config.yaml calls its kind. The files
    it names must be there before anything that needs them is queued.
    """
    receipt = f"resources/receipts/{'models/' * (kind == 'models')}{name}.json"
    try:
        require_staged(receipt, CATALOGUE.config.get(kind, {}).get(name))
    except TouchstoneError as error:
        raise WorkflowError(f"\n{error}") from None
    return receipt


def may_be_incomplete(wildcards):
    """Whether the origin's folders may hold fewer files than its card says."""
    return CATALOGUE.may_be_incomplete(wildcards.origin)


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
    return staged("paths", source) if source else []


def receipt_of_archives(wildcards):
    """Receipt of the archives that images are read from: the origin's, or those of the one that it varies."""
    if CATALOGUE.card(wildcards.origin)["kind"] == "archive":
        return receipt_of_origin(wildcards)
    return receipt_of_source(wildcards)


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


def members_of_dataset(wildcards):
    """Ids that the dataset's lists name, if it has lists."""
    return "results/{dataset}/members.parquet" if CATALOGUE.dataset["members"] else []


def recipe_of_origin(wildcards):
    """Recipe in the origin's card."""
    # Not lookup(), which walks all cards for every job: a third of the time of a large plan.
    return CATALOGUE.card(wildcards.origin)["recipe"]


def receipt_of_model(wildcards):
    """Receipt of the model that the origin's recipe names."""
    return staged("models", CATALOGUE.card(wildcards.origin)["recipe"]["model"])


def receipt_of_prior(wildcards):
    """Receipt of the model that works before, if the recipe names one."""
    prior = CATALOGUE.card(wildcards.origin)["recipe"].get("prior")
    return staged("models", prior["model"]) if prior else []


def archive_to_serve(wildcards):
    """For demonstrations: the zip that a local web server hands out while its origin is scraped."""
    name = CATALOGUE.card(wildcards.origin).get("serve")
    return f"resources/archives/{wildcards.origin}/{name}" if name else None


def pick_of_packed(wildcards):
    """The packed shard's own pick list, known once the split is done."""
    split = checkpoints.split.get(dataset=wildcards.dataset)
    name = f"{wildcards.prefix}-{wildcards.tens}{wildcards.place}"
    return f"{split.output.picks}/{wildcards.split}/{name}.csv"


def formats_of_reals(wildcards):
    """How the real images are encoded, where the fakes are to be encoded alike."""
    matches = CATALOGUE.dataset["images"]["encoding"] == "match"
    return "results/{dataset}/formats.parquet" if matches else []


def shards_to_pack(wildcards):
    """Take shards that the pick list names."""
    folder = f"results/{wildcards.dataset}/origins"
    return [
        ancient(f"{folder}/{shard}.parquet")
        for shard in shards_named_in(pick_of_packed(wildcards))
    ]


include: "inputs_picks.smk"
include: "export_inputs.smk"
