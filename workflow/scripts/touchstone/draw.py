"""The draw step: which items of an origin a dataset wants, and in which shard each is taken."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.files import read_json, replacing
from touchstone.members import is_member
from touchstone.parts import numbered
from touchstone.progress import Progress
from touchstone.record import ITEM
from touchstone.sources import Sources
from touchstone.versions import SEALED, read_table

DRAWN = pa.schema([ITEM.field("id"), ("part", pa.string()), ("rank", pa.int64()), ("shard", pa.string()), ("row", pa.int32())])
PICK = pa.schema([*ITEM, ("rank", pa.int64())])


def rank_keys(seed: int, names: list[str]) -> np.ndarray:
    """64-bit hash of ``(seed, name)`` for every name: uniform, and the same on any machine."""
    prefix = f"{seed}\0".encode()
    digest = b"".join(hashlib.blake2b(prefix + name.encode(), digest_size=8).digest() for name in names)
    return np.frombuffer(digest, dtype=">u8").astype(np.uint64)


def draw_origin(
    *,
    index: str,
    parts: list[dict],
    shard_items: int,
    seed: int,
    drawn: str,
    picks: str,
    progress: Progress,
    members: str | None = None,
    receipt: str | None = None,
) -> None:
    """Draw the wanted items and write one pick list per shard.

    Items of a part are ranked by the hash of (seed, id), or of the id of the real image an item is
    made from, so that a pair is drawn together. Shard ``k`` of a part holds ranks
    ``[k * shard_items, (k + 1) * shard_items)``: a larger quota only adds to the end.

    Args:
        parts: ``{key, name, drawn}`` of each part: the generator's key and name, items to draw.
        drawn: Table of what was drawn: ``DRAWN``.
        picks: Folder of the pick lists ``<part>-<number>.parquet``, rows of ``PICK`` in rank order; a
            list is empty if the origin holds fewer items than were to be drawn.
        members: Table of ids that are to be drawn before all others, if the dataset names its members.
        receipt: Describes the archives that the items' images lie in. A list then holds a checksum of what it reads of
            them, so that of a changed archive only those lists change that read it.

    Raises:
        TouchstoneError: The origin holds no item at all of a part.
    """
    table, sources = read_table(index, "index"), Sources(read_json(receipt)["files"]) if receipt else None
    everything = []
    progress.start(sum(part["drawn"] for part in parts))
    for part in parts:
        rows = table.filter(pc.equal(table["generator"], part["name"]))
        if not len(rows):
            raise TouchstoneError(
                f"the origin holds no image of {part['name'] or 'label real'!r}",
                where=index,
                mend="take it out of the dataset file, or correct the card",
            )
        ids = rows["id"].to_pylist()
        made_from = [pair[0] if pair else own for own, pair in zip(ids, rows["paired_real_images"].to_pylist(), strict=True)]
        unlisted = ~is_member(rows["id"], members)
        order = np.lexsort((rank_keys(seed, ids), rank_keys(seed, made_from), unlisted))[: part["drawn"]]
        rows = rows.take(pa.array(order))
        rank = np.arange(len(rows))
        if len(rows) < part["drawn"]:
            progress.say(f"{len(rows):>7,} items of {part['key']} are all there are; {part['drawn']:,} were to be drawn")
        everything.append(
            pa.table(
                [
                    rows["id"],
                    pa.repeat(part["key"], len(rows)),
                    pa.array(rank),
                    pa.array([f"{part['key']}-{number:05d}" for number in rank // shard_items], pa.string()),
                    pa.array((rank % shard_items).astype(np.int32)),
                ],
                schema=DRAWN,
            )
        )
        picked = rows.append_column(PICK.field("rank"), pa.array(rank)).cast(PICK)
        for number, shard in enumerate(numbered(part["drawn"], shard_items, part["key"])):
            here = picked.slice(number * shard_items, shard_items)
            here = here.replace_schema_metadata({"files": _digest(sources.read_by(here))} if sources else None)
            with replacing(Path(picks, f"{shard}.parquet")) as temporary:
                pq.write_table(here, temporary, compression="zstd")
        progress.advance(len(rows))
    with replacing(drawn) as temporary:
        pq.write_table(pa.concat_tables(everything), temporary, **SEALED)
    progress.finish()


def _digest(value: list) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
