"""The split step: exactly as many images as asked for in each split, and no group torn.

Which split a group (``screen``) goes to is decided by ``assign``. Of what lies in a split, fakes are kept by
rank; reals of origins with a share are as many as the fakes kept, those that fakes were made from first.
Whole columns are held for what decides; texts are read and written again in batches, so memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from touchstone.assign import assign
from touchstone.errors import TouchstoneError
from touchstone.files import replacing
from touchstone.members import listed_split
from touchstone.parts import apportion, numbered
from touchstone.progress import Progress
from touchstone.record import KEPT, LEDGER, REJECTED, SELECTED, TAKEN_OK
from touchstone.versions import SEALED, read_table, stamped

SPARE = -1
BATCH = 1 << 17  # rows read and written at a time


def split(
    *,
    screen: str,
    plan: list[dict],
    pack_items: int,
    selection: str,
    ledger: str,
    picks: str,
    progress: Progress,
    members: str | None = None,
) -> None:
    """Write the selection, its sums, and one pick list per packed shard.

    Args:
        screen: Table of ``record.SCREENED``.
        plan: ``{origin, part, matched, targets: {split: images}}`` of every part, fakes first.
        pack_items: Rows of one packed shard.
        picks: Folder of ``<split>/<packed>.csv``: take shard, row, id and sha256 of each image.
        members: Table of ids and the split that each is to be in, whatever its group; others fill what is missing.
    """
    table = _read(screen, ["origin", "part", "state", "label", "group", "rank"])
    progress.start(len(table))
    names = list(plan[0]["targets"])
    cell = _cells(table, plan, screen)
    targets = np.array([[part["targets"][name] for name in names] for part in plan])
    matched = np.array([part["matched"] for part in plan])
    is_open = pc.equal(table["state"], TAKEN_OK).to_numpy()
    rank, label = table["rank"].to_numpy(), table["label"].to_numpy()
    place = np.full(len(table), SPARE, dtype=np.int8)
    group, rest, free = table["group"].to_numpy(), targets, is_open
    del table
    if members:
        listed = listed_split(_read(screen, ["id"])["id"], members, names)
        place[is_open] = listed[is_open]
        free = is_open & (listed == SPARE)
        rest = np.maximum(targets - _counts(is_open & ~free, targets, place, cell), 0)
    place[free] = assign(cell[free], group[free], rest, np.where(matched, 1, 2))
    kept = _first(is_open & ~matched[cell], targets, place, cell, rank)
    if matched.any():
        wanted = _matched(targets, matched, kept & (label == 1), place)
        kept |= _first(is_open & matched[cell], wanted, place, cell, rank, favoured=_paired(screen, kept))
    packed = _packed(kept, place, cell, rank, len(names), pack_items)
    _write_selection(screen, plan, names, kept, place, cell, packed, selection, ledger, progress)
    _write_picks(screen, plan, names, kept, place, cell, rank, pack_items, picks)
    progress.finish(f"{int(kept.sum()):,} kept")


def _read(screen: str, columns: list[str]) -> pa.Table:
    texts = [name for name in ("origin", "part", "state", "shard") if name in columns]
    return read_table(screen, "screen", columns, read_dictionary=texts).unify_dictionaries()


def _cells(table: pa.Table, plan: list[dict], screen: str) -> np.ndarray:
    """Row of the plan for each row of the table."""
    origin, part = (table[name].combine_chunks() for name in ("origin", "part"))
    numbers = {(entry["origin"], entry["part"]): number for number, entry in enumerate(plan)}
    rows = [[numbers.get((name, key), -1) for key in part.dictionary.to_pylist()] for name in origin.dictionary.to_pylist()]
    cell = np.array(rows, dtype=np.int64)[origin.indices.to_numpy(), part.indices.to_numpy()] if len(table) else np.zeros(0, int)
    if (cell < 0).any():
        raise TouchstoneError(
            "the table holds a part that the dataset file does not name", where=screen, mend=f"snakemake --forcerun {screen}"
        )
    return cell


def _first(
    rows: np.ndarray,
    targets: np.ndarray,
    place: np.ndarray,
    cell: np.ndarray,
    rank: np.ndarray,
    favoured: np.ndarray | None = None,
) -> np.ndarray:
    """Mask of up to ``targets`` of the ``rows`` in each part and split: the favoured first, then by rank."""
    rows = np.flatnonzero(rows)
    key = cell[rows] * targets.shape[1] + place[rows]
    order = np.lexsort((rank[rows], *([] if favoured is None else [~favoured[rows]]), key))
    kept = np.zeros(len(place), dtype=bool)
    kept[rows[order]] = _position(key[order]) < targets.ravel()[key[order]]
    return kept


def _counts(rows: np.ndarray, targets: np.ndarray, place: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Rows in each part and split."""
    key = cell[rows] * targets.shape[1] + place[rows]
    return np.bincount(key, minlength=targets.size).reshape(targets.shape)


def _position(key: np.ndarray) -> np.ndarray:
    """Place of each row among those with its key; equal keys stand together."""
    first = np.flatnonzero(np.diff(key, prepend=-1))
    return np.arange(len(key)) - np.repeat(first, np.diff(first, append=len(key)))


