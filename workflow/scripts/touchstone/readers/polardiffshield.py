"""PolarDiffShield: a table of prompts with the address of one image per generator in each row.

AI-GenBench scrapes each column with img2dataset and numbers the images by row; the same numbers
and generators are read off the table here, without the scrape.
"""

from __future__ import annotations

from collections.abc import Iterator

from touchstone.lists import whole_number
from touchstone.readers import Listing, Skip, prompt_group


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per row and column of addresses; images of one prompt share a group.

    Options:
        file: The table.
        columns: ``{folder in ids: {url, generator}}``, or ``{url, version, generators}`` where the
            column ``version`` says which generator it was.
    """
    columns = options["columns"]
    needed = dict.fromkeys(column[key] for column in columns.values() for key in ("url", "version") if key in column)
    for row in listing.table(options["file"], ["ID", "prompt", *needed]):
        number = whole_number(row["ID"])
        if number is None:
            yield Skip(row["ID"], "the row has no number")
            continue
        prompt = row["prompt"].strip()
        for folder, column in columns.items():
            name = f"{folder}/{number:08d}"
            url = row[column["url"]].strip()
            version = row[column["version"]].strip() if "version" in column else ""
            generator = column["generators"].get(version) if "version" in column else column["generator"]
            if not url:
                yield Skip(name, "the row has no address")
            elif generator is None:
                yield Skip(name, f"version {version!r} is not in the card")
            else:
                yield {
                    "id": name,
                    "generator": generator,
                    "conditioning": "text",
                    "positive_prompt": prompt,
                    "groups": prompt_group(prompt),
                    "source_url": url if "://" in url else f"http://{url}",
                }
