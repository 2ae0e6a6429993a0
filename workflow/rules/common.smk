"""What every rule file uses: the checked catalogue, and the files a dataset is made of."""

import sys

sys.path.append(f"{workflow.basedir}/workflow/scripts")

from touchstone.catalogue import Catalogue
from touchstone.errors import TouchstoneError
from touchstone.plan import closing_words

try:
    CATALOGUE = Catalogue(config, home=workflow.basedir)
except TouchstoneError as error:
    raise WorkflowError(f"\n{error}") from None

DATASET = CATALOGUE.dataset_name


wildcard_constraints:
    dataset=DATASET,
    origin="|".join(CATALOGUE.cards),
    model="|".join(CATALOGUE.models),
    split="|".join(CATALOGUE.dataset["splits"]),
    shard=r"[a-z0-9_]+-\d{5}",
    packed=r"[a-z0-9_]+-[a-z0-9_]+-\d{5}",


def built(what, origin=None):
    """Paths of the dataset's take ``shards`` (of one origin) or of its ``packed`` shards."""
    if what == "packed":
        return [f"results/{DATASET}/data/{split}/{shard}.parquet" for split, shard in CATALOGUE.packed()]
    return [
        f"results/{DATASET}/origins/{name}/{shard}.parquet"
        for name in ([origin] if origin else CATALOGUE.origins)
        for shard in CATALOGUE.shards(name)
    ]


def receipt_of_origin(wildcards):
    """Receipt of the origin's files; an origin that only varies another's has none of its own."""
    if CATALOGUE.card(wildcards.origin).get("files"):
        return f"resources/receipts/{wildcards.origin}.json"
    return []


def receipt_of_source(wildcards):
    """Receipt of the origin whose images this one varies."""
    source = CATALOGUE.source_of_pairs(wildcards.origin)
    return f"resources/receipts/{source}.json" if source else []


def one_of(names):
    """Regular expression that matches these names and, if there are none, nothing."""
    return "|".join(names) or "(?!)"
