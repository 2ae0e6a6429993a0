"""The split step: exactly as many images as asked for in each split, and no group torn.

A group (``screen``) goes into one split as a whole. Which one is first of all decided by the hash
of its key and the shares of its first part, so that more items move few of those that are there,
and an origin with groups of its own moves none; a group goes elsewhere only where its own split has
no room for all of it and another has more.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.files import replacing
from touchstone.parts import apportion, numbered
from touchstone.progress import Progress
from touchstone.record import KEPT, LEDGER, REJECTED, SELECTED, TAKEN_OK

SPARE = -1


def split(*, screen: str, plan: list[dict], pack_items: int, selection: str, ledger: str, picks: str, progress: Progress) -> None:
    """Write the selection, its sums, and one pick list per packed shard.

    Args:
        screen: Table of ``record.SCREENED``.
        plan: ``{origin, part, matched, targets: {split: images}}`` of every part, fakes first.
        pack_items: Rows of one packed shard.
        picks: Folder of ``<split>/<packed>.csv``: take shard, row, id and sha256 of each image.
    """
    table = pq.read_table(screen)
    progress.start(len(table))
    names = list(plan[0]["targets"])
    cells = {(part["origin"], part["part"]): number for number, part in enumerate(plan)}
    cell = np.array([cells[key] for key in zip(table["origin"].to_pylist(), table["part"].to_pylist(), strict=True)])
    targets = np.array([[part["targets"][name] for name in names] for part in plan])
    open_rows = np.flatnonzero(table["state"].to_numpy(zero_copy_only=False) == TAKEN_OK)
    rank = table["rank"].to_numpy()
    place = np.full(len(table), SPARE)
    place[open_rows] = assign(cell[open_rows], table["group"].to_numpy()[open_rows], rank[open_rows], targets)
    kept = np.zeros(len(table), dtype=bool)
    fakes = [number for number, part in enumerate(plan) if not part["matched"]]
    _keep(kept, fakes, targets, place, cell, rank, favoured=np.zeros(len(table), dtype=bool))
    reals = [number for number, part in enumerate(plan) if part["matched"]]
    _keep(kept, reals, _matched(targets, reals, kept, place, table), place, cell, rank, favoured=_paired(table, kept))
    packed = _packed_names(plan, names, pack_items, kept, place, cell, rank)
    table = _selected(table, kept, place, names, packed)
    _write(table, plan, pack_items, selection, ledger, picks)
    progress.advance(len(table))
    progress.finish(f"{int(kept.sum()):,} kept")


def assign(cell: np.ndarray, group: np.ndarray, rank: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """A split for every item, so that groups stay whole and ``targets`` can be met.

    Args:
        cell: ``(n,)`` part of each item, a row of ``targets``.
        group: ``(n,)`` uint64 key of each item's group.
        rank: ``(n,)`` place in the draw of its part.
        targets: ``(parts, splits)`` images wanted.

    Returns:
        ``(n,)`` column of ``targets``. Items beyond the targets are assigned too; they are spares.
    """
    room = targets.astype(np.int64).copy()
    place = np.empty(len(cell), dtype=np.int64)
    keys, inverse, sizes = np.unique(group, return_inverse=True, return_counts=True)
    first = np.full(len(keys), len(targets))
    np.minimum.at(first, inverse, cell)
    shares = np.cumsum(targets, axis=1) / np.maximum(targets.sum(axis=1, keepdims=True), 1)
    preferred = np.minimum((shares[first] <= keys[:, None] / 2.0**64).sum(axis=1), targets.shape[1] - 1)
    order = np.argsort(inverse, kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes)])
    large = np.flatnonzero(sizes > 1)
    chance = keys[large].byteswap()  # by key, those that prefer the last split would come last and find it full
    for number in large[np.lexsort((chance, -sizes[large]))]:  # large groups first: they fit worst
        members = order[starts[number] : starts[number + 1]]
        parts, counts = np.unique(cell[members], return_counts=True)
        gain = np.minimum(counts[:, None], np.maximum(room[parts], 0)).sum(axis=0)
        best = preferred[number]
        if gain[best] < gain.max():
            best = int(np.argmax(gain))
        place[members] = best
        room[parts, best] -= counts
    single = sizes[inverse] == 1
    place[single] = preferred[inverse[single]]
    for part in range(len(targets)):
        rows = np.flatnonzero(single & (cell == part))
        _fill(place, rows[np.argsort(rank[rows], kind="stable")], np.maximum(room[part], 0))
    return place


def _fill(place: np.ndarray, rows: np.ndarray, room: np.ndarray) -> None:
    """Move single items from splits with too many to splits with too few, the last ranks first."""
    too_many = [rows[place[rows] == number][wanted:] for number, wanted in enumerate(room)]
    spare = np.sort(np.concatenate(too_many)) if len(rows) else rows
    spare = rows[np.isin(rows, spare)]  # in order of rank again
    for number, wanted in enumerate(room):
        lacking = wanted - int((place[rows] == number).sum())
        if lacking > 0:
            place[spare[:lacking]], spare = number, spare[lacking:]


def _keep(
    kept: np.ndarray,
    parts: list[int],
    targets: np.ndarray,
    place: np.ndarray,
    cell: np.ndarray,
    rank: np.ndarray,
    favoured: np.ndarray,
) -> None:
    """Mark up to ``targets`` items of each part and split: the favoured first, then by rank."""
    for part in parts:
        rows = np.flatnonzero((cell == part) & (place != SPARE))
        rows = rows[np.lexsort((rank[rows], ~favoured[rows]))]
        for number, wanted in enumerate(targets[part]):
            kept[rows[place[rows] == number][:wanted]] = True


def _matched(targets: np.ndarray, reals: list[int], kept: np.ndarray, place: np.ndarray, table: pa.Table) -> np.ndarray:
    """Targets of the reals that match the fakes really kept, in the same mix in every split."""
    fake = kept & (table["label"].to_numpy() == 1)
    matched = targets.copy()
    for number in range(targets.shape[1]):
        shares = {part: targets[part, number] for part in reals if targets[part, number]}
        if shares:
            for part, wanted in apportion(int((fake & (place == number)).sum()), shares).items():
                matched[part, number] = min(wanted, targets[part, number])
    return matched


def _paired(table: pa.Table, kept: np.ndarray) -> np.ndarray:
    """Mask of the real images that kept fakes were made from."""
    pairs = table["paired_real_images"].combine_chunks().filter(pa.array(kept))
    return pc.is_in(table["id"], value_set=pairs.flatten()).to_numpy(zero_copy_only=False)


def _packed_names(
    plan: list[dict], names: list[str], pack_items: int, kept: np.ndarray, place: np.ndarray, cell: np.ndarray, rank: np.ndarray
) -> np.ndarray:
    packed = np.full(len(kept), "", dtype=object)
    for part, entry in enumerate(plan):
        for number in range(len(names)):
            rows = np.flatnonzero(kept & (cell == part) & (place == number))
            rows = rows[np.argsort(rank[rows], kind="stable")]
            for position, shard in enumerate(numbered(len(rows), pack_items, f"{entry['origin']}-{entry['part']}")):
                packed[rows[position * pack_items : (position + 1) * pack_items]] = shard
    return packed


def _selected(table: pa.Table, kept: np.ndarray, place: np.ndarray, names: list[str], packed: np.ndarray) -> pa.Table:
    state, step, reason = (table[name].to_numpy(zero_copy_only=False).astype(object) for name in ("state", "step", "reason"))
    spare = (state == TAKEN_OK) & ~kept
    state[spare], step[spare], reason[spare] = REJECTED, "split", "spare"
    state[kept] = KEPT
    split_name = np.where(kept, np.array([*names, ""], dtype=object)[place], "")
    columns = {"state": state, "step": step, "reason": reason, "split": split_name, "packed": packed}
    for name, values in columns.items():
        field = SELECTED.field(name)
        position = table.schema.get_field_index(name)
        array = pa.array(values, field.type)
        table = table.append_column(field, array) if position < 0 else table.set_column(position, field, array)
    return table.select(SELECTED.names).cast(SELECTED)


def _write(table: pa.Table, plan: list[dict], pack_items: int, selection: str, ledger: str, picks: str) -> None:
    keys = ["origin", "part", "generator", "state", "step", "reason", "split"]
    sums = table.group_by(keys).aggregate([("id", "count")]).rename_columns([*keys, "items"])
    sums = sums.sort_by([(key, "ascending") for key in keys])
    wanted = {(part["origin"], part["part"]): sum(part["targets"].values()) for part in plan}
    column = [wanted[key] for key in zip(sums["origin"].to_pylist(), sums["part"].to_pylist(), strict=True)]
    sums = sums.append_column("wanted", pa.array(column, pa.int64())).select(LEDGER.names).cast(LEDGER)
    if pc.sum(sums["items"]).as_py() != len(table):
        raise TouchstoneError("the ledger does not close", where=ledger, mend="report this; it is a defect of Touchstone")
    for path, rows in ((selection, table), (ledger, sums)):
        with replacing(path) as temporary:
            pq.write_table(rows, temporary, compression="zstd")
    columns = ("origin", "shard", "row", "id", "sha256", "rank", "split", "packed")
    lists: dict[tuple[str, str], list] = {
        (name, shard): []
        for part in plan
        for name, target in part["targets"].items()
        for shard in numbered(target, pack_items, f"{part['origin']}-{part['part']}")
    }
    chosen = table.filter(pc.equal(table["state"], KEPT)).select(columns).to_pylist()
    for row in sorted(chosen, key=lambda row: row["rank"]):
        lists[row["split"], row["packed"]].append([f"{row['origin']}/{row['shard']}", row["row"], row["id"], row["sha256"]])
    for (name, shard), rows in lists.items():
        path = Path(picks, name, f"{shard}.csv")
        with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["shard", "row", "id", "sha256"])
            writer.writerows(rows)
