"""The real images behind ELSA D3: addresses of LAION-400M in the rows of its Parquet files."""

from __future__ import annotations

from collections.abc import Iterator

from touchstone.readers import Listing, Skip
from touchstone.readers.elsa_d3 import rows


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One real image to scrape per row, under the id of LAION-400M and in the group of its row.

    Options:
        splits: ``{split: [beginnings of file names]}``.
    """
    for split, number, _, _, row in rows(listing, options["splits"], ["id", "url", "original_prompt"]):
        real, url = row["id"].strip(), row["url"].strip()
        if not real or not url:
            yield Skip(f"{split}/row{number}", "the row has no id or no address")
        else:
            yield {"id": real, "source_url": url, "description": row["original_prompt"].strip(), "groups": [f"laion:{real}"]}
