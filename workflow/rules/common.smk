"""The checked catalogue, and what wildcards can be; the first thing every part needs."""

import sys

sys.path.append(f"{workflow.basedir}/workflow/scripts")

from touchstone.catalogue import Catalogue
from touchstone.errors import TouchstoneError

try:
    CATALOGUE = Catalogue(config, home=workflow.basedir)
except TouchstoneError as error:
    raise WorkflowError(f"\n{error}") from None

DATASET = CATALOGUE.dataset_name


def one_of(names):
    """Regular expression that matches these names and, if there are none, nothing."""
    return "|".join(names) or "(?!)"


wildcard_constraints:
    dataset=DATASET,
    origin=one_of(CATALOGUE.cards),
    model=one_of(CATALOGUE.models),
    split=one_of(CATALOGUE.dataset["splits"]),
    shard=r"[a-z0-9_]+-\d{5}",
    packed=r"[a-z0-9_]+-[a-z0-9_]+-\d{5}",
