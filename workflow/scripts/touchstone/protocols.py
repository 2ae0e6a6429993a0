"""Protocols: who trains on what and is tested on what, as cells of the images and folds of cells.

A protocol cuts the images into named cells (a window of generators, a family, a kind of content, a fold of
groups), and says for each of its folds which cells of which splits train and which test. No image is copied.
Splits tear no group, so a fold that trains and tests on different splits does not either; folds ``by: group``
use all splits and are whole groups.
"""

from __future__ import annotations

import csv
import datetime
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.assign import mixed
from touchstone.draw import rank_keys
from touchstone.errors import TouchstoneError
from touchstone.files import replacing
from touchstone.parts import apportion
from touchstone.progress import Progress
from touchstone.record import KEPT
from touchstone.versions import read_table

COLUMNS = ["id", "split", "label", "origin", "generator", "content", "file", "row"]
FOLDS = ["protocol", "fold", "role", "split", "cell"]
FAKE, UNKNOWN = 1, "unknown"


def write_protocols(
    *,
    manifest: str,
    selection: str,
    generators: dict[str, dict],
    protocols: dict[str, dict],
    splits: list[str],
    scored: list[str],
    seed: int,
    images: str,
    folds: str,
    progress: Progress,
) -> None:
    """Write the table of images, with family, date, group and one column of cells per protocol, and that of folds.

    Args:
        generators: ``{name: {family, released}}``.
        protocols: The dataset's ``protocols``: ``{name: {by, window, cuts, folds, held_out, train, test}}``.
        splits: All splits; the first trains unless a protocol says otherwise.
        scored: Splits that test unless a protocol says otherwise.
        images: Parquet table to write; rows of the manifest.
        folds: csv to write: protocol, fold, role (train or test), split, cell.

    Raises:
        TouchstoneError: A protocol has a single cell, or holds out what is not there.
    """
    table = read_table(manifest, "manifest", COLUMNS)
    progress.start(len(protocols), "protocols")
    names = table["generator"].to_numpy(zero_copy_only=False)
    known = {name: generators.get(name, {}) for name in dict.fromkeys(names.tolist())}
    for column in ("family", "released"):
        values = {name: entry.get(column) for name, entry in known.items()} | {"": None}
        table = table.append_column(column, pa.array([values[name] for name in names.tolist()], pa.string()))
    kept = read_table(selection, "selection", ["id", "group"], filters=[("state", "==", KEPT)]).combine_chunks()
    group = kept["group"].take(pc.index_in(table["id"], value_set=kept["id"].combine_chunks())).to_numpy()
    table = table.append_column("group", pa.array(group))
    rows = []
    for name, protocol in protocols.items():
        cells, order = _cells(name, table, protocol, seed)
        table = table.append_column(name, pa.array(cells, pa.string()))
        by_group = protocol["by"] == "group"
        train = protocol.get("train", splits if by_group else splits[:1])
        test = protocol.get("test", splits if by_group else scored)
        own = _folds(name, protocol, order, train, test)
        for fold, torn in _torn(table, name, own).items():
            progress.say(f"{name}, {fold}: {torn:,} groups train and test, because the splits or `train` and `test` let them")
        rows += [(name, *row) for row in own]
        progress.advance()
    with replacing(images) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    with replacing(folds) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([FOLDS, *rows])
    progress.finish(f"{len({row[:2] for row in rows})} folds")


def _cells(name: str, table: pa.Table, protocol: dict, seed: int) -> tuple[list[str], list[str]]:
    """The cell of every image, and all cells in their order."""
    if protocol["by"] == "group":
        number = mixed(table["group"].to_numpy()) % np.uint64(protocol["folds"])
        order = [f"fold_{fold}" for fold in range(protocol["folds"])]
        return [order[fold] for fold in number.tolist()], order
    if protocol["by"] == "content":
        cells = [content or UNKNOWN for content in table["content"].to_pylist()]
        return cells, _several(name, sorted(set(cells)))
    first: dict[str, tuple] = {}
    for generator, family, released in zip(*(table[key].to_pylist() for key in ("generator", "family", "released")), strict=True):
        if generator:
            first[generator] = (released or "", family or generator)
    in_time = sorted(first, key=lambda generator: (first[generator][0], generator))
    if protocol["by"] == "released" and "window" in protocol:
        cell = {generator: f"window_{place // protocol['window']}" for place, generator in enumerate(in_time)}
    elif protocol["by"] == "released":
        cuts = sorted(datetime.date.fromisoformat(cut).isoformat() for cut in protocol["cuts"])
        cell = {generator: f"period_{sum(cut <= first[generator][0] for cut in cuts)}" for generator in in_time}
    elif protocol["by"] == "family":
        cell = {generator: first[generator][1] for generator in in_time}
    else:
        cell = {generator: generator for generator in in_time}
    order = _several(name, list(dict.fromkeys(cell[generator] for generator in in_time)))
    return _dealt(table, cell, order, seed), order


