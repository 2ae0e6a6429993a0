"""ELSA D3: Parquet files whose rows hold a LAION-400M address and four images made from its caption."""

from __future__ import annotations

from collections.abc import Iterator

from touchstone.readers import Listing, Skip

TEXTS = ["id", "positive_prompt", "negative_prompt"]
NAMED = {"train": "ELSA_D3/train", "validation": "ELSA_D3/valid"}  # as AI-GenBench names them


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per row and column of images; images of one row share the group of their real one.

    Options:
        splits: ``{split: [beginnings of file names]}``, see ``rows``.
        generators: ``{column: generator}``.
    """
    for split, number, file, place, row in rows(listing, options["splits"], TEXTS):
        real = row["id"].strip()
        if not real:
            listing.notes.add(f"{file}, row {place}", "the id of a real image")
        for column, generator in options["generators"].items():
            yield {
                "id": f"{split}/row{number}/{column}",
                "origin_dataset": NAMED.get(split, f"ELSA_D3/{split}"),
                "generator": generator,
                "conditioning": "text",
                "positive_prompt": row["positive_prompt"].strip(),
                "negative_prompt": row["negative_prompt"].strip(),
                "paired_real_images": [f"LAION-400M/{real}"] if real else [],
                "groups": [f"laion:{real}" if real else f"elsa_d3:{split}/row{number}"],
                "source_file": file,
                "source_member": f"{place}/{column}",
            }


def rows(listing: Listing, splits: dict[str, list[str]], columns: list[str]) -> Iterator[tuple[str, int, str, int, dict]]:
    """``(split, row in the split, file, row in the file, row)``.

    Rows of a split are counted through its files: those with the first beginning, in the order of
    their names, then those with the second. Ids hold these numbers, so they hold for one revision.
    """
    files = list(listing.tables)
    for split, beginnings in splits.items():
        number = 0
        for file in (name for beginning in beginnings for name in files if name.startswith(beginning)):
            for place, row in enumerate(listing.table(file, columns)):
                yield split, number, file, place, row
                number += 1
