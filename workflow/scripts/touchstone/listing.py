"""The list step: every item of an origin as a row, before any pixel is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow.parquet as pq

from touchstone import containers, tables
from touchstone.errors import TouchstoneError
from touchstone.files import read_json, replacing
from touchstone.progress import Progress
from touchstone.readers import Listing, Skip, Tally, reader
from touchstone.record import EMPTY, ITEM, date_of, empty_item, table_of

CHUNK = 50_000  # rows turned into Arrow at a time


def list_origin(
    *,
    origin: str,
    receipt: str | None,
    recipe: dict,
    generators: dict,
    kind: str,
    licence: str,
    index: str,
    pairs: str | None = None,
    progress: Progress,
) -> None:
    """Write ``index``, one row of ``record.ITEM`` per item of the origin, in the reader's order.

    Args:
        origin: Name of the origin.
        receipt: What ``fetch_origin`` wrote about the origin's files.
        recipe: The card's recipe.
        generators: ``{key: {name, released}}``; a reader speaks of keys, the record of names.
        kind: Of ``generate`` origins every item will be made by the one generator there is.
        licence: Licence of items that do not bring their own.
        pairs: Index of the origin whose images are varied.

    Raises:
        TouchstoneError: No items, or an unknown generator.
    """
    files = read_json(receipt)["files"] if receipt else []
    listing = listing_of(files, pairs)
    prefix = recipe["reader"].get("prefix", origin)
    defaults = EMPTY | common(origin, prefix, licence)
    skipped = Tally()
    ids: set[str] = set()
    progress.start(0)
    with replacing(index) as temporary, pq.ParquetWriter(temporary, ITEM, compression="zstd") as writer:
        rows: list[dict] = []
        for item in reader(recipe["reader"]["name"])(listing, recipe["reader"]):
            row = None if isinstance(item, Skip) else known(item, prefix, generators, kind, origin)
            if row and row["id"] in ids:
                item = Skip(row["id"], "an earlier item has the same id")
            if isinstance(item, Skip):
                skipped.add(item.name, item.why)
                continue
            ids.add(row["id"])
            rows.append(row)
            if len(rows) == CHUNK:
                writer.write_table(table_of(rows, ITEM, defaults))
                rows.clear()
            progress.advance()
        if not ids:
            raise TouchstoneError(
                "the origin has no items" + "".join(f"; {line.strip()}" for line in skipped.lines("skipped:")),
                where=f"origin {origin}",
                mend="check the files named in its card, and the reader's options",
            )
        writer.write_table(table_of(rows, ITEM, defaults))
    for line in [*skipped.lines("skipped:"), *listing.notes.lines("listed without")]:
        progress.say(line)
    progress.finish()


def listing_of(files: list[dict], pairs: str | None = None) -> Listing:
    """What a reader is shown of the ``files`` of a receipt."""
    return Listing(
        files=[file["name"] for file in files],
        members=_members(files),
        table=lambda name, columns: tables.rows(path_of(files, name), columns),
        document=lambda name: _document(path_of(files, name)),
        tables=_tables(files),
        pairs=_index_rows(pairs) if pairs else (),
    )


def complete(item: dict, origin: str, generators: dict, kind: str, licence: str, prefix: str | None = None) -> dict:
    """A reader's fields as a full row of ``record.ITEM``; raises what ``known`` raises."""
    prefix = origin if prefix is None else prefix
    return empty_item() | common(origin, prefix, licence) | known(item, prefix, generators, kind, origin)


def common(origin: str, prefix: str, licence: str) -> dict:
    """What all items of an origin share, unless their reader says otherwise."""
    return {"origin": origin, "origin_dataset": prefix.split("/")[0], "licence": licence}


def known(item: dict, prefix: str, generators: dict, kind: str, origin: str) -> dict:
    """A reader's fields with what follows from them: the full id, label and generator.

    Args:
        prefix: What ids begin with; empty where the reader says it all.
        origin: For the message.

    Raises:
        TouchstoneError: The reader named a generator that the card does not list.
    """
    row = dict(item)
    row["id"] = f"{prefix}/{item['id']}" if prefix else item["id"]
    key = next(iter(generators)) if kind == "generate" else item.get("generator", "")
    if key:
        if key not in generators:
            raise TouchstoneError(
                f"an item is of generator {key!r}, which the card does not list",
                where=f"origin {origin}, item {row['id']}",
                mend=f"the card lists {', '.join(generators) or 'none'}",
            )
        row |= {"label": 1, "generator": generators[key]["name"], "released": date_of(generators[key]["released"])}
    return row


def path_of(files: list[dict], name: str) -> Path:
    """Where the file called ``name`` in the card, or below a folder of the card, lies by the receipt."""
    for file in files:
        if file["name"] == name:
            return Path(file["path"])
        if file["name"].endswith("/") and name.startswith(file["name"]):
            return Path(file["path"], name.removeprefix(file["name"]))
    raise TouchstoneError(
        f"the card has no file {name!r}", where="recipe.reader", mend=f"its files: {', '.join(f['name'] for f in files)}"
    )


def _members(files: Iterable[dict]) -> Iterator[tuple[str, str]]:
    for file in files:
        if containers.is_container(file["name"]):
            container = containers.open_container(file["path"])
            for member in container.members():
                yield file["name"], member
            container.close()


def _tables(files: Iterable[dict]) -> Iterator[str]:
    for file in files:
        if file["name"].endswith("/"):
            yield from sorted(
                file["name"] + path.relative_to(file["path"]).as_posix() for path in Path(file["path"]).rglob("*.parquet")
            )
        elif file["name"].endswith(".parquet"):
            yield file["name"]


def _document(path: Path) -> dict:
    try:
        return read_json(path)
    except (ValueError, OSError) as error:
        raise TouchstoneError(f"the file is not JSON: {error}", where=path, mend="get the file again") from None


def _index_rows(path: str) -> Iterator[dict]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=CHUNK):
            yield from batch.to_pylist()
