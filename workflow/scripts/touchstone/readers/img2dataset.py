"""What img2dataset left: images by their keys, and what it says about each.

All its forms but TFRecord: files in numbered folders, tars of them (WebDataset), and Parquet with the images inside, which
may have become a saved Arrow dataset. A table ``<shard>.parquet`` beside a shard tells about all its rows. Where that is
gone, or another tool wrote the tars, the texts ``<key>.json`` and ``<key>.txt`` beside the images do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from itertools import groupby

from touchstone.containers import is_safe
from touchstone.readers import Listing, Skip, no_picture, prompt_group
from touchstone.readers.laion import ID, fields, groups, named

IMAGES = ("jpg", "png", "webp", "image")  # columns of images: its `encode_format`, and what others call it
TEXTS = (".json", ".txt", ".parquet", ".arrow", ".tar")  # which are no images and not worth a word


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per image, in the group of its row's id or address.

    Options:
        ids: ``key``: shard and key of the image; ``row``: the id in a column of the list it was made from.
        generator: Of all images; the captions then are their prompts. Without it they are real.
    """
    tables = {name.rpartition(".")[0]: name for name in listing.tables if name.endswith((".parquet", ".arrow"))}
    shards = set()
    for file, folder, members in _shards(
        listing, {name.rpartition("/")[0] + "/" for name in tables.values() if name.endswith(".arrow")}
    ):
        shard = (file + folder).rstrip("/") if file.endswith("/") else file.removesuffix(".tar")
        images = {}
        for member in members:
            if not no_picture(member):
                images[member.rpartition("/")[2].rpartition(".")[0]] = member
            elif not member.endswith(TEXTS):
                yield Skip(member, no_picture(member))
        if not images:
            continue
        shards.add(shard)
        rows = _table_rows(listing, tables[shard]) if shard in tables else _text_rows(listing, file, members)
        told = set()
        for key, row in rows:
            if key not in images:
                yield Skip(f"{shard}/{key}", _why(row))
            elif key not in told:
                told.add(key)
                yield _item(options, f"{shard}/{key}", row, {"source_file": file, "source_member": images[key]})
        for key in (key for key in images if key not in told):
            yield _item(options, f"{shard}/{key}", {}, {"source_file": file, "source_member": images[key]})
    for shard, table in tables.items():
        column = next((name for name in listing.columns(table) if name in IMAGES), None)
        if column and shard not in shards:
            for place, (key, row) in enumerate(_table_rows(listing, table)):
                if row.get("status", "success") != "success":
                    yield Skip(f"{shard}/{key}", _why(row))
                else:
                    yield _item(options, f"{shard}/{key}", row, {"source_file": table, "source_member": f"{place}/{column}"})


def _shards(listing: Listing, saved: set[str]) -> Iterator[tuple[str, str, list[str]]]:
    """``(file, folder in it, members)`` of every folder and every tar that can hold images; ``saved`` are datasets."""
    archives = list(listing.archives)
    for (file, folder), members in groupby(listing.members, key=lambda each: (each[0], each[1].rpartition("/")[0])):
        if file not in archives and file not in saved:
            yield file, folder, [member for _, member in members]
    for file in archives:
        yield file, "", list(listing.inside(file))


def _table_rows(listing: Listing, table: str) -> Iterator[tuple[str, dict[str, str]]]:
    there = listing.columns(table)
    names = [*named(there).values(), *(name for name in ("key", "status") if name in there)]
    for place, row in enumerate(listing.table(table, list(dict.fromkeys(names)))):
        yield row.get("key") or str(place), row


def _text_rows(listing: Listing, file: str, members: list[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Rows from the texts beside the images; what a caption's text says counts where the JSON does not say it."""
    rows: dict[str, dict[str, str]] = {}
    wanted = [member for member in members if member.endswith((".json", ".txt")) and is_safe(member)]
    for member, text in listing.texts(file, wanted):
        key = member.rpartition("/")[2].rpartition(".")[0]
        if member.endswith(".txt"):
            rows[key] = {"caption": text} | rows.get(key, {})
            continue
        with suppress(ValueError, RecursionError):
            if isinstance(told := json.loads(text), dict):
                rows[key] = rows.get(key, {}) | {name: "" if value is None else str(value) for name, value in told.items()}
    yield from rows.items()


def _why(row: dict[str, str]) -> str:
    status = row.get("status", "")
    return f"img2dataset says {status}" if status not in ("", "success") else "the image is not there"


def _item(options: dict, name: str, row: dict[str, str], place: dict[str, str]) -> dict | Skip:
    found = fields(row, named(row))
    if options["ids"] == "row":
        if not ID.fullmatch(found["id"]):
            return Skip(name, "its row has no id")
        name = found["id"]
    item = {"id": name, "groups": groups(found), "source_url": found["url"], "nsfw": found["nsfw"], **place}
    if generator := options.get("generator"):
        texts = {"generator": generator, "conditioning": "text", "positive_prompt": found["caption"]}
        return item | texts | {"groups": item["groups"] + prompt_group(found["caption"])}
    return item | {"description": found["caption"]}
