"""Datasets whose images others have published a list of: who is to be in which split, and what came of it.

A list is a text of ids, one in each line. Whatever groups say, a listed image goes to the split it is listed
for; what is missing is replaced by other images of the same generator and origin, and all of it is told.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.annotations import read_annotations
from touchstone.errors import TouchstoneError
from touchstone.files import replacing, sha256_of
from touchstone.lists import lines
from touchstone.progress import Progress
from touchstone.record import KEPT
from touchstone.versions import read_table

MEMBERS = pa.schema([("id", pa.string()), ("split", pa.string())])
FOUND, REPLACED, MISSING, SUBSTITUTE = "found", "rejected", "missing", "substitute"


def read_members(*, lists: list[dict], folder: str, members: str, progress: Progress) -> None:
    """Write ``MEMBERS`` of all lists, in their order.

    Args:
        lists: ``{file, split}`` and, where known, ``sha256`` of each list; ``form`` and ``prefix`` of its ids.
        folder: Where the files lie.

    Raises:
        TouchstoneError: A list is missing, is not UTF-8, has another checksum, or an id stands in two places.
    """
    progress.start(len(lists), "lists")
    ids, splits = [], []
    for entry in lists:
        path = Path(folder, entry["file"])
        if not path.exists():
            raise TouchstoneError("a list of members is missing", where=path, mend=entry.get("instructions", "put it there"))
        if "sha256" in entry and (digest := sha256_of(path)) != entry["sha256"]:
            raise TouchstoneError(
                f"the list is not the published one: its sha256 is {digest}", where=path, mend=f"get that of {entry['sha256']}"
            )
        listed = _ids(path, entry.get("form", "ids"), entry.get("prefix", ""))
        progress.say(f"{len(listed):>9,} ids for {entry['split']} in {entry['file']}, sha256 {sha256_of(path)}")
        ids += listed
        splits += [entry["split"]] * len(listed)
        progress.advance()
    table = pa.table([pa.array(ids, pa.string()), pa.array(splits, pa.string())], schema=MEMBERS)
    counts = pc.value_counts(table["id"].combine_chunks())
    if len(counts) < len(table):
        twice = counts.filter(pc.greater(counts.field("counts"), 1))[0]["values"].as_py()
        raise TouchstoneError(f"{twice!r} stands in the lists more than once", where=folder, mend="take it out of one of them")
    with replacing(members) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    progress.finish(f"{len(table):,} ids")


def _ids(path: Path, form: str, prefix: str) -> list[str]:
    try:
        if form == "annotations":  # ImagiNet's: an id is the path below its root
            ids = [prefix + row.path.removeprefix("./") for row in read_annotations(path)]
            "".join(ids).encode()
            return ids
        return [prefix + line for text in lines(path, newline="\n") if (line := text.removesuffix("\n"))]
    except UnicodeError as error:
        raise TouchstoneError(f"the list is not UTF-8 text ({error})", where=path, mend="get it again") from None


def is_member(ids: pa.ChunkedArray, members: str | None) -> np.ndarray:
    """Mask of the ids that a list names; all of them if there are no lists."""
    if members is None:
        return np.ones(len(ids), dtype=bool)
    return pc.is_in(ids, value_set=pq.read_table(members)["id"].combine_chunks()).to_numpy()


def listed_split(ids: pa.ChunkedArray, members: str, names: list[str]) -> np.ndarray:
    """Number of the split (in ``names``) that each id is listed for; -1 for those in no list."""
    table = pq.read_table(members)
    place = pc.index_in(table["split"], value_set=pa.array(names)).combine_chunks()
    found = place.take(pc.index_in(ids, value_set=table["id"].combine_chunks()))
    return pc.fill_null(found, -1).to_numpy()


def write_membership(*, members: str, selection: str, membership: str, progress: Progress) -> None:
    """Write what became of every listed id, and which images stand in for others.

    The csv has ``id, split, status, origin, part, reason``. A status is ``found``; ``rejected`` with the reason;
    ``missing``, if no origin holds it; or ``substitute``, an image that no list names.
    """
    table = read_table(selection, "selection", ["id", "origin", "part", "state", "reason", "split"])
    listed = pq.read_table(members)
    progress.start(len(listed), "ids")
    place = pc.index_in(listed["id"], value_set=table["id"].combine_chunks())
    known = {name: table[name].take(place).to_pylist() for name in ("origin", "part", "state", "reason", "split")}
    counts: dict[str, int] = {}
    with replacing(membership) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["id", "split", "status", "origin", "part", "reason"])
        for name, split, origin, part, state, reason, where in zip(
            listed["id"].to_pylist(), listed["split"].to_pylist(), *known.values(), strict=True
        ):
            status = MISSING if state is None else FOUND if state == KEPT and where == split else REPLACED
            writer.writerow([name, split, status, origin or "", part or "", reason or ""])
            counts[status] = counts.get(status, 0) + 1
        kept = table.filter(pc.equal(table["state"], KEPT))
        others = kept.filter(pc.invert(pc.is_in(kept["id"], value_set=listed["id"].combine_chunks())))
        for row in others.select(["id", "split", "origin", "part"]).to_pylist():
            writer.writerow([row["id"], row["split"], SUBSTITUTE, row["origin"], row["part"], ""])
    counts[SUBSTITUTE] = len(others)
    progress.finish(", ".join(f"{count:,} {status}" for status, count in sorted(counts.items())))
