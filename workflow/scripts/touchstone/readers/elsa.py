"""ELSA's first sets: an image per row with its prompts, model and the address of a real image of the same caption.

They come in two forms: Parquet files or a saved Arrow dataset with the images inside, as the hub has them, and folders
``part-000001`` ... of about a thousand images with one JSON each.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from touchstone.containers import is_safe
from touchstone.readers import Listing, Skip, no_picture
from touchstone.readers.laion import ID, groups

NAMES = {  # of columns, in small letters; the two sets differ in a few
    "id": ("id",),
    "original_prompt": ("original_prompt",),
    "positive_prompt": ("positive_prompt",),
    "negative_prompt": ("negative_prompt",),
    "model": ("model",),
    "nsfw": ("nsfw",),
    "url": ("url_real_image", "url"),
    "filepath": ("filepath",),
}
NEEDED = ("id", "model", "filepath")


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per row of the tables in ``rows``, and per image of the folders in ``parts``.

    An id is the row's ``filepath`` without its suffix, so it is the same in both forms.

    Options:
        models: ``{model, as the rows say: generator}``.
        rows: Beginnings of the names of tables that hold images.
    """
    for table in listing.tables:
        if not table.startswith(tuple(options["rows"])) or not table.endswith((".parquet", ".arrow")):
            continue
        for place, row in enumerate(_rows(listing, table, _named(listing, table))):
            yield _item(row, options["models"], {"source_file": table, "source_member": f"{place}/image"})
    for (file, folder), members in groupby(listing.members, key=lambda each: (each[0], each[1].rpartition("/")[0])):
        if not file.startswith(tuple(options["rows"])):
            yield from _part(listing, options["models"], file, folder, [member for _, member in members])


def _named(listing: Listing, table: str) -> dict[str, str]:
    """``{field: column}``; a needed one that is missing is left for ``Listing.table`` to complain about."""
    there = {column.casefold(): column for column in reversed(listing.columns(table))}
    names = {field: next((there[name] for name in names if name in there), "") for field, names in NAMES.items()}
    return {field: name or field for field, name in names.items() if name or field in NEEDED}


def _rows(listing: Listing, table: str, names: dict[str, str]) -> Iterator[dict[str, str]]:
    for row in listing.table(table, list(names.values())):
        yield {field: row[names[field]].strip() if field in names else "" for field in NAMES}


def _part(listing: Listing, models: dict, file: str, folder: str, members: list[str]) -> Iterator[dict | Skip]:
    """Images of one folder, in the order of its JSON; what only one side knows is skipped."""
    faults = {member: no_picture(member) for member in members}
    images = {member.rpartition("/")[2]: member for member, fault in faults.items() if not fault}
    documents = [member for member in members if member.endswith((".json", ".jsonl")) and is_safe(member)]
    told = set()
    for document in documents:
        names = _named(listing, file + document)
        if not {*names.values()} <= {*listing.columns(file + document)}:
            yield Skip(document, f"a JSON without {', '.join(NEEDED)}")
            continue
        for row in _rows(listing, file + document, names):
            name = row["filepath"].rpartition("/")[2]
            if name in told:
                yield Skip(f"{folder}/{name}", "an earlier row of the part's JSON is about the same image")
            elif name not in images:
                yield Skip(f"{folder}/{name}", "in the part's JSON, but not in the part")
            else:
                told.add(name)
                yield _item(row | {"filepath": file + images[name]}, models, {"source_file": file, "source_member": images[name]})
    for member, fault in faults.items():
        if fault:
            if member not in documents:
                yield Skip(member, fault)
        elif member.rpartition("/")[2] not in told:
            yield Skip(member, "not in the JSON of its part")


def _item(row: dict[str, str], models: dict[str, str], place: dict[str, str]) -> dict | Skip:
    name = row["filepath"] if is_safe(row["filepath"]) else row["id"]
    if not ID.fullmatch(row["id"]):
        return Skip(name or str(place), "the row has no id")
    if row["model"] not in models:
        return Skip(name, f"model {row['model']!r} is not in the card")
    folder, slash, last = name.rpartition("/")
    return {
        "id": folder + slash + (last.rpartition(".")[0] or last),
        "generator": models[row["model"]],
        "conditioning": "text",
        "original_prompt": row["original_prompt"],
        "positive_prompt": row["positive_prompt"],
        "negative_prompt": row["negative_prompt"],
        "nsfw": row["nsfw"],
        "paired_real_images": [f"LAION-400M/{row['id']}"],
        "groups": groups(row),
        "source_url": row["url"],
        **place,
    }
