"""Perturbed sets: Parquet shards like the dataset's own, of the same images after a perturbation."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import pyarrow as pa

from touchstone.exports.packed import drop_remains, file_name, rows
from touchstone.perturb import perturbed
from touchstone.progress import Progress
from touchstone.record import IMAGE, ITEM, hub_schema, table_of
from touchstone.shards import shard_writer

KEPT = ["id", "origin", "label", "generator", "released", "content", "paired_real_images", "licence"]
SCHEMA = pa.schema([("image", IMAGE), *(ITEM.field(name) for name in KEPT), ("perturbation", pa.string())])
READ = ["image", *KEPT, "format", "sha256"]


def write_perturbed(
    *, manifest: str, split: str, series: str, number: int, of: int, seed: int, threads: int, shard: str, progress: Progress
) -> None:
    """Write part ``number`` of ``of`` of a split after a perturbation; column ``perturbation`` says what was done."""
    progress.start(0, "images")
    drop_remains(shard, number, of)
    source = rows(manifest=manifest, split=split, number=number, of=of, columns=READ)
    with ThreadPoolExecutor(threads) as pool, shard_writer(shard, hub_schema(SCHEMA)) as writer:
        for row in _in_order(pool, source, seed, series, ahead=4 * threads):
            writer.append(table_of([row], SCHEMA).cast(hub_schema(SCHEMA)))
            progress.advance()
    progress.finish()


def _in_order(pool: ThreadPoolExecutor, source: Iterator[dict], seed: int, series: str, ahead: int) -> Iterator[dict]:
    """The perturbed rows in the order of the source; few are held at a time."""
    waiting: list[Future] = [pool.submit(_row, row, seed, series) for row in islice(source, ahead)]
    while waiting:
        yield waiting.pop(0).result()
        waiting += [pool.submit(_row, row, seed, series) for row in islice(source, 1)]


def _row(row: dict, seed: int, series: str) -> dict:
    data, done = perturbed(row["image"]["bytes"], row["id"], seed, series)
    image = {"bytes": data, "path": file_name(row | {"format": "WEBP"})}
    return {name: row[name] for name in KEPT} | {"image": image, "perturbation": done}
