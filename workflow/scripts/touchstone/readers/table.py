"""A table with one row per item: image files, addresses to scrape, or prompts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from touchstone.readers import Listing, Skip, prompt_group


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per row.

    Options:
        file: The table.
        columns: ``{field of the record: column}``; ``member`` is the image's name in the origin's
            first container.
        group: Prefix; the value of ``columns.group`` then is the group ``<group>:<value>``.
        stems: ``id`` and ``group`` are paths or addresses, of which the stem counts.
        prompts: Rows are prompts: later repetitions of a prompt are skipped, and the prompt itself
            is a group, so that images of one prompt stay in one split.
    """
    columns: dict[str, str] = options["columns"]
    seen: set[str] = set()
    for row in listing.table(options["file"], list(dict.fromkeys(columns.values()))):
        item: dict = {field: row[column].strip() for field, column in columns.items()}
        if options.get("stems"):
            item |= {field: PurePosixPath(item[field]).stem for field in ("id", "group") if field in item}
        if not item["id"]:
            yield Skip(str(row), "the row has no id")
            continue
        value = item.pop("group", "")
        item["groups"] = [f"{options.get('group', 'group')}:{value}"] if value else []
        if "member" in item:
            item["source_member"] = item.pop("member")
        if options.get("prompts"):
            prompt = " ".join(item.get("positive_prompt", "").split())
            if not prompt or prompt.casefold() in seen:
                yield Skip(item["id"], "the prompt is a repetition" if prompt else "the prompt is empty")
                continue
            seen.add(prompt.casefold())
            item["positive_prompt"] = prompt
            item["groups"] += prompt_group(prompt)
        yield item
