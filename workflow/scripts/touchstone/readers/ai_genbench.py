"""AI-GenBench's own release of its fakes: Parquet or Arrow files of the hub, a row per image with its record."""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone.readers import Listing, Skip, prompt_group

TEXTS = ["origin_dataset", "conditioning", "description", "positive_prompt", "negative_prompt"]
COLUMNS = ["file_id", "generator", "paired_real_images", *TEXTS]
PAIR = re.compile(r"(COCO2017_(?:train|val)|RAISE|LAION-400M)/([^\s'\"\],/]+)")
GROUPS = {"COCO2017_train": "coco", "COCO2017_val": "coco", "RAISE": "raise", "LAION-400M": "laion"}


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per row; its id is the published one.

    The release writes "None" where a look-up failed, and pads COCO's numbers with zeros, so that no pair of them is
    found; both are put right.

    Options:
        generators: ``{name in the rows: generator}``.
    """
    for table in listing.tables:
        if not table.endswith((".parquet", ".arrow")):
            continue
        for place, row in enumerate(listing.table(table, COLUMNS)):
            if row["generator"] not in options["generators"]:
                yield Skip(row["file_id"] or f"{table}, row {place}", f"generator {row['generator']!r} is not in the card")
                continue
            pairs = [(source, name.lstrip("0") or "0") if "COCO" in source else (source, name) for source, name in _pairs(row)]
            texts = {name: "" if row[name] == "None" else row[name] for name in TEXTS}
            yield {
                "id": row["file_id"],
                "generator": options["generators"][row["generator"]],
                "paired_real_images": [f"{source}/{name}" for source, name in pairs],
                "groups": [f"{GROUPS[source]}:{name}" for source, name in pairs] or prompt_group(texts["positive_prompt"]),
                "source_file": table,
                "source_member": f"{place}/image",
                **texts,
            }


def _pairs(row: dict[str, str]) -> list[tuple[str, str]]:
    """``(collection, name)`` of the real images; a list comes as its text."""
    return PAIR.findall(row["paired_real_images"])