def _several(name: str, order: list[str]) -> list[str]:
    if len(order) < 2:
        raise TouchstoneError(
            f"all images of this dataset are of one cell: {', '.join(order)}",
            where=f"protocols.{name}",
            mend="cut by something else, or take the protocol out of the dataset file",
        )
    return order


def _dealt(table: pa.Table, cell: dict[str, str], order: list[str], seed: int) -> list[str]:
    """Cells of fakes by generator; of each split and origin, reals are dealt to cells in proportion to the fakes."""
    cells = np.array([cell.get(name, "") for name in table["generator"].to_pylist()], dtype=object)
    label = table["label"].to_numpy()
    split, origin = (table[key].to_numpy(zero_copy_only=False) for key in ("split", "origin"))
    chance = rank_keys(seed, table["id"].to_pylist())
    for here in sorted(set(split.tolist())):
        fakes = {key: int(((split == here) & (label == FAKE) & (cells == key)).sum()) for key in order}
        for place in sorted(set(origin[label != FAKE].tolist())):
            rows = np.flatnonzero((split == here) & (label != FAKE) & (origin == place))
            shares = apportion(len(rows), fakes if any(fakes.values()) else dict.fromkeys(order, 1))
            cells[rows[np.argsort(chance[rows], kind="stable")]] = np.repeat(order, [shares[key] for key in order])
    return cells.tolist()


def _folds(name: str, protocol: dict, order: list[str], train: list[str], test: list[str]) -> list[tuple[str, str, str, str]]:
    """Rows ``fold, role, split, cell``."""
    if protocol["by"] == "released":  # what was there before, and what came next
        pairs = {f"before_{cell}": (order[:place], [cell]) for place, cell in enumerate(order) if place}
    elif "held_out" in protocol:
        if strange := set(protocol["held_out"]) - set(order):
            raise TouchstoneError(
                f"nothing in this dataset is called {sorted(strange)[0]!r}",
                where=f"protocols.{name}.held_out",
                mend=f"there are: {', '.join(order)}",
            )
        pairs = {"held_out": ([cell for cell in order if cell not in protocol["held_out"]], protocol["held_out"])}
    else:
        pairs = {f"without_{cell}": ([other for other in order if other != cell], [cell]) for cell in order}
    rows = []
    for fold, (learnt, met) in pairs.items():
        rows += [(fold, "train", split, cell) for split, cell in product(train, learnt)]
        rows += [(fold, "test", split, cell) for split, cell in product(test, met)]
    return rows


def _torn(table: pa.Table, name: str, folds: list[tuple[str, str, str, str]]) -> dict[str, int]:
    """Folds in which groups stand on both sides, and how many."""
    place = pc.binary_join_element_wise(table["split"], table[name], "\t").to_numpy(zero_copy_only=False)
    where, index = np.unique(place.astype(str), return_inverse=True)
    group, torn = table["group"].to_numpy(), {}
    for fold in dict.fromkeys(row[0] for row in folds):
        sides = []
        for role in ("train", "test"):
            cells = [f"{split}\t{cell}" for key, side, split, cell in folds if (key, side) == (fold, role)]
            sides.append(np.unique(group[np.isin(where, cells)[index]]))
        if both := len(np.intersect1d(*sides, assume_unique=True)):
            torn[fold] = both
    return torn


def phrase(protocol: dict) -> str:
    """What a protocol does, as a phrase."""
    by = {"released": "release date", "group": "groups"}.get(protocol["by"], protocol["by"])
    if "window" in protocol:
        return f"windows of {protocol['window']} generators by {by}: trained on all before, tested on the next"
    if "cuts" in protocol:
        return f"periods by {by}, cut at {', '.join(protocol['cuts'])}: trained on all before, tested on the next"
    if "folds" in protocol:
        return f"{protocol['folds']} folds of whole groups"
    return f"by {by}: " + (f"{', '.join(protocol['held_out'])} held out" if "held_out" in protocol else "each left out once")
