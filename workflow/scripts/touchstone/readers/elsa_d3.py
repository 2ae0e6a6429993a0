"""ELSA D3: Parquet or Arrow files whose rows hold a LAION-400M address and four images made from its caption."""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone.readers import Listing, Skip

TEXTS = ["id", "url", "original_prompt", "positive_prompt", "negative_prompt"]
NUMBERED = re.compile(r"-([0-9]{5})-of-([0-9]{5})\b")  # in the names of the hub's files
NAMED = {"train": "ELSA_D3/train", "validation": "ELSA_D3/valid"}  # as AI-GenBench names them


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per row and column of images; images of one row share the group of their real one.

    Options:
        splits: ``{split: [beginnings of file names]}``, see ``rows``.
        generators: ``{column: generator}``.
    """
    for split, number, file, place, row in _rows(listing, options["splits"]):
        real = row["id"].strip()
        name = f"{split}/row{number}" if number is not None else f"{split}/{file.rpartition('/')[2].partition('.')[0]}/row{place}"
        if not real:
            listing.notes.add(f"{file}, row {place}", "the id of a real image")
        if number is None:
            listing.notes.add(f"{file}, row {place}", "the row's number in its split, as files before it are missing")
        for column, generator in options["generators"].items():
            yield {
                "id": f"{name}/{column}",
                "origin_dataset": NAMED.get(split, f"ELSA_D3/{split}"),
                "generator": generator,
                "conditioning": "text",
                "original_prompt": row["original_prompt"].strip(),
                "positive_prompt": row["positive_prompt"].strip(),
                "negative_prompt": row["negative_prompt"].strip(),
                "paired_real_images": [f"LAION-400M/{real}"] if real else [],
                "groups": [f"laion:{real}" if real else f"elsa_d3:{name}"],
                "source_url": row["url"].strip(),
                "source_file": file,
                "source_member": f"{place}/{column}",
            }


def _rows(listing: Listing, splits: dict[str, list[str]]) -> Iterator[tuple[str, int | None, str, int, dict]]:
    """``(split, row in the split, file, row in the file, row)``.

    Rows of a split are counted through its files: those with the first beginning, in the order of their names,
    then those with the second. ``save_to_disk`` makes a folder ``train/`` of what the hub calls ``train-...``. Ids
    hold these numbers, so they hold for one revision of the whole: behind a file that is missing there are none.
    """
    files = [name for name in listing.tables if name.endswith((".parquet", ".arrow"))]
    for split, beginnings in splits.items():
        number: int | None = 0
        for beginning in beginnings:
            own = [name for name in files if name.startswith((beginning, f"{beginning[:-1]}/"))]
            expected = total = 0
            is_whole = bool(own)
            for file in own:
                if found := NUMBERED.search(file):
                    is_whole &= int(found[1]) == expected
                    expected, total = int(found[1]) + 1, int(found[2])
                for place, row in enumerate(listing.table(file, TEXTS)):
                    yield split, number if is_whole else None, file, place, row
                    number = number if number is None else number + 1
            if not is_whole or expected != total:
                listing.notes.add(f"{beginning}*", "files of this beginning, all or some")
                number = None
