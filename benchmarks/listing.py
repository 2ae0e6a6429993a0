"""How long an origin takes to list: a zip, a tree of csv tables, Parquet files of millions of rows.

Run it from the repository's folder: ``python -m benchmarks.listing [--write]``. The limits it measures
against, in the same run, are those that read the same names and do nothing with them: Python's zipfile,
its csv module, pyarrow.
"""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.archives import write_zip
from benchmarks.measuring import Cost, fastest_of, machine, main

from touchstone.containers import open_container
from touchstone.files import write_json
from touchstone.listing import list_origin
from touchstone.progress import Progress

MEMBERS, SIDE, RUNS = 200_000, 32, 3
CSV_ROWS, FOLDERS = 200_000, ("big_gan", "glide", "lama", "pro_gan", "stylegan2")
ELSA_ROWS, ROWS_PER_FILE, IMAGES_PER_ROW = (750_000, 2_300_000), 50_000, 4  # of ELSA D3, which has 2.3 million
ABOUT = """\
`python -m benchmarks.listing`, {date}, on {machine}: wall time and peak memory, fastest of {runs} runs in turns, one of
the Parquet files. *Ratio* is to the row above that reads the same names and does nothing with them. The zip
holds {members:,} JPEG images in seven folders, the tables of ArtiFact {csv_rows:,} rows in five files, and those of ELSA D3 four
columns of images that are not read. Imports are not counted.
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
    generators = {f"train/generator_{n}": "sd" for n in range(7)}
    list_step(folder, [folder / "images.zip"], {"name": "folders", "generators": generators})


def read_csv(folder: Path) -> None:
    """The limit: rows of the tables, as the csv module gives them."""
    for name in FOLDERS:
        with open(folder / name / "metadata.csv", newline="", encoding="utf-8") as file:
            for _ in csv.DictReader(file):
                pass


def list_csv(folder: Path) -> None:
    """The list step for ArtiFact's layout."""
    files = [path for name in FOLDERS for path in (folder / name / "metadata.csv", folder / name)]
    list_step(folder, files, {"name": "artifact", "generators": dict.fromkeys(FOLDERS, "sd")})


def read_columns(folder: Path, rows: int) -> None:
    """The limit: the columns that are needed, as pyarrow gives them."""
    for path in elsa_files(folder, rows):
        pq.read_table(path, columns=["id", "positive_prompt", "negative_prompt"])


def list_elsa(folder: Path, rows: int) -> None:
    """The list step for ELSA D3's layout, four items a row."""
    columns = {f"image_gen{number}": "sd" for number in range(IMAGES_PER_ROW)}
    list_step(folder, elsa_files(folder, rows), {"name": "elsa_d3", "splits": {"train": ["data/"]}, "generators": columns})


def elsa_files(folder: Path, rows: int) -> list[Path]:
    return sorted((folder / "data").glob("*.parquet"))[: rows // ROWS_PER_FILE]


def list_step(folder: Path, paths: list[Path], reader: dict) -> None:
    """``list_origin`` for files of ``folder``."""
    files = [{"name": path.relative_to(folder).as_posix() + ("/" if path.is_dir() else ""), "path": str(path)} for path in paths]
    write_json(folder / "receipt.json", {"files": files})
    list_origin(
        origin="benchmark",
        receipt=str(folder / "receipt.json"),
        recipe={"reader": reader},
        generators={"sd": {"name": "Stable Diffusion", "released": "2022-08-22"}},
        kind="archive",
        licence="CC0-1.0",
        index=str(folder / "index.parquet"),
        progress=Progress("list", streams=(io.StringIO(),)),
    )


def write_csv(folder: Path) -> None:
    """Tables as ArtiFact has them, without its images."""
    for name in FOLDERS:
        (folder / name).mkdir()
        with open(folder / name / "metadata.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["filename", "image_path", "target", "category"])
            for number in range(CSV_ROWS // len(FOLDERS)):
                writer.writerow([f"img{number:06}.jpg", f"{name}/{number % 10}/img{number:06}.jpg", 6, "n"])


def write_parquet(folder: Path) -> None:
    """Tables as ELSA D3 has them; the images are a kilobyte for every hundredth row."""
    (folder / "data").mkdir()
    image = pa.array([{"bytes": bytes(1000) if n % 100 == 0 else None, "path": None} for n in range(ROWS_PER_FILE)])
    for file in range(max(ELSA_ROWS) // ROWS_PER_FILE):
        numbers = range(file * ROWS_PER_FILE, (file + 1) * ROWS_PER_FILE)
        table = {
            "id": [str(26_131_000_000 + number) for number in numbers],
            "positive_prompt": [f"A photograph of thing {number}, seen from the side in the evening, 4k" for number in numbers],
            "negative_prompt": ["nsfw, blurry"] * ROWS_PER_FILE,
        }
        images = {f"image_gen{number}": image for number in range(IMAGES_PER_ROW)}
        pq.write_table(pa.table(table | images), folder / f"data/train-{file:05}.parquet", row_group_size=1000)


def compared(make: Callable, runs: int, works: dict[str, tuple]) -> list[tuple[str, Cost, float]]:
    """Costs of works on what ``make`` leaves in a folder, each with its ratio to the first."""
    with tempfile.TemporaryDirectory() as name:
        make(Path(name))
        costs = fastest_of(runs, {what: (work, Path(name), *arguments) for what, (work, *arguments) in works.items()})
    limit = next(iter(costs.values())).seconds
    return [(what, cost, cost.seconds / limit) for what, cost in costs.items()]


def results() -> str:
    """Measure everything; a Markdown section."""
    found = compared(
        lambda folder: write_zip(folder / "images.zip", MEMBERS, SIDE),
        RUNS,
        {
            "zipfile reads the directory": (read_directory,),
            "our index gives all names": (list_members,),
            "the list step writes index.parquet": (list_images,),
        },
    )
    found += compared(write_csv, RUNS, {"csv reads ArtiFact's tables": (read_csv,), "the list step": (list_csv,)})
    for rows in ELSA_ROWS:
        works = {
            f"pyarrow reads ELSA D3, {rows:,} rows": (read_columns, rows),
            f"the list step, {rows * IMAGES_PER_ROW:,} items": (list_elsa, rows),
        }
        found += compared(write_parquet, 1, works)
    lines = ["| | cost | ratio |", "|---|--:|--:|", *(f"| {what} | {cost} | {ratio:.2f} |" for what, cost, ratio in found)]
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), runs=RUNS, members=MEMBERS, csv_rows=CSV_ROWS), *lines])


if __name__ == "__main__":
    main("listing", __doc__, results)