def _matched(targets: np.ndarray, matched: np.ndarray, fakes: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Targets of the reals that match the fakes really kept, in the same mix in every split."""
    result = targets.copy()
    there = np.bincount(place[fakes], minlength=targets.shape[1])
    for number, count in enumerate(there):
        shares = {part: targets[part, number] for part in np.flatnonzero(matched) if targets[part, number]}
        if shares:
            for part, wanted in apportion(int(count), shares).items():
                result[part, number] = min(wanted, targets[part, number])
    return result


def _paired(screen: str, kept: np.ndarray) -> np.ndarray:
    """Mask of the real images that kept fakes were made from."""
    pairs = _read(screen, ["paired_real_images"])["paired_real_images"].filter(pa.array(kept))
    named = pc.unique(pc.list_flatten(pairs))
    mask = [pc.is_in(batch["id"], value_set=named) for batch in _batches(screen, ["id"])]
    return pa.chunked_array(mask, pa.bool_()).to_numpy()


def _packed(kept: np.ndarray, place: np.ndarray, cell: np.ndarray, rank: np.ndarray, splits: int, pack_items: int) -> np.ndarray:
    """Number of each kept row's packed shard within its part and split."""
    rows = np.flatnonzero(kept)
    key = cell[rows] * splits + place[rows]
    order = np.lexsort((rank[rows], key))
    packed = np.zeros(len(kept), dtype=np.int32)
    packed[rows[order]] = _position(key[order]) // pack_items
    return packed


def _batches(screen: str, columns: list[str] | None = None) -> Iterator[pa.Table]:
    with pq.ParquetFile(screen, page_checksum_verification=True) as file:
        for batch in file.iter_batches(batch_size=BATCH, columns=columns):
            yield pa.Table.from_batches([batch])


def _write_selection(
    screen: str,
    plan: list[dict],
    names: list[str],
    kept: np.ndarray,
    place: np.ndarray,
    cell: np.ndarray,
    packed: np.ndarray,
    selection: str,
    ledger: str,
    progress: Progress,
) -> None:
    keys = ["origin", "part", "generator", "state", "step", "reason", "split"]
    sums, start = [], 0
    with (
        replacing(selection) as temporary,
        pq.ParquetWriter(temporary, stamped(SELECTED), **SEALED) as writer,
    ):
        for table in _batches(screen):
            here = slice(start, start + len(table))
            table = _judged(table, plan, names, kept[here], place[here], cell[here], packed[here])
            writer.write_table(table)
            sums.append(table.group_by(keys).aggregate([("id", "count")]))
            start += len(table)
            progress.advance(len(table))
    counts = pa.concat_tables(sums or [SELECTED.empty_table().group_by(keys).aggregate([("id", "count")])])
    total = counts.group_by(keys).aggregate([("id_count", "sum")]).rename_columns([*keys, "items"])
    total = total.sort_by([(key, "ascending") for key in keys])
    wanted = {(part["origin"], part["part"]): sum(part["targets"].values()) for part in plan}
    column = [wanted[key] for key in zip(total["origin"].to_pylist(), total["part"].to_pylist(), strict=True)]
    total = total.append_column("wanted", pa.array(column, pa.int64())).select(LEDGER.names)
    if (pc.sum(total["items"]).as_py() or 0) != len(kept):
        raise TouchstoneError("the ledger does not close", where=ledger, mend="report this; it is a defect of Touchstone")
    with replacing(ledger) as temporary:
        pq.write_table(total.cast(stamped(LEDGER)), temporary, **SEALED)


def _judged(
    table: pa.Table, plan: list[dict], names: list[str], kept: np.ndarray, place: np.ndarray, cell: np.ndarray, packed: np.ndarray
) -> pa.Table:
    """Rows of ``record.SELECTED``: what became of rows of the screen table."""
    spare = pa.array(pc.equal(table["state"], TAKEN_OK).to_numpy() & ~kept)
    keep = pa.array(kept)
    new = {
        "state": pc.if_else(keep, KEPT, pc.if_else(spare, REJECTED, table["state"])),
        "step": pc.if_else(spare, "split", table["step"]),
        "reason": pc.if_else(spare, "spare", table["reason"]),
        "split": pc.if_else(keep, pa.array(names).take(pa.array(np.where(kept, place, 0))), ""),
    }
    shards, inverse = np.unique(np.stack([cell, packed]), axis=1, return_inverse=True)
    keys = [f"{plan[part]['origin']}-{plan[part]['part']}-{number:05d}" for part, number in shards.T]
    new["packed"] = pc.if_else(keep, pa.array(keys, pa.string()).take(pa.array(inverse.ravel())), "")
    return pa.table(
        [new.get(name, table[name] if name in table.column_names else None) for name in SELECTED.names], schema=SELECTED
    )


def _write_picks(
    screen: str,
    plan: list[dict],
    names: list[str],
    kept: np.ndarray,
    place: np.ndarray,
    cell: np.ndarray,
    rank: np.ndarray,
    pack_items: int,
    picks: str,
) -> None:
    table = _read(screen, ["origin", "shard", "row", "id", "sha256"])
    rows = np.flatnonzero(kept)
    key = cell[rows] * len(names) + place[rows]
    order = np.lexsort((rank[rows], key))
    rows, edges = rows[order], np.searchsorted(key[order], np.arange(len(plan) * len(names) + 1))
    for number, part in enumerate(plan):
        for position, name in enumerate(names):
            here = rows[edges[number * len(names) + position] : edges[number * len(names) + position + 1]]
            chosen = table.slice(0, 0)
            if len(here):  # a part's rows stand together, and of a slice few are copied
                chosen = table.slice(here.min(), here.max() - here.min() + 1).take(pa.array(here - here.min()))
            shard = pc.binary_join_element_wise(*(pc.cast(chosen[column], pa.string()) for column in ("origin", "shard")), "/")
            chosen = pa.table({"shard": shard, **{column: chosen[column] for column in ("row", "id", "sha256")}})
            for index, packed in enumerate(numbered(part["targets"][name], pack_items, f"{part['origin']}-{part['part']}")):
                with replacing(Path(picks, name, f"{packed}.csv")) as temporary:
                    pa.csv.write_csv(chosen.slice(index * pack_items, pack_items), temporary)
