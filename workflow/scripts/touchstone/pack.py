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
from touchstone.record import IMAGE, PACKED, TAKEN, hub_schema
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
    schema = hub_schema()
    finished = (policy.apply(table).replace_schema_metadata(schema.metadata) for table in _verified(_one_ahead(tables)))
    with shard_writer(packed, schema) as writer:  # one thread reads, one hashes and encodes, this one writes
        for table in _one_ahead(finished):
            writer.append(table)
            progress.advance(len(table))
    progress.finish()


def _one_ahead(items: Iterator) -> Iterator:
    """The same items, of which a thread makes the next while the last is in use."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _tables(path: Path, wanted: list[dict]) -> Iterator[tuple[pa.Table, list[dict], Path]]:
    """Wanted rows of a take shard, row group by row group, with their lines of the list."""
    rows = [int(pick["row"]) for pick in wanted]
    # Images are held against a better checksum than that of their pages, and need no buffer: a page of them is a row group.
    unchecked = {"page_checksum_verification": False, "pre_buffer": False}
    with open_shard(path, "taken") as file, open_shard(path, metadata=file.metadata, **unchecked) as images:
        if max(rows) >= file.metadata.num_rows:
            raise _damaged(path, f"it has {file.metadata.num_rows} rows, the list asks for row {max(rows)}")
        first = 0
        for number in range(file.num_row_groups):
            last = first + file.metadata.row_group(number).num_rows
            here = [position for position, row in enumerate(rows) if first <= row < last]
            if here:
                group = _read(file, images, number, path)
                runs = _runs([rows[position] - first for position in here])
                # A slice copies nothing, and take would copy every byte.
                table = pa.concat_tables(group.slice(start, stop - start) for start, stop in runs)
                yield table, [wanted[position] for position in here], path
            first = last


def _runs(rows: list[int]) -> Iterator[tuple[int, int]]:
    """Rising numbers as ``(start, stop)`` of those that follow each other."""
    start = previous = rows[0]
    for row in rows[1:]:
        if row != previous + 1:
            yield start, previous + 1
            start = row
        previous = row
    yield start, previous + 1


def _read(file: pq.ParquetFile, images: pq.ParquetFile, number: int, path: Path) -> pa.Table:
    try:
        table = file.read_row_group(number, columns=["image.path", *READ.names[1:]], use_threads=False)
        data = images.read_row_group(number, columns=["image.bytes"], use_threads=False)
        parts = [column["image"].chunk(0).field(0) for column in (data, table)]
        return table.set_column(0, "image", pa.StructArray.from_arrays(parts, list(IMAGE.names))).cast(READ)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def _verified(tables: Iterator[tuple[pa.Table, list[dict], Path]]) -> Iterator[pa.Table]:
    """The tables, each image held against its checksum."""
    for table, wanted, path in tables:
        images = chain.from_iterable(chunk.field("bytes") for chunk in table["image"].chunks)
        for pick, id_, data in zip(wanted, table["id"].to_pylist(), images, strict=True):
            if id_ != pick["id"]:
                raise _damaged(path, f"row {pick['row']} is not {pick['id']}")
            if hashlib.sha256(data.as_buffer() or b"").hexdigest() != pick["sha256"]:
                raise _damaged(path, f"the image of {pick['id']} is not the one that was taken")
        yield table


def _damaged(path: Path, why: str) -> TouchstoneError:
    return TouchstoneError(f"a take shard is damaged: {why}", where=path, mend=f"remake it: snakemake --forcerun {path}")
