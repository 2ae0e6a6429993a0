"""Tables that come with an origin: csv, Parquet, saved Arrow datasets or JSON, read as untrusted text."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone import lists
from touchstone.errors import TouchstoneError
from touchstone.json_rows import json_rows

SUFFIXES = (".csv", ".tsv", ".parquet", ".arrow", ".json", ".jsonl")
MAX_FIELD = 1_000_000  # characters of one csv field


def rows(path: str | Path, columns: list[str]) -> Iterator[dict[str, str]]:
    """Rows of a table as ``{column: text}``; a null, or a key that a JSON row lacks, is an empty text.

    Only ``columns`` are read: of Parquet and Arrow files no other bytes, of images none. A txt is a list,
    and ``columns`` are all its fields.

    Raises:
        TouchstoneError: The table is missing, empty, malformed, or lacks a column; names the row.
    """
    path = _there(path)
    count = 0
    for row in _readers(path)[1](path, columns):
        count += 1
        yield row
    if not count:
        raise TouchstoneError("the table has no rows", where=path, mend="fill it, or take the origin out of the dataset")


def columns_of(path: str | Path) -> list[str]:
    """Names of the columns of a table; of a JSON file those of its first row.

    Raises:
        TouchstoneError: The table is missing or malformed.
    """
    path = _there(path)
    return _readers(path)[0](path)


def _there(path: str | Path) -> Path:
    path = Path(path)
    if not path.exists():
        raise TouchstoneError("a table of this origin is gone", where=path, mend="put it back, or fetch it again")
    return path


def _readers(path: Path) -> tuple[Callable[[Path], list[str]], Callable[[Path, list[str]], Iterator[dict]]]:
    """What reads the names of the columns, and the rows."""
    return {
        ".parquet": (_parquet_columns, _parquet_rows),
        ".arrow": (_arrow_columns, _arrow_rows),
        ".json": (_json_columns, _json_rows),
        ".jsonl": (_json_columns, _json_rows),
        ".txt": (_csv_columns, lists.rows),  # has no header: all its fields are asked for
    }.get(path.suffix.lower(), (_csv_columns, _csv_rows))


def _list_columns(path: Path) -> list[str]:
    """A list has no names for its fields."""
    return []


def _require(path: Path, wanted: list[str], present: list[str]) -> None:
    for column in wanted:
        if column not in present:
            raise TouchstoneError(
                f"the table has no column {column!r}",
                where=path,
                mend=f"its columns are {', '.join(present) or 'none'}; correct `columns` in the card",
            )
        if present.count(column) > 1:
            raise TouchstoneError(f"the table has several columns {column!r}", where=path, mend="rename all but one of them")


def _csv_rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    csv.field_size_limit(MAX_FIELD)
    # strict: a quote that is never closed is an error, and does not swallow the rows after it
    reader = csv.DictReader(lists.lines(path, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
    try:
        _require(path, columns, list(reader.fieldnames or []))
        for row in reader:
            if None in row or None in row.values():
                raise TouchstoneError(
                    f"a row is {'longer' if None in row else 'shorter'} than the header",
                    where=f"{path}, line {reader.line_num}",
                    mend="mend the row; a text that holds the separator needs quotes",
                )
            yield {column: row[column] for column in columns}
    except csv.Error as error:
        raise TouchstoneError(
            f"the table cannot be read: {error}", where=f"{path}, near line {reader.line_num}", mend="save it as UTF-8 csv"
        ) from None


def _csv_columns(path: Path) -> list[str]:
    csv.field_size_limit(MAX_FIELD)
    with _told(path, "save it as UTF-8 csv"):
        return next(csv.reader(lists.lines(path, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True), [])


def _parquet_columns(path: Path) -> list[str]:
    with _told(path), pq.ParquetFile(path) as file:
        return file.schema_arrow.names


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    with _told(path), pq.ParquetFile(path) as file:
        _require(path, columns, file.schema_arrow.names)
        for batch in file.iter_batches(batch_size=65_536, columns=columns):
            yield from _texts(batch)


def _arrow_columns(path: Path) -> list[str]:
    with _told(path), pa.memory_map(str(path)) as file:
        return pa.ipc.open_stream(file).schema.names


def _arrow_rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    # mapped, so that the pages of images are never read from the disk
    with _told(path), pa.memory_map(str(path)) as file:
        reader = pa.ipc.open_stream(file)
        _require(path, columns, reader.schema.names)
        for batch in reader:
            chosen = batch.select(columns)
            chosen.validate(full=True)  # offsets of a damaged file can point anywhere
            yield from _texts(chosen)


def _json_columns(path: Path) -> list[str]:
    with _told(path, "get the file again"):
        return list(next(json_rows(path), {}))


def _json_rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    is_first = True
    with _told(path, "get the file again"):
        for row in json_rows(path):
            if is_first:
                _require(path, columns, list(row))
                is_first = False
            yield {name: _text(row.get(name)) for name in columns}


@contextmanager
def _told(path: Path, mend: str = "fetch it again") -> Iterator[None]:
    """What goes wrong with the file itself becomes an error a user can act on."""
    try:
        yield
    except (pa.ArrowException, csv.Error, OSError, ValueError) as error:
        raise TouchstoneError(f"the table cannot be read: {error}", where=path, mend=mend) from None


def _texts(batch: pa.RecordBatch) -> Iterator[dict[str, str]]:
    names = batch.schema.names
    texts = [
        column.fill_null("").to_pylist() if pa.types.is_string(column.type) else [_text(value) for value in column.to_pylist()]
        for column in batch.columns
    ]
    for values in zip(*texts, strict=True):
        yield dict(zip(names, values, strict=True))


def _text(value: object) -> str:
    return "" if value is None else str(value)
