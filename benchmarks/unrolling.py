"""How long shards of a solid archive take: read once for all of them, against once for each.

Run it from the repository's folder: ``python -m benchmarks.unrolling [--write]``. The limit it measures
against, in the same run, is to decompress the archive once and keep nothing.
"""

from __future__ import annotations

import io
import random
import tempfile
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from benchmarks.archives import names, pictures
from benchmarks.measuring import fastest_of, machine, main
from tests.archives import seven_zip

from touchstone.adopt import adopt_shard
from touchstone.containers import open_container
from touchstone.draw import PICK
from touchstone.files import write_json
from touchstone.progress import Progress
from touchstone.record import empty_item, table_of
from touchstone.unroll import unroll_origin

MEMBERS, DRAWN, SHARD, SIDE, RUNS, THREADS = 1_600, 500, 50, 256, 1, 4
KINDS = {"one block": MEMBERS, "eight blocks": MEMBERS // 8}
ABOUT = """\
`python -m benchmarks.unrolling`, {date}, on {machine}: wall time and peak memory.
{drawn:,} images drawn at random from a solid 7z (LZMA2) of {members:,} ({size:.0f} MB), taken into {shards} shards. *Ratio* is to
the first row. {threads} threads read as many blocks at the same time, if the archive has them.
"""


def decompress(folder: Path) -> None:
    """The limit: the stream, once."""
    container = open_container(folder / "images.7z")
    for _ in container.read_many(names(MEMBERS)):
        pass


def once_for_all(folder: Path) -> None:
    """What the workflow does."""
    picks = [str(path) for path in sorted(folder.glob("picks-*.parquet"))]
    progress = Progress("unroll", streams=(io.StringIO(),))
    receipt, unrolled = str(folder / "receipt.json"), str(folder / "unrolled.zip")
    unroll_origin(picks=picks, receipt=receipt, unrolled=unrolled, threads=THREADS, progress=progress)
    take(folder, unrolled)


def take(folder: Path, unrolled: str | None = None) -> None:
    """Every shard, from the archive itself where nothing was unrolled."""
    for picks in sorted(folder.glob("picks-*.parquet")):
        shard = str(picks).replace("picks", "shard")
        progress = Progress("take", streams=(io.StringIO(),))
        receipt = str(folder / "receipt.json")
        adopt_shard(picks=str(picks), receipt=receipt, shard=shard, unrolled=unrolled, progress=progress)


def results() -> str:
    """Measure everything; a Markdown section."""
    lines = ["| | cost | ratio |", "|---|--:|--:|"]
    for kind, per_block in KINDS.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            crops = pictures(SIDE)
            members = {member: crops[number % len(crops)] + bytes([number % 251]) for number, member in enumerate(names(MEMBERS))}
            (folder / "images.7z").write_bytes(seven_zip(members, per_block=per_block))
            size = (folder / "images.7z").stat().st_size / 1e6
            write_json(folder / "receipt.json", {"files": [{"name": "images.7z", "path": str(folder / "images.7z")}]})
            drawn = random.Random(1).sample(names(MEMBERS), DRAWN)  # noqa: S311 - not for secrets
            rows = [empty_item() | {"id": f"b/{member}", "source_member": member, "rank": 0} for member in drawn]
            for row in rows:
                row["source_file"] = "images.7z"
            for start in range(0, DRAWN, SHARD):
                pq.write_table(table_of(rows[start : start + SHARD], PICK), folder / f"picks-{start:06}.parquet")
            works = {
                f"{kind}: decompressed once, nothing kept": (decompress, folder),
                f"{kind}: once for all shards, and the shards": (once_for_all, folder),
                f"{kind}: once for each shard": (take, folder),
            }
            costs = fastest_of(RUNS, works)
        limit = next(iter(costs.values())).seconds
        lines += [f"| {what} | {cost} | {cost.seconds / limit:.2f} |" for what, cost in costs.items()]
    about = {"members": MEMBERS, "drawn": DRAWN, "shards": DRAWN // SHARD, "size": size, "threads": THREADS}
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), **about), *lines])


if __name__ == "__main__":
    main("unrolling", __doc__, results)
