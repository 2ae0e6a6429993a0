"""Parts of a dataset (one generator of one origin each), and how they are cut into shards.

Imported when planning, so it needs the standard library only.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from touchstone.errors import TouchstoneError

# Targets, and folders beside those of the origins: no origin is called so.
RESERVED = {"all", "plan", "check_origins", "verify_origins", "check_network", "retry_failures", "compare_scrapes"}
RESERVED |= {"screen", "split", "contact_sheets", "data", "picks", "exports", "survivors"}
REAL = "real"  # stands where a generator's name would, for real images


@dataclass(frozen=True)
class Part:
    """The images of one generator (or the real ones) that a dataset wants from one origin."""

    origin: str
    generator: str  # key in generators.yaml, or REAL
    targets: dict[str, int]  # images wanted in each split
    margin: float
    matched: bool = False  # reals that are as many as the fakes
    survival: float = 1.0  # part of the addresses that are expected to give an image still

    def check_survival(self, kind: str, dataset_file: str | Path) -> None:
        """Raise a ``TouchstoneError`` if nothing of an origin of this kind can die."""
        if self.survival < 1 and kind != "urls":
            raise TouchstoneError(
                f"origin {self.origin!r} is not scraped, so nothing of it dies",
                where=f"{dataset_file}: {self.origin}.survival",
                mend="take the key away, or raise `margin`",
            )

    @property
    def quota(self) -> int:
        """Images wanted, all splits together."""
        return sum(self.targets.values())

    @property
    def drawn(self) -> int:
        """Items drawn: quota x margin / survival, rounded up."""
        return math.ceil(self.quota * self.margin / self.survival - 1e-9)

    @property
    def usable(self) -> int:
        """Images wanted of the take: quota x margin, rounded up. As many are asked for first; the rest are spares."""
        return math.ceil(self.quota * self.margin - 1e-9)

    @property
    def key(self) -> str:
        return f"{self.origin}-{self.generator}"


def apportion(total: int, shares: Mapping[str, float]) -> dict[str, int]:
    """Cut ``total`` into whole numbers in proportion to ``shares`` (largest remainder method).

    Ties go to the earlier key, so the result depends on the order of ``shares`` and nothing else.
    """
    whole = sum(shares.values())
    exact = {key: total * share / whole for key, share in shares.items()}
    cut = {key: math.floor(value + 1e-9) for key, value in exact.items()}
    by_remainder = sorted(exact, key=lambda key: cut[key] - exact[key])
    for key in by_remainder[: total - sum(cut.values())]:
        cut[key] += 1
    return cut


def numbered(total: int, per_shard: int, prefix: str) -> list[str]:
    """Names of the shards that hold ``total`` items: ``prefix-00000`` and so on."""
    return [f"{prefix}-{number:05d}" for number in range(math.ceil(total / per_shard))]


def models_in(recipe: dict) -> list[str]:
    """Models that a recipe of kind ``generate`` uses: its own, and its prior's."""
    return [recipe["model"], *([recipe["prior"]["model"]] if "prior" in recipe else [])]


def shards_named_in(picks: str | Path) -> list[str]:
    """Take shards (``<origin>/<shard>``) that the pick list of a packed shard names, in order."""
    with open(picks, newline="", encoding="utf-8") as file:  # csv: an id may hold a line break
        return list(dict.fromkeys(row["shard"] for row in csv.DictReader(file)))
