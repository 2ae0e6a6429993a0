"""ELSA's form: folders ``part-000001`` of about a thousand images, with a JSON of nine fields for each.

Source: the data sets of ELSA's media analytics challenge: ``fake-images/part-000001/...``, ``filepath`` relative
to the data set's root, real images in folders of ``images_per_folder`` and a csv of their addresses.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pyarrow.compute as pc

from touchstone.exports.packed import drop_remains, file_name, new_folder, put, rows
from touchstone.files import read_json, replacing, write_json
from touchstone.progress import Progress
from touchstone.shards import read_shard
from touchstone.versions import read_table

REAL = ["id", "url", "caption", "nsfw", "filepath", "sha256"]


def write_part(*, manifest: str, split: str, kind: str, number: int, of: int, folder: str, progress: Progress) -> None:
    """Write part ``number`` (from 0) of ``of`` of a split's ``fake`` or ``real`` images: files and ``metadata.json``.

    Args:
        folder: ``.../<kind>-images/part-<number + 1>``; ``filepath`` in the JSON starts at its grandparent.
    """
    progress.start(0, "images")
    drop_remains(folder, number, of)
    place = Path(folder)
    addresses = _addresses(manifest) if kind == "fake" else {}
    entries = []
    with new_folder(folder) as temporary:
        for row in rows(manifest=manifest, split=split, label=int(kind == "fake"), number=number, of=of):
            name = file_name(row)
            put(temporary, name, row["image"]["bytes"])
            path = f"{place.parent.name}/{place.name}/{name}"
            entries.append(_fake(row, path, addresses) if kind == "fake" else _real(row, path))
            progress.advance()
        write_json(temporary / "metadata.json", entries)
    progress.finish()


def write_reals(*, parts: list[str], table: str, progress: Progress) -> None:
    """Write the csv of a split's real images out of the JSON files of its parts."""
    progress.start(len(parts), "parts")
    with replacing(table) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, REAL, lineterminator="\n")
        writer.writeheader()
        for part in parts:
            writer.writerows(read_json(Path(part) / "metadata.json"))
            progress.advance()
    progress.finish()


def _fake(row: dict, path: str, addresses: dict[str, str]) -> dict:
    paired = (row["paired_real_images"] or [""])[0]
    return {
        "ID": paired.rpartition("/")[2] or row["id"],
        "original_prompt": row.get("original_prompt") or row["description"] or row["positive_prompt"],
        "positive_prompt": row["positive_prompt"],
        "negative_prompt": row["negative_prompt"],
        "model": (row["generation"] or {}).get("model") or row["generator"],
        "nsfw": row.get("nsfw") or "",
        "url_real_image": addresses.get(paired, ""),
        "filepath": path,
        "aspect_ratio": [row["width"], row["height"]],
    }


def _real(row: dict, path: str) -> dict:
    known = {"id": row["id"], "url": row["source_url"], "caption": row.get("original_prompt") or row["description"]}
    return known | {"nsfw": row.get("nsfw") or "", "filepath": path, "sha256": row["sha256"]}


def _addresses(manifest: str) -> dict[str, str]:
    """Addresses of all real images of the dataset that have one, by id."""
    files = read_table(manifest, "manifest", ["file"], filters=[("label", "==", 0)])["file"]
    found: dict[str, str] = {}
    for name in sorted(pc.unique(files).to_pylist()):
        table = read_shard(Path(manifest).parent / name, ["id", "source_url"])
        table = table.filter(pc.not_equal(pc.fill_null(table["source_url"], ""), ""))
        found |= dict(zip(table["id"].to_pylist(), table["source_url"].to_pylist(), strict=True))
    return found
