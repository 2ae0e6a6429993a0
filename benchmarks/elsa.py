"""How long a million images of ELSA take to list, as parts with a JSON each and as Parquet, against reading what they say.

Run it from the repository's folder: ``python -m benchmarks.elsa [--write]``. The limits, in the same run: walking the
folders and parsing the JSON, and reading the columns of text out of Parquet, with nothing done with either.
"""

from __future__ import annotations

import io
import json
import os
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.measuring import fastest_of, machine, main

from touchstone.files import write_json
from touchstone.listing import list_origin
from touchstone.progress import Progress

PARTS, PER_PART, RUNS = 1_000, 1_000, 1
MODEL = "stabilityai/stable-diffusion-2-1-base"
READER = {"name": "elsa", "prefix": "ELSA1M_track1", "rows": ["data/"], "models": {MODEL: "sd"}}
COLUMNS = ["id", "original_prompt", "positive_prompt", "negative_prompt", "model", "nsfw", "url_real_image", "filepath"]
ABOUT = """\
`python -m benchmarks.elsa`, {date}, on {machine}: wall time and peak memory, fastest of {runs} run(s), files in the page cache.
{rows:,} rows: {parts:,} folders of {per_part:,} images with a JSON each, and 100 Parquet files with an image of 2 kB in each
row. Imports are not counted.
"""


def rows_of(part: int) -> list[dict]:
    return [
        {
            "id": str(20_000_000_000 + part * PER_PART + number),
            "original_prompt": f"A photograph of a lake with {number} swans in the morning light, part {part}",
            "positive_prompt": f"A photograph of a lake with {number} swans in the morning light, part {part}, detailed",
            "negative_prompt": "low quality, blurry, watermark, deformed",
            "model": MODEL,
            "nsfw": "UNLIKELY",
            "url_real_image": f"https://images.example.org/catalogue/{part}/{number}/large.jpg",
            "filepath": f"fake-images/part-{part:06d}/{number:06d}.png",
            "aspect_ratio": [1, 1],
        }
        for number in range(PER_PART)
    ]


def write_parts(folder: Path) -> None:
    for part in range(1, PARTS + 1):
        rows = rows_of(part)
        path = folder / f"fake-images/part-{part:06d}"
        path.mkdir(parents=True)
        for row in rows:
            os.close(os.open(path / row["filepath"].rpartition("/")[2], os.O_CREAT | os.O_WRONLY))
        (path / "metadata.json").write_text(json.dumps(rows), encoding="utf-8")


def write_parquet(folder: Path) -> None:
    (folder / "data").mkdir()
    image = pa.array(
        [{"bytes": os.urandom(2_000), "path": None}] * PER_PART, pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    )
    per_file = PARTS // 100
    for file in range(100):
        rows = [row for part in range(file * per_file + 1, (file + 1) * per_file + 1) for row in rows_of(part)]
        table = pa.Table.from_pylist(rows).append_column("image", pa.chunked_array([image] * per_file))
        pq.write_table(table, folder / f"data/train-{file:05d}-of-00100.parquet", row_group_size=1_113)


def read_parts(folder: Path) -> None:
    for path, _, names in os.walk(folder / "fake-images"):
        for name in names:
            if name.endswith(".json"):
                json.loads(Path(path, name).read_text(encoding="utf-8"))


def read_parquet(folder: Path) -> None:
    for path in sorted((folder / "data").iterdir()):
        pq.read_table(path, columns=COLUMNS).to_pylist()


def list_form(folder: Path, form: str) -> None:
    """The list step, from what lies there to index.parquet."""
    write_json(folder / "receipt.json", {"files": [{"name": form, "path": str(folder / form)}]})
    list_origin(
        origin="benchmark",
        receipt=str(folder / "receipt.json"),
        recipe={"reader": READER},
        generators={"sd": {"name": "Stable Diffusion 2.1", "released": "2022-12-07"}},
        kind="archive",
        licence="CC-BY-4.0",
        index=str(folder / "index.parquet"),
        progress=Progress("list", streams=(io.StringIO(),)),
    )


def results() -> str:
    """Measure everything; a Markdown section."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_parts(folder)
        write_parquet(folder)
        works = {
            "the folders are walked, the JSON is parsed": (read_parts, folder),
            "the list step, of parts": (list_form, folder, "fake-images/"),
            "columns of text are read from Parquet": (read_parquet, folder),
            "the list step, of Parquet": (list_form, folder, "data/"),
        }
        costs = fastest_of(RUNS, works)
    limit, lines = 0.0, ["| | cost | ratio |", "|---|--:|--:|"]
    for name, cost in costs.items():
        limit = limit if name.startswith("the list step") else cost.seconds
        lines.append(f"| {name} | {cost} | {cost.seconds / limit:.2f} |")
    about = ABOUT.format(date=date.today(), machine=machine(), runs=RUNS, rows=PARTS * PER_PART, parts=PARTS, per_part=PER_PART)
    return "\n".join([about, *lines])


if __name__ == "__main__":
    main("elsa", __doc__, results)
