"""How long 20,000 images out of a zip take to a finished dataset: take and pack, against `datasets`, webdataset and a copy.

Run it from the repository's folder: ``PYTHONPATH=workflow/scripts python -m benchmarks.peers.writers [--write]``.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
from benchmarks.measuring import fastest_of, machine, main
from benchmarks.taking import CORES, DRAWN, SHARD, SIDE, copy_the_bytes, drawn, take_in_jobs, write_inputs

from touchstone.pack import pack_shard
from touchstone.progress import Progress

PACKED, RUNS = 5_000, 2
ABOUT = """\
`python -m benchmarks.peers.writers`, {date}, on {machine}, {versions}: wall time and peak memory of the largest
process, fastest of {runs} runs in turns. {drawn:,} JPEG images of {side} x {side} pixels, drawn at random from a zip of
100,000, all files synced. *Rate* is against `save_to_disk`: above 1 the row is faster. Only Touchstone looks at the images:
it decodes and measures each and hashes it twice, in {cores} jobs of one thread, and packs shards of {packed:,}; the others
copy bytes and a name.
"""


def examples(folder: Path) -> Iterator[dict]:
    """Image and id, in the order of the draw."""
    with zipfile.ZipFile(folder / "images.zip") as archive:
        for member in drawn():
            yield {"image": {"bytes": archive.read(member), "path": member}, "id": f"b/{member}"}


def take_and_pack(folder: Path) -> None:
    """Our two steps that move bytes, as a build with so many cores runs them."""
    take_in_jobs(folder, CORES)
    shards = sorted(folder.glob("shard-*.parquet"))
    lists = []
    for start in range(0, len(shards), PACKED // SHARD):
        lists.append(folder / f"pack-{start:03}.csv")
        with open(lists[-1], "w", newline="", encoding="utf-8") as file:
            picks = csv.writer(file)
            picks.writerow(["shard", "row", "id", "sha256"])
            for shard in shards[start : start + PACKED // SHARD]:
                table = pq.read_table(shard, columns=["id", "sha256"]).to_pylist()
                picks.writerows([shard.stem, row, each["id"], each["sha256"]] for row, each in enumerate(table))
    with ProcessPoolExecutor(CORES) as pool:
        list(pool.map(partial(_pack, folder), lists))


def _pack(folder: Path, picks: Path) -> None:
    progress = Progress("pack", streams=(io.StringIO(),))
    pack_shard(picks=str(picks), folder=str(folder), packed=str(picks.with_suffix(".parquet")), progress=progress)


def from_generator(folder: Path, form: str) -> None:
    """What `datasets` says to do: a generator, and one of its two forms on disk."""
    from datasets import Dataset, Features, Image, Value

    features = Features({"image": Image(), "id": Value("string")})
    cache = folder / "cache"
    dataset = Dataset.from_generator(examples, features=features, gen_kwargs={"folder": folder}, cache_dir=str(cache))
    if form == "arrow":
        dataset.save_to_disk(folder / "saved")
    else:
        dataset.to_parquet(folder / "saved.parquet")
    del dataset
    shutil.rmtree(cache)
    _sync(folder)


def write_tars(folder: Path) -> None:
    """webdataset's own writer."""
    import webdataset

    (folder / "tars").mkdir(exist_ok=True)
    with webdataset.ShardWriter(str(folder / "tars/%06d.tar"), maxcount=PACKED, verbose=0) as sink:
        for number, example in enumerate(examples(folder)):
            sink.write({"__key__": f"{number:07}", "jpg": example["image"]["bytes"], "json": {"id": example["id"]}})
    _sync(folder)


def copy(folder: Path) -> None:
    """As many bytes, from one file to another."""
    copy_the_bytes(folder)
    _sync(folder)


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file() and path.name != "images.zip":
            with open(path, "rb") as file:
                os.fsync(file.fileno())


def results() -> str:
    """Measure everything; a Markdown section."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        works = {
            "`datasets`, from_generator and save_to_disk": (from_generator, folder, "arrow"),
            "`datasets`, from_generator and to_parquet": (from_generator, folder, "parquet"),
            "webdataset.ShardWriter": (write_tars, folder),
            "Touchstone, take and pack": (take_and_pack, folder),
            "cp of as many bytes": (copy, folder),
        }
        costs = fastest_of(RUNS, works)
    peer = next(iter(costs.values())).seconds
    lines = ["| | cost | images/s | rate |", "|---|--:|--:|--:|"]
    lines += [f"| {name} | {cost} | {DRAWN / cost.seconds:,.0f} | {peer / cost.seconds:.2f} |" for name, cost in costs.items()]
    about = {"drawn": DRAWN, "side": SIDE, "cores": CORES, "packed": PACKED, "runs": RUNS}
    versions = ", ".join(f"{package} {version(package)}" for package in ("datasets", "webdataset"))
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), versions=versions, **about), *lines])


if __name__ == "__main__":
    main("writers", __doc__, results)
