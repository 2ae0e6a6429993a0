"""How long an archive takes to list: a zip of 200,000 images to index.parquet, against reading its directory.

Run it from the repository's folder: ``python -m benchmarks.listing [--write]``. The limit it measures
against, in the same run, is Python's zipfile, which reads the central directory and does nothing with it.
"""

from __future__ import annotations

import io
import tempfile
import zipfile
from datetime import date
from pathlib import Path

from benchmarks.archives import write_zip
from benchmarks.measuring import fastest_of, machine, main

from touchstone.containers import open_container
from touchstone.files import write_json
from touchstone.listing import list_origin
from touchstone.progress import Progress

MEMBERS, SIDE, RUNS = 200_000, 32, 3
ABOUT = """\
`python -m benchmarks.listing`, {date}, on {machine}: wall time and peak memory, fastest of {runs} runs in turns.
A zip of {members:,} JPEG images in seven folders. Imports are not counted.
"""


def read_directory(folder: Path) -> None:
    """The limit: zipfile reads the central directory."""
    with zipfile.ZipFile(folder / "images.zip") as archive:
        archive.namelist()


def list_members(folder: Path) -> None:
    """Names from our own index."""
    container = open_container(folder / "images.zip")
    list(container.members())
    container.close()


def list_images(folder: Path) -> None:
    """The list step, from the archive to index.parquet."""
    list_origin(
        origin="benchmark",
        receipt=str(folder / "receipt.json"),
        recipe={"reader": {"name": "folders", "generators": {f"train/generator_{n}": "sd" for n in range(7)}}},
        generators={"sd": {"name": "Stable Diffusion", "released": "2022-08-22"}},
        kind="archive",
        licence="CC0-1.0",
        index=str(folder / "index.parquet"),
        progress=Progress("list", streams=(io.StringIO(),)),
    )


def results() -> str:
    """Measure everything; a Markdown section."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_zip(folder / "images.zip", MEMBERS, SIDE)
        write_json(folder / "receipt.json", {"files": [{"name": "images.zip", "path": str(folder / "images.zip")}]})
        works = {
            "zipfile reads the directory": (read_directory, folder),
            "our index gives all names": (list_members, folder),
            "the list step writes index.parquet": (list_images, folder),
        }
        costs = fastest_of(RUNS, works)
    limit = costs["zipfile reads the directory"].seconds
    lines = ["| | cost | ratio |", "|---|--:|--:|"]
    lines += [f"| {name} | {cost} | {cost.seconds / limit:.2f} |" for name, cost in costs.items()]
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), runs=RUNS, members=MEMBERS), *lines])


if __name__ == "__main__":
    main("listing", __doc__, results)
