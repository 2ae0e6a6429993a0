"""The images of a finished dataset, read once and in bounded memory, in an order that mixes all generators."""

from __future__ import annotations

import glob
import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.draw import rank_keys
from touchstone.errors import TouchstoneError
from touchstone.record import PACKED
from touchstone.shards import open_shard
from touchstone.versions import read_table

SUFFIXES = {"JPEG": "jpg", "TIFF": "tif"}


def rows(
    *,
    manifest: str,
    split: str,
    label: int | None = None,
    number: int = 0,
    of: int = 1,
    columns: list[str] | None = None,
    most_files: int = 64,
) -> Iterator[dict]:
    """Rows of ``record.PACKED`` of part ``number`` of ``of`` equal parts of a split, their bytes checked.

    Each part takes a stretch of every packed shard (of every so many where there are many), so all generators
    are in every part, in the order of the hashes of ids. Memory is one row group of each shard.

    Args:
        manifest: ``manifest.parquet``, in the dataset's folder.
        label: 0 or 1 for real or fake images only.
        columns: Of ``record.PACKED``; all if not given.
        most_files: Shards that one part reads from, about.

    Raises:
        TouchstoneError: A shard is missing, damaged or not that of the manifest.
    """
    wanted = _part(manifest, split, label, number, of, most_files)
    folder = Path(manifest).parent
    names = wanted["file"].to_pylist()
    spans = {name: names.count(name) for name in dict.fromkeys(names)}
    first = {name: pc.min(wanted.filter(pc.equal(wanted["file"], name))["row"]).as_py() for name in spans}
    readers = {name: _stretch(folder / name, first[name], count, columns) for name, count in spans.items()}
    order = np.argsort(rank_keys(0, wanted["id"].to_pylist()), kind="stable")
    for position in order:
        yield next(readers[names[position]])


def _part(manifest: str, split: str, label: int | None, number: int, of: int, most_files: int) -> pa.Table:
    """Rows of the manifest (id, file, row) that belong to a part."""
    chosen = [("split", "==", split), *([("label", "==", label)] if label is not None else [])]
    table = read_table(manifest, "manifest", ["id", "file", "row"], filters=chosen)
    files = sorted(pc.unique(table["file"]).to_pylist(), key=lambda name: hashlib.sha256(name.encode()).digest())
    decks = min(-(-len(files) // most_files), of) or 1
    mine, place, parts = set(files[number % decks :: decks]), number // decks, len(range(number % decks, of, decks))
    pieces = [table.slice(0, 0)]
    for name in sorted(mine):
        part = table.filter(pc.equal(table["file"], name)).sort_by("row")
        low, high = (len(part) * step // parts for step in (place, place + 1))
        pieces.append(part.slice(low, high - low))
    return pa.concat_tables(pieces).combine_chunks()


def _stretch(path: Path, first: int, count: int, columns: list[str] | None) -> Iterator[dict]:
    """Rows ``first`` to ``first + count`` of a packed shard."""
    with open_shard(path, "packed") as file:
        start = 0
        for group in range(file.metadata.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            low, high = max(first, start), min(first + count, end)
            if low < high:
                yield from _checked(_group(file, group, columns, path).slice(low - start, high - low), path)
            start = end


def _checked(table: pa.Table, path: Path) -> Iterator[dict]:
    for row in table.to_pylist():
        if "image" in row and hashlib.sha256(row["image"]["bytes"]).hexdigest() != row["sha256"]:
            raise _damaged(path, f"the image of {row['id']} is not the one that was packed")
        yield row


class Shelf:
    """Single rows of packed shards by file and row. A row group is held, so rows in rising order are read once.

    Args:
        folder: The dataset's.
        columns: Of ``record.PACKED``, ``sha256`` among them.
    """

    def __init__(self, folder: Path, columns: list[str]):
        self.folder, self.columns = folder, columns
        self._name, self._edges, self._group, self._table = "", np.zeros(1, int), -1, None

    def row(self, name: str, row: int) -> dict:
        """Row ``row`` of the packed shard ``name``, its bytes checked."""
        if name != self._name:
            with open_shard(self.folder / name, "packed") as file:
                counts = [file.metadata.row_group(group).num_rows for group in range(file.metadata.num_row_groups)]
            self._name, self._edges, self._group = name, np.cumsum([0, *counts]), -1
        group = int(np.searchsorted(self._edges, row, side="right")) - 1
        if group != self._group:
            with open_shard(self.folder / name, "packed") as file:
                self._table, self._group = _group(file, group, self.columns, self.folder / name), group
        place = row - int(self._edges[group])
        return next(_checked(self._table.slice(place, 1), self.folder / name))


def _group(file: pq.ParquetFile, group: int, columns: list[str] | None, path: Path) -> pa.Table:
    try:
        return file.read_row_group(group, columns=columns or PACKED.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None


def _damaged(path: Path, why: str) -> TouchstoneError:
    return TouchstoneError(f"a packed shard is damaged: {why}", where=path, mend=f"remake it: snakemake --forcerun {path}")


def file_name(row: dict) -> str:
    """A file name made of the id's readable part and the hash that makes it unique; one dot, before the suffix.

    Ids hold slashes, colons and letters of all kinds, and two may differ only in what a file system ignores.
    """
    readable = re.sub(r"[^A-Za-z0-9_-]+", "_", row["id"])[-80:].strip("_")
    return f"{readable}-{hashlib.sha256(row['id'].encode()).hexdigest()[:12]}.{suffix(row['format'])}"


def suffix(kind: str) -> str:
    """The usual file suffix of an encoding."""
    return SUFFIXES.get(kind, kind.lower())


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """A folder that appears at ``path`` when the body ends well, whole or not at all; an older one goes."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(path, ignore_errors=True)
        temporary.rename(path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def drop_remains(path: str | Path, number: int, of: int) -> None:
    """With the first of ``of`` parts, remove those behind the last that an earlier configuration made; a loader would
    read them. The parts beside ``path`` differ from it in the six digits that end the stem."""
    path = Path(path)
    stem, first = path.stem[:-6], int(path.stem[-6:])
    for other in [] if number else path.parent.glob(f"{glob.escape(stem)}{'[0-9]' * 6}{path.suffix}"):
        if int(other.stem[-6:]) >= first + of:
            shutil.rmtree(other) if other.is_dir() else other.unlink()


def put(folder: Path, name: str, data: bytes) -> None:
    """Write a file below ``folder``, which must not be left; ``name`` comes from names in archives.

    Raises:
        TouchstoneError: The name leads elsewhere, or is there already.
    """
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or path.exists():
        raise TouchstoneError(
            f"{name!r} cannot be a file of the export", where=folder, mend="it leads out of it, or occurs twice"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
