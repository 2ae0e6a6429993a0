"""How fast finished shards are packed: against a copy of the same bytes, and a copy that hashes them.

Run it from the repository's folder: ``python -m benchmarks.packing [--write]``. All files are synced, as packed shards are.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import shutil
import tempfile
from datetime import date
from pathlib import Path

from benchmarks.archives import pictures
from benchmarks.measuring import fastest_of, machine, main

from touchstone.memory import keep_freed_memory
from touchstone.pack import pack_shard
from touchstone.progress import Progress
from touchstone.record import TAKEN, empty_item
from touchstone.shards import append_rows, shard_writer, taken

IMAGES, SHARDS, SIDE, RUNS = 6_000, 10, 256, 3
COPIES = 8  # of one JPEG behind each other, which makes files as large as usual ones
ABOUT = """\
`python -m benchmarks.packing`, {date}, on {machine}: wall time and peak memory, fastest of {runs} runs in turns.
{shards} take shards of {images:,} images in all ({size:.1f} GB) become one packed shard.
*Rate* is that of the row against `cp`: above 1 it is faster.
"""


def write_shards(folder: Path) -> None:
    """Take shards, and the list of all their rows."""
    facts = [taken(empty_item() | {"id": ""}, data) for data in pictures(SIDE)]
    with open(folder / "picks.csv", "w", newline="", encoding="utf-8") as file:
        picks = csv.writer(file)
        picks.writerow(["shard", "row", "id", "sha256"])
        for shard in range(SHARDS):
            with shard_writer(folder / f"{shard}.parquet") as writer:
                for row in range(IMAGES // SHARDS):
                    data = facts[row % len(facts)]["image"]["bytes"] * COPIES
                    made = facts[row % len(facts)] | {"id": f"b/{shard}/{row}", "image": {"bytes": data, "path": "x.jpg"}}
                    made = {name: made[name] for name in TAKEN.names if name in made}
                    append_rows(writer, [made])
                    picks.writerow([shard, row, made["id"], hashlib.sha256(data).hexdigest()])


def pack(folder: Path) -> None:
    """The pack step."""
    keep_freed_memory()  # as jobs do
    progress = Progress("pack", streams=(io.StringIO(),))
    pack_shard(picks=str(folder / "picks.csv"), folder=str(folder), packed=str(folder / "packed.parquet"), progress=progress)


def copy(folder: Path) -> None:
    """The limit: the same bytes into one file, read and written."""
    with open(folder / "copy", "wb") as sink:
        for shard in range(SHARDS):
            with open(folder / f"{shard}.parquet", "rb") as source:
                shutil.copyfileobj(source, sink, 1 << 20)
        sink.flush()
        os.fsync(sink.fileno())


def copy_and_hash(folder: Path) -> None:
    """The same, with a SHA-256 of all of it."""
    with open(folder / "copy", "wb") as sink:
        for shard in range(SHARDS):
            with open(folder / f"{shard}.parquet", "rb") as source:
                while data := source.read(1 << 20):
                    hashlib.sha256(data)
                    sink.write(data)
        sink.flush()
        os.fsync(sink.fileno())


def results() -> str:
    """Measure everything; a Markdown section."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(folder)
        size = sum(path.stat().st_size for path in folder.glob("*.parquet")) / 1e9
        works = {"cp": (copy, folder), "cp, each byte hashed": (copy_and_hash, folder), "the pack step": (pack, folder)}
        costs = fastest_of(RUNS, works)
    limit = costs["cp"].seconds
    lines = ["| | cost | MB/s | rate |", "|---|--:|--:|--:|"]
    lines += [
        f"| {what} | {cost} | {1000 * size / cost.seconds:,.0f} | {limit / cost.seconds:.2f} |" for what, cost in costs.items()
    ]
    about = {"shards": SHARDS, "images": IMAGES, "size": size}
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), runs=RUNS, **about), *lines])


if __name__ == "__main__":
    main("packing", __doc__, results)
