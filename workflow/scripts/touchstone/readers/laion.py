"""Lists of addresses in the way of LAION: tables with a row per image, whatever their columns are called."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator
from contextlib import suppress

from touchstone.readers import Listing, Skip

# What columns are called, the likelier first, in small letters. LAION-400M, LAION-2B and Re-LAION, COYO, DataComp,
# the ELSA sets, AI-GenBench's file lists and the tables of img2dataset.
NAMES = {
    "id": ("id", "sample_id", "laion_id", "image_id", "file_id", "uid", "hash"),
    "url": ("url", "url_real_image", "image_url", "img_url", "link"),
    "caption": ("text", "caption", "original_prompt", "description", "alt_text", "prompt"),
    "nsfw": ("nsfw", "punsafe"),
    "width": ("width", "original_width"),
    "height": ("height", "original_height"),
    "licence": ("license", "licence"),
}

ID = re.compile(r"[\w.:+=-]{1,200}")


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One real image to scrape per row, in the group of its id, or of its address where it has none.

    Options:
        refuse: Tags of the column on unsafe content; such rows are skipped.
        min_side: Pixels; rows that state a shorter side are skipped.
        blocked: ``{file, column}``, a table of ids or addresses that are skipped; it may be missing.
    """
    refused = {tag.casefold() for tag in options.get("refuse", ())}
    blocked = _blocked(listing, options.get("blocked"))
    for table in listing.tables:
        if table == options.get("blocked", {}).get("file"):
            continue
        names = named(listing.columns(table))
        if "url" not in names:
            yield Skip(table, "a table without addresses")
            continue
        if refused and "nsfw" not in names:
            listing.notes.add(table, "a column on unsafe content, so none of its rows is refused for it")
        for number, row in enumerate(listing.table(table, list(names.values()))):
            found = fields(row, names)
            name = found["id"] or f"{table}, row {number}"
            if not found["url"]:
                yield Skip(name, "the row has no address")
            elif found["id"] and not ID.fullmatch(found["id"]):
                yield Skip(found["id"][:200], "the id holds more than letters, digits and . : + = -")
            elif found["id"] in blocked or found["url"] in blocked:
                yield Skip(name, f"in {options['blocked']['file']}")
            elif found["nsfw"].casefold() in refused:
                yield Skip(name, f"tagged {found['nsfw']!r}")
            elif _side(found) < options.get("min_side", 0):
                yield Skip(name, f"a side is shorter than {options['min_side']} pixels")
            else:
                item = {"id": found["id"] or address_key(found["url"]), "source_url": found["url"], "groups": groups(found)}
                item |= {"description": found["caption"], "nsfw": found["nsfw"]}
                yield item | {"licence": found["licence"]} if found["licence"] not in ("", "?") else item


def named(columns: Collection[str]) -> dict[str, str]:
    """``{field: column}`` of those fields of ``NAMES`` that there is a column for."""
    there = {column.casefold(): column for column in reversed(list(columns))}
    return {field: there[next(name for name in names if name in there)] for field, names in NAMES.items() if {*names} & {*there}}


def fields(row: dict[str, str], names: dict[str, str]) -> dict[str, str]:
    """The fields of a row by their own names; those it lacks are empty."""
    found = {field: row[names[field]].strip() if field in names else "" for field in NAMES}
    key = found["id"]
    if key.endswith(".0") and key[:-2].lstrip("-").isdecimal():  # numbers become such in a table where one is missing
        found["id"] = key[:-2]
    elif key == "nan":
        found["id"] = ""
    return found


def groups(found: dict[str, str]) -> list[str]:
    """The group of everything that was made from the image of a row."""
    return [f"laion:{found['id']}"] if found["id"] else [f"url:{found['url']}"] if found["url"] else []


def address_key(url: str) -> str:
    """An id for an address, the same in every list."""
    return f"url-{hashlib.sha256(url.encode()).hexdigest()[:16]}"


def _blocked(listing: Listing, option: dict | None) -> set[str]:
    if not option or option["file"] not in listing.files:
        return set()
    return {row[option["column"]].strip() for row in listing.table(option["file"], [option["column"]])} - {""}


def _side(found: dict[str, str]) -> float:
    """The shorter side, by what the row says; endless if it does not."""
    sides = []
    for side in (found["width"], found["height"]):
        with suppress(ValueError):
            sides.append(float(side))
    return min((side for side in sides if side > 0), default=float("inf"))
