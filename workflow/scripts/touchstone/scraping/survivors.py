"""How many spares a part needs, by what its first addresses have given."""

from __future__ import annotations

import math

import pyarrow.compute as pc

from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.progress import Progress
from touchstone.record import TAKEN_OK
from touchstone.scraping.verdicts import histogram
from touchstone.shards import read_shard

SIGMAS = 4  # standard deviations that the spares are enough by: wrong once in 30,000 times


def count_survivors(*, shards: list[str], part: dict, min_side: int, survivors: str, progress: Progress) -> None:
    """Write how many images the first shards of a part gave, and the last rank that is asked for.

    Args:
        shards: The shards whose addresses are asked for in any case.
        part: ``usable`` images wanted, items ``drawn``, the ``quota`` and its ``max_shortfall``, and the
            ``survival`` that the dataset file expects.
        min_side: Pixels; smaller images are of no use.
        survivors: The JSON file to write.

    Raises:
        TouchstoneError: So few addresses live that all that were drawn cannot give ``floor`` images.
    """
    asked = good = 0
    told = []
    for path in shards:
        table = read_shard(path, ["state", "width", "height", "reason", "scrape"])
        long = pc.greater_equal(pc.min_element_wise(table["width"], table["height"]), min_side)
        good += pc.sum(pc.and_kleene(pc.equal(table["state"], TAKEN_OK), long)).as_py() or 0
        asked += len(table)
        told += zip(table["reason"].to_pylist(), table["scrape"].to_pylist(), strict=True)
    number = spares(good, asked, part["usable"], part["drawn"] - asked)
    rate = good / asked if asked else 0.0
    possible = rate * part["drawn"] + SIGMAS * math.sqrt(part["drawn"] * rate * (1 - rate))
    if asked and possible < part["quota"] * (1 - part["max_shortfall"]):
        raise TouchstoneError(
            f"of {asked:,} addresses {good:,} gave a usable image ({100 * rate:.3g}%, the dataset file expects "
            f"{100 * part['survival']:g}%), so the {part['drawn']:,} that are drawn cannot give the quota of {part['quota']:,} "
            f"({histogram(told)})",
            where=survivors,
            mend=f"set survival of this origin to {max(1, math.floor(90 * rate)) / 100:g} and build again, which asks only for "
            "what is new; or lower its quota; or find another list",
        )
    write_json(survivors, {"asked": asked, "usable": good, "wanted": part["usable"], "last_rank": asked + number - 1})
    progress.say(f"{good:>7,} usable images of {asked:,} addresses; {number:,} spares are asked for")


def spares(good: int, asked: int, wanted: int, most: int) -> int:
    """Spares needed so that images fall short of ``wanted`` by ``SIGMAS`` standard deviations only.

    With the rate r = good / asked, n spares give n r images with a variance of n r (1 - r) (1 + n / asked):
    that of n draws, and that of r itself. The n that is just enough solves a quadratic equation.
    """
    missing, rate = wanted - good, good / asked if asked else 0.0
    if missing <= 0:
        return 0
    spread = SIGMAS**2 * rate * (1 - rate)
    square = rate**2 - (spread / asked if asked else 0)
    if square <= 0:
        return most
    half = rate * missing + spread / 2
    return min(most, math.ceil((half + math.sqrt(half**2 - square * missing**2)) / square))
