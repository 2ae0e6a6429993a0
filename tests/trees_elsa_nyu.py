"""Miniature trees of the ELSA sets, of LAION-like lists, of img2dataset's output and of the NYU sets.

Names, columns and their types are those of the published sets; pictures are small and real.
"""

from __future__ import annotations

import json
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tests.archives import tar
from tests.pictures import drawing, encode

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
SD21 = "stabilityai/stable-diffusion-2-1-base"
HOSTILE = ["/etc/1.jpg", "../1.jpg", "a/../../1.jpg", "__MACOSX/ai/._1.jpg", "ai/1.svg", "ai/notes.json", "ai/1", "ai\\1.jpg"]


def picture(seed: int, kind: str = "PNG") -> bytes:
    return encode(drawing((24, 20), seed=seed), kind)


def track1(number: int) -> dict:
    """A row of ELSA1M, as its JSON has it: nine fields."""
    return {
        "id": str(26131007000 + number),
        "original_prompt": f"Lake {number}",
        "positive_prompt": f"a lake, number {number}, best quality",
        "negative_prompt": "blurry",
        "model": SD21,
        "nsfw": ["UNLIKELY", "UNSURE", "NSFW"][number % 3],
        "url_real_image": f"http://host/{number}.jpg",
        "filepath": f"fake-images/part-{number // 3 + 1:06d}/{number:06d}.png",
        "aspect_ratio": [1, 1],
    }


def track2(number: int) -> dict:
    """A row of ELSA500k but for its image."""
    row = {name: text for name, text in track1(number).items() if name not in ("nsfw", "url_real_image", "aspect_ratio")}
    heat = {"heatmap_labels": ["lake"], "heatmaps": [[[0.5, 1.0]]]}
    return row | {"num_inference_steps": 30, "width": 512, "height": 512, "url": f"http://host/{number}.jpg"} | heat


def d3(number: int) -> dict:
    """A row of ELSA D3 but for its images."""
    row = {name: track1(number)[name] for name in ("id", "original_prompt", "positive_prompt", "negative_prompt")}
    row["url"] = f"http://host/{number}.jpg"
    for slot in range(4):
        row |= {f"model_gen{slot}": "m", f"width_gen{slot}": 512, f"height_gen{slot}": 512, f"num_inference_steps_gen{slot}": 30}
        row[f"filepath_gen{slot}"] = f"{number}_gen{slot}.png"
    return row


def with_images(rows: Iterable[dict], columns: Iterable[str] = ("image",)) -> pa.Table:
    """Rows as the hub stores them: an image is bytes and a path."""
    rows = list(rows)
    table = pa.Table.from_pylist(rows)
    for column in columns:
        cells = [{"bytes": picture(int(row["id"]) % 1000), "path": None} for row in rows]
        table = table.append_column(column, pa.array(cells, IMAGE))
    return table


def parquet(path: Path, table: pa.Table) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=2)
    return path


def saved(folder: Path, table: pa.Table, n_files: int = 2) -> Path:
    """A dataset saved to disk by `datasets` itself, and a cache file that it leaves there at times."""
    from datasets import Dataset

    Dataset(table).save_to_disk(folder, num_shards=n_files)
    (folder / "cache-0123456789abcdef.arrow").write_bytes((folder / f"data-00000-of-{n_files:05d}.arrow").read_bytes())
    return folder


PART_FORMS = {
    "list": lambda rows: json.dumps(rows, indent=1),
    "by id": lambda rows: json.dumps({row["id"]: row for row in rows}),
    "columns": lambda rows: json.dumps({name: [row[name] for row in rows] for name in rows[0]}),
    "pandas": lambda rows: json.dumps({name: {str(at): row[name] for at, row in enumerate(rows)} for name in rows[0]}),
    "lines": lambda rows: "\n".join(json.dumps(row) for row in rows) + "\n",
}


def elsa_parts(folder: Path, form: str = "list", n_rows: int = 6) -> Path:
    """``fake-images/part-000001`` ... of three images each, and one JSON with their rows."""
    rows = [track1(number) for number in range(n_rows)]
    for row in rows:
        path = folder / row["filepath"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(int(row["id"]) % 1000))
    for part in sorted((folder / "fake-images").iterdir()):
        own = [row for row in rows if Path(row["filepath"]).parent.name == part.name]
        (part / "metadata.json").write_text(PART_FORMS[form](own), encoding="utf-8")
    return folder / "fake-images"


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return path


def nyu_pairs(path: Path, names: Iterable[str], root: str = "processed/") -> Path:
    """A released archive: ``original`` and ``ai`` with the same names; hostile members and a lone image beside them."""
    members = {f"{root}original/{name}.jpg": picture(at, "JPEG") for at, name in enumerate(names)}
    members |= {f"{root}ai/{name}.jpg": picture(at + 500, "JPEG") for at, name in enumerate(names)}
    members |= {f"{root}ai/lonely.jpg": picture(900, "JPEG"), f"{root}lost.jpg": picture(901, "JPEG")}
    return zipped(path, members | dict.fromkeys(HOSTILE, b"x"))


def tarred(path: Path, members: Mapping[str, bytes], compression: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not compression:
        path.write_bytes(tar(members))
        return path
    plain = path.with_suffix(".plain")
    plain.write_bytes(tar(members))
    with tarfile.open(plain) as source, tarfile.open(path, f"w:{compression}") as target:
        for member in source:
            target.addfile(member, source.extractfile(member))
    plain.unlink()
    return path


def scraped_row(number: int, status: str = "success") -> dict:
    """A row of img2dataset's tables, whose list carried an id."""
    return {
        "key": f"{number // 4:05d}{number % 4:04d}",
        "status": status,
        "error_message": None if status == "success" else "HTTP Error 404: Not Found",
        "url": f"http://host/{number}.jpg",
        "caption": f"Lake {number}",
        "id": 26131007000 + number,
        "NSFW": "UNLIKELY",
        "width": 24,
        "height": 20,
        "original_width": 24,
        "original_height": 20,
        "sha256": "0" * 64,
    }
