"""Quotas and shares of a dataset file as parts with a target for each split; imported when planning."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from touchstone.checking import suggest
from touchstone.errors import TouchstoneError
from touchstone.parts import REAL, Part, apportion


def wanted_parts(dataset: dict, file: str | Path, cards: dict[str, dict]) -> list[Part]:
    """What is wanted of each generator of each origin: fakes in the order of the file, then reals.

    Reals by ``share`` are as many as the fakes in each split, and of the same mix in all of them.

    Raises:
        TouchstoneError: A quota names no split of the dataset, or fakes of an origin that has none.
    """
    splits = dataset["splits"]
    parts = []
    for origin, entry in dataset.get("fakes", {}).items():
        for generator, quota in _quotas(origin, entry["quota"], file, cards).items():
            targets = _targets(quota, splits, f"{file}: fakes.{origin}.quota")
            parts.append(Part(origin, generator, targets, **_spares(entry, dataset)))
    reals = dataset.get("reals", {})
    shares = {origin: entry["share"] for origin, entry in reals.items() if "share" in entry}
    matched = {split: apportion(sum(part.targets[split] for part in parts), shares) if shares else {} for split in splits}
    for origin, entry in reals.items():
        if origin in shares:
            targets = {split: matched[split][origin] for split in splits}
        else:
            targets = _targets(entry["quota"], splits, f"{file}: reals.{origin}.quota")
        parts.append(Part(origin, REAL, targets, matched=origin in shares, **_spares(entry, dataset)))
    return parts


def check_protocols(dataset: dict, file: str | Path) -> None:
    """Raise a TouchstoneError where ``scored``, a protocol or a list of members names a split there is not.

    And where groups may be torn for no reason: only published lists can do that.
    """
    if dataset["gates"]["torn_groups"] != {"limit": 0, "action": "fail"} and not dataset["members"]:
        raise TouchstoneError(
            "only published lists may tear groups", where=f"{file}: gates.torn_groups", mend="take the gate out"
        )
    splits = dataset["splits"]
    _require_splits(dataset.get("scored", []), splits, f"{file}: scored")
    _require_splits([entry["split"] for entry in dataset["members"]], splits, f"{file}: members")
    for name, protocol in dataset["protocols"].items():
        _require_splits([*protocol.get("train", []), *protocol.get("test", [])], splits, f"{file}: protocols.{name}")


def _require_splits(names: Iterable[str], splits: dict[str, float], where: str) -> None:
    for split in names:
        if split not in splits:
            mend = suggest(split, splits) or f"splits are {', '.join(splits)}"
            raise TouchstoneError(f"there is no split called {split!r}", where=where, mend=mend)


def _spares(entry: dict, dataset: dict) -> dict[str, float]:
    return {"margin": entry.get("margin", dataset["margin"]), "survival": entry.get("survival", 1.0)}


def _targets(quota: int | dict[str, int], splits: dict[str, float], where: str) -> dict[str, int]:
    """Images of each split, given as one number for all or for each."""
    if isinstance(quota, int):
        return apportion(quota, splits)
    _require_splits(quota, splits, where)
    return {split: quota.get(split, 0) for split in splits}


def _quotas(origin: str, quota: int | dict, file: str | Path, cards: dict[str, dict]) -> dict[str, int | dict[str, int]]:
    if isinstance(quota, dict):
        return quota
    names = cards[origin].get("generators", [])
    if not names:
        raise TouchstoneError(
            f"origin {origin!r} holds no generated images",
            where=f"{file}: fakes.{origin}",
            mend="name it under `reals`, or list its generators in its card",
        )
    return dict.fromkeys(names, quota)
