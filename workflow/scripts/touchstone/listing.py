"""The list step: every item of an origin as a row, before any pixel is read."""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone import containers, tables
from touchstone.containers.rows import is_saved_dataset
from touchstone.errors import TouchstoneError
from touchstone.files import read_json, replacing
from touchstone.progress import Progress
from touchstone.readers import Listing, Skip, Tally, reader
from touchstone.record import EMPTY, ITEM, date_of, empty_item, table_of
from touchstone.seen import Seen
from touchstone.versions import SEALED, require, stamped

CHUNK = 50_000  # rows turned into Arrow at a time
MAX_TEXT = 1_000_000  # bytes of a text beside an image


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
        kind: Of ``generate`` and ``api`` origins every item will be made by the one generator there is.
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
    written = Index(skipped)
    progress.start(0)
    with replacing(index) as temporary:
        with pq.ParquetWriter(temporary, stamped(ITEM), **SEALED) as writer:
            rows: list[dict] = []
            for item in reader(recipe["reader"]["name"])(listing, recipe["reader"]):
                if isinstance(item, Skip):
                    skipped.add(item.name, item.why)
                    continue
                rows.append(known(item, prefix, generators, kind, origin))
                if len(rows) == CHUNK:
                    progress.advance(written.append(rows, writer, defaults))
                    rows = []
            progress.advance(written.append(rows, writer, defaults))
        if not progress.done:
            raise TouchstoneError(
                "the origin has no items" + "".join(f"; {line.strip()}" for line in skipped.lines("skipped:")),
                where=f"origin {origin}",
                mend="check the files named in its card, and the reader's options",
            )
        written.tell_repeated(temporary)
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
        tables=_below(files, tables.SUFFIXES),
        columns=lambda name: tables.columns_of(path_of(files, name)),
        archives=_below(files, tuple(containers.ARCHIVES)),
        inside=lambda name: _names(path_of(files, name)),
        texts=lambda name, members: _texts(path_of(files, name), members),
        pairs=_index_rows(pairs) if pairs else (),
    )


class Index:
    """Writes rows whose id did not come before, and keeps the others in mind."""

    def __init__(self, skipped: Tally):
        self.skipped, self.seen = skipped, Seen()
        self.repeated: list[int] = []  # numbers of items that are not written
        self.first: tuple[dict, int] | None = None  # the first of these, and the number of the item it repeats

    def append(self, rows: list[dict], writer: pq.ParquetWriter, defaults: dict) -> int:
        """Write rows; how many they were."""
        try:
            table = table_of(rows, ITEM, defaults)
        except UnicodeEncodeError:  # half a character, which JSON can hold
            broken = [row["id"] for row in rows if not _is_text(row)]
            self.skipped.add(broken[0], "a text is not Unicode", len(broken))
            rows = [row for row in rows if _is_text(row)]
            table = table_of(rows, ITEM, defaults)
        start = self.seen.count
        earlier = self.seen.add([row["id"] for row in rows])
        if again := np.flatnonzero(earlier >= 0).tolist():
            self.first = self.first or (rows[again[0]], int(earlier[again[0]]))
            self.repeated += [start + number for number in again]
            table = table.filter(pa.array(earlier < 0))
        writer.write_table(table)
        return len(table)

    def tell_repeated(self, index: Path) -> None:
        """Tell how many ids came before, and of the first where both items lie."""
        if self.first is None:
            return
        row, number = self.first
        place = number - bisect_left(self.repeated, number)
        before = pc.take(pq.read_table(index, columns=["source_file", "source_member", "source_url"], memory_map=True), [place])
        name = f"{row['id']}: {_lies(row)}, and before that {_lies(before.to_pylist()[0])}"
        self.skipped.add(name, "an earlier item has the same id", len(self.repeated))


def _is_text(row: dict) -> bool:
    """Whether all that an item says can be written down as UTF-8."""
    return not re.search("[\ud800-\udfff]", json.dumps([*row.values()], ensure_ascii=False, default=str))


def _lies(row: dict) -> str:
    place = "/".join(filter(None, (row.get("source_file", ""), row.get("source_member", ""))))
    return place or row.get("source_url") or "a row of its table"


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
    key = next(iter(generators)) if kind in ("generate", "api") else item.get("generator", "")
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
            yield from ((file["name"], member) for member in _names(file["path"]))


def _names(path: str | Path) -> Iterator[str]:
    container = containers.open_container(path)
    yield from container.members()
    container.close()


def _texts(path: Path, members: list[str]) -> Iterator[tuple[str, str]]:
    """Texts of small members, in the order of the archive; those that are no text are left out."""
    container = containers.open_container(path)
    for member, data in container.read_many(members):
        if isinstance(data, bytes) and len(data) <= MAX_TEXT:
            with suppress(UnicodeDecodeError):
                yield member, data.decode("utf-8-sig")
    container.close()


def _below(files: Iterable[dict], suffixes: tuple[str, ...]) -> Iterator[str]:
    """The card's files with these suffixes and all such files below its folders, sorted folder by folder."""
    for file in files:
        if not file["name"].endswith("/"):
            yield from [file["name"]] if file["name"].lower().endswith(suffixes) else []
            continue
        for folder, folders, names in os.walk(file["path"]):
            folders.sort()
            if is_saved_dataset(Path(folder)):
                names = [path.name for path in containers.open_container(folder).files]
            else:
                own = (".", "cache-")  # `datasets` keeps these for itself
                names = sorted(name for name in names if not name.startswith(own))
            for name in names:
                if name.lower().endswith(suffixes):
                    yield file["name"] + Path(folder, name).relative_to(file["path"]).as_posix()


def _document(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise TouchstoneError(f"the file is not JSON: {error}", where=path, mend="get the file again") from None


def _index_rows(path: str) -> Iterator[dict]:
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        require(file.schema_arrow, "index", path)
        for batch in file.iter_batches(batch_size=CHUNK):
            yield from batch.to_pylist()
