"""How long images take out of an archive: 20,000 drawn at random from a zip of 100,000.

Run it from the repository's folder: ``python -m benchmarks.taking [--write]``. The limits it measures
against, in the same run: a bare loop over zipfile that decodes each image once and keeps nothing, and unpacking
all of the archive with 7zz (or unzip) before the same images are read and decoded from files.
"""

from __future__ import annotations

import io
import multiprocessing
import random
import shutil
import subprocess
import tempfile
import zipfile
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from benchmarks.archives import names, write_zip
from benchmarks.measuring import fastest_of, machine, main
from PIL import Image

from touchstone.adopt import adopt_shard
from touchstone.containers import open_container
from touchstone.draw import PICK
from touchstone.files import write_json
from touchstone.images import measure
from touchstone.memory import keep_freed_memory
from touchstone.progress import Progress
from touchstone.record import empty_item, table_of

MEMBERS, DRAWN, SHARD, SIDE, RUNS, CORES = 100_000, 20_000, 1_000, 256, 2, 4
TOOL = shutil.which("7zz") or shutil.which("unzip")
ABOUT = """\
`python -m benchmarks.taking`, {date}, on {machine}: wall time and peak memory, fastest of {runs} runs in turns,
one process each. {drawn:,} images drawn at random from a zip of {members:,} ({size:.1f} GB, JPEG of {side} x {side} pixels).
*Rate* is that of the row against a zipfile loop and one decode, which uses one core. The take step decodes, hashes, measures
and writes shards of {shard:,} images, each as a job of its own would, with the archive opened anew; *all facts* are two SHA-256,
the perceptual hash and what else a shard states, which cost more than the decoding. *Four jobs* run at the same time,
each with one thread, as a build does that has four cores; their memory is that of one.
"""


def drawn() -> list[str]:
    """The wanted members, in the order of the draw."""
    return random.Random(1).sample(names(MEMBERS), DRAWN)  # noqa: S311 - not for secrets


def take(folder: Path, threads: int, job: int = 0, jobs: int = 1) -> None:
    """The take step, shard after shard; of several jobs every one makes its own."""
    keep_freed_memory()  # as jobs do
    for picks in sorted(folder.glob("picks-*.parquet"))[job::jobs]:
        shard = picks.with_name(picks.name.replace("picks", "shard"))
        progress = Progress("take", streams=(io.StringIO(),))
        adopt_shard(picks=str(picks), receipt=str(folder / "receipt.json"), shard=str(shard), threads=threads, progress=progress)


def take_in_jobs(folder: Path, jobs: int) -> None:
    """So many jobs at the same time, each with one thread."""
    running = [multiprocessing.get_context("fork").Process(target=take, args=(folder, 1, job, jobs)) for job in range(jobs)]
    for process in running:
        process.start()
    for process in running:
        process.join()
        assert process.exitcode == 0


def read_members(folder: Path) -> None:
    """What the take step has its bytes from, alone."""
    wanted = drawn()
    for start in range(0, DRAWN, SHARD):
        container = open_container(folder / "images.zip")
        for _, data in container.read_many(wanted[start : start + SHARD]):
            assert isinstance(data, bytes)
        container.close()


def decode_with_zipfile(folder: Path) -> None:
    """Reading by zipfile, in the order of the draw, and one decode."""
    with zipfile.ZipFile(folder / "images.zip") as archive:
        for member in drawn():
            Image.open(io.BytesIO(archive.read(member))).load()


def measure_with_zipfile(folder: Path) -> None:
    """The same, and all facts that a shard states."""
    with zipfile.ZipFile(folder / "images.zip") as archive:
        for member in drawn():
            measure(archive.read(member))


def copy_the_bytes(folder: Path) -> None:
    """As many bytes as the drawn images have, from the archive into one file."""
    left = (folder / "images.zip").stat().st_size * DRAWN // MEMBERS
    with open(folder / "images.zip", "rb") as source, open(folder / "copy", "wb") as sink:
        while data := source.read(min(left, 1 << 20)):
            sink.write(data)
            left -= len(data)


def unpack_and_decode(folder: Path) -> None:
    """All members to files, then the drawn ones read and decoded."""
    unpacked = folder / "unpacked"
    options = ["x", "-y", f"-o{unpacked}"] if TOOL.endswith("7zz") else ["-q", "-d", str(unpacked)]
    subprocess.run([TOOL, *options, str(folder / "images.zip")], check=True, stdout=subprocess.DEVNULL)
    for member in drawn():
        Image.open(io.BytesIO((unpacked / member).read_bytes())).load()
    shutil.rmtree(unpacked)


def write_inputs(folder: Path) -> None:
    """The zip, its receipt, and a pick list for each shard."""
    write_zip(folder / "images.zip", MEMBERS, SIDE)
    write_json(folder / "receipt.json", {"files": [{"name": "images.zip", "path": str(folder / "images.zip")}]})
    rows = [empty_item() | {"id": f"b/{member}", "source_member": member, "rank": rank} for rank, member in enumerate(drawn())]
    for start in range(0, DRAWN, SHARD):
        pq.write_table(table_of(rows[start : start + SHARD], PICK), folder / f"picks-{start:06}.parquet")


def results() -> str:
    """Measure everything; a Markdown section."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_inputs(folder)
        size = (folder / "images.zip").stat().st_size / 1e9
        works = {
            "zipfile loop and one decode": (decode_with_zipfile, folder),
            "the take step, 1 thread": (take, folder, 1),
            "the take step, 2 threads (as the rule calls it)": (take, folder, 2),
            f"the take step, {CORES} threads": (take, folder, CORES),
            "the take step, four jobs": (take_in_jobs, folder, CORES),
            "cp of as many bytes": (copy_the_bytes, folder),
            "its reading alone": (read_members, folder),
            "zipfile loop and all facts": (measure_with_zipfile, folder),
            f"{Path(TOOL).name} unpacks all, then files and one decode": (unpack_and_decode, folder),
        }
        costs = fastest_of(RUNS, works)
    limit = costs["zipfile loop and one decode"].seconds
    lines = ["| | cost | images/s | rate |", "|---|--:|--:|--:|"]
    lines += [f"| {name} | {cost} | {DRAWN / cost.seconds:,.0f} | {limit / cost.seconds:.2f} |" for name, cost in costs.items()]
    about = {"members": MEMBERS, "drawn": DRAWN, "shard": SHARD, "side": SIDE, "size": size}
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), runs=RUNS, **about), *lines])


if __name__ == "__main__":
    main("taking", __doc__, results)
