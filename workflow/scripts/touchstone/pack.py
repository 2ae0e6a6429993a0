"""The pack step: finished shards that `datasets.load_dataset` opens as they are."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, groupby
from operator import itemgetter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.policies import ORIGINAL, Policy
from touchstone.progress import Progress
from touchstone.record import PACKED, TAKEN, hub_schema
from touchstone.shards import open_shard, shard_writer

READ = pa.schema([field for field in PACKED if field.name in TAKEN.names])  # what take shards know of it


def pack_shard(
    *,
    picks: str,
    folder: str,
    packed: str,
    progress: Progress,
    images: dict | None = None,
    seed: int = 0,
    formats: str | None = None,
) -> None:
    """Copy the picked rows of take shards into one shard of the dataset, in the list's order.

    The list names the rows of one shard together and in rising order. Every image is hashed once
    more on the way, so that a bit that flipped on a disk stops the build instead of entering the
    dataset. Memory is some row groups of the source.

    Args:
        picks: List that ``split`` wrote: take shard, row, id, sha256.
        folder: Folder of the take shards.
        images: The dataset's image policy, see ``policies``; the bytes as they came if not given.
        seed: What the policy draws with.
        formats: How the real images are encoded, for the policy ``match``.

    Raises:
        TouchstoneError: A take shard is missing, damaged, or not the one the list was made from.
    """
    with open(picks, newline="", encoding="utf-8") as file:
        wanted = list(csv.DictReader(file))
    progress.start(len(wanted), "images")
    policy = Policy(images or {"encoding": ORIGINAL}, seed, formats)
    by_shard = groupby(wanted, key=itemgetter("shard"))
    tables = chain.from_iterable(_tables(Path(folder, f"{shard}.parquet"), list(picks)) for shard, picks in by_shard)
    with shard_writer(packed, hub_schema()) as writer:
        for table in _one_ahead(tables):
            writer.append(policy.apply(table).cast(hub_schema()))
            progress.advance(len(table))
    progress.finish()


def _one_ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same tables, of which the next is read and hashed by a thread while the last is written."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = pool.submit(next, tables, None)
            yield table


def _tables(path: Path, wanted: list[dict]) -> Iterator[pa.Table]:
    """Wanted rows of a take shard, row group by row group, each image held against its checksum."""
    rows = [int(pick["row"]) for pick in wanted]
    with open_shard(path, "taken") as file:
        if max(rows) >= file.metadata.num_rows:
            raise _damaged(path, f"it has {file.metadata.num_rows} rows, the list asks for row {max(rows)}")
        first = 0
        for number in range(file.num_row_groups):
            last = first + file.metadata.row_group(number).num_rows
            here = [position for position, row in enumerate(rows) if first <= row < last]
            if here:
                group = _read(file, number, path)
                table = group.take(pa.array([rows[position] - first for position in here]))
                _verify(table, [wanted[position] for position in here], path)
                yield table
            first = last


def _read(file: pq.ParquetFile, number: int, path: Path) -> pa.Table:
    try:
        return file.read_row_group(number, columns=READ.names).cast(READ)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def _verify(table: pa.Table, wanted: list[dict], path: Path) -> None:
    images = table["image"].combine_chunks()
    data = images.field("bytes")
    for position, pick in enumerate(wanted):
        if table["id"][position].as_py() != pick["id"]:
            raise _damaged(path, f"row {pick['row']} is not {pick['id']}")
        if hashlib.sha256(data[position].as_buffer() or b"").hexdigest() != pick["sha256"]:
            raise _damaged(path, f"the image of {pick['id']} is not the one that was taken")


def _damaged(path: Path, why: str) -> TouchstoneError:
    return TouchstoneError(f"a take shard is damaged: {why}", where=path, mend=f"remake it: snakemake --forcerun {path}")
