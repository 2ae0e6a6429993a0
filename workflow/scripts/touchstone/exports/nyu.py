"""The NYU variation set's form: a variation in ``processed/ai`` and its original in ``processed/original``, one name.

Both go through one chain: upright RGB, centred square, one size, one JPEG quality. In the set as it was published
the two differ in what was done to them, which gives the class away.
"""

from __future__ import annotations

import csv
from collections import defaultdict

from touchstone.chains import decode, encode, square
from touchstone.exports.packed import file_name, new_folder, put, rows
from touchstone.progress import Progress


def write_pairs(*, manifest: str, split: str, side: int, quality: int, folder: str, progress: Progress) -> None:
    """Write the pairs of a split as JPEG of ``side`` pixels, and ``unpaired.csv``: fakes without a real image here.

    Names keep a readable part of the fake's id and a hash, so no two clash.
    """
    progress.start(0, "images")
    originals: dict[str, list[str]] = defaultdict(list)
    unpaired = []
    for row in rows(manifest=manifest, split=split, label=1, columns=["id", "format", "paired_real_images"]):
        if row["paired_real_images"]:
            originals[row["paired_real_images"][0]].append(row["id"])
        else:
            unpaired.append((row["id"], "made from no image"))
    with new_folder(folder) as temporary:
        names = {}
        for row in rows(manifest=manifest, split=split, label=0, columns=["id", "image", "sha256"]):
            for fake in originals.pop(row["id"], []):
                names[fake] = file_name({"id": fake, "format": "JPEG"})
                put(temporary, f"original/{names[fake]}", _processed(row, side, quality))
        unpaired += [(fake, "its real image is not in this split") for fakes in originals.values() for fake in fakes]
        for row in rows(manifest=manifest, split=split, label=1, columns=["id", "image", "sha256"]):
            if row["id"] in names:
                put(temporary, f"ai/{names[row['id']]}", _processed(row, side, quality))
                progress.advance()
        with open(temporary / "unpaired.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("id", "why"), *sorted(unpaired)])
    progress.finish(f"{len(names):,} pairs, {len(unpaired):,} fakes without their real image")


def _processed(row: dict, side: int, quality: int) -> bytes:
    return encode(square(decode(row["image"]["bytes"]), side), "JPEG", quality)
