"""The checked catalogue, and what wildcards can be; the first thing every part needs."""

import os
import sys

from snakemake.logging import logger

sys.path.append(f"{workflow.basedir}/workflow/scripts")
# At import numpy's OpenBLAS starts a thread for each core. No step has use for them, and they
# are half of the processor time that a short job takes to start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from touchstone import alone
from touchstone.catalogue import Catalogue
from touchstone.errors import TouchstoneError
from touchstone.exports.outputs import FORMS, SERIES, exports_of
from touchstone.inventory import check_origins, require
from touchstone.scraping.unfinished import set_unfinished_aside

# What the scheduler says at every turn; `quiet` has no word for it but `all`, which hides errors too.
CHATTER = (
    "Select jobs",
    "Execute ",
    "Updating checkpoint",
    "DAG of jobs will be updated",
)


def one_of(names):
    """Regular expression that matches these names and, if there are none, nothing."""
    return "|".join(names) or "(?!)"


def is_no_chatter(record):
    """Whether a line of Snakemake's own log tells something."""
    return not str(record.msg).startswith(CHATTER)


logger.addFilter(is_no_chatter)

try:
    CATALOGUE = Catalogue(config, home=workflow.basedir)
except TouchstoneError as error:
    raise WorkflowError(f"\n{error}") from None

DATASET = CATALOGUE.dataset_name
EXPORTS = exports_of(CATALOGUE)

# Before Snakemake looks at its own locks, which a killed one leaves behind.
if not workflow.is_main_process:
    alone.at_work()
elif builder := alone.look():
    logger.info(f"A build is at work in this folder: {builder}")
else:
    for origin in CATALOGUE.of_kind("urls"):
        set_unfinished_aside(f"results/{DATASET}/origins/{origin}")

# What card and report tell.
ABOUT = {
    key: CATALOGUE.dataset.get(key, "")
    for key in ("title", "description", "seed", "splits", "note")
}
CARDS = CATALOGUE.published_cards()


wildcard_constraints:
    dataset=DATASET,
    origin=one_of(CATALOGUE.cards),
    model=one_of(CATALOGUE.models),
    split=one_of(CATALOGUE.dataset["splits"]),
    shard=r"[a-z0-9_]+-\d{5}",
    # A shard's name in three, so that a profile can put ten into one job.
    prefix=r"[a-z0-9_]+(-[a-z0-9_]+)?",
    tens=r"\d{4}",
    place=r"\d",
    number=r"\d{6}",
    kind="real|fake",
    series=one_of(SERIES),
