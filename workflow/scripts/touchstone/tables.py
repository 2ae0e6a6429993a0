"""Tables that come with an origin: csv or Parquet, read as untrusted text."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone import lists
from touchstone.errors import TouchstoneError

SUFFIXES = (".csv", ".tsv", ".parquet")
MAX_FIELD = 1_000_000  # characters of one csv field


def rows(path: str | Path, columns: list[str]) -> Iterator[dict[str, str]]:
    """Rows of a csv, tsv or Parquet table as ``{column: text}``; a null is an empty text.

    Only ``columns`` are read. A txt is a list, and ``columns`` are all its fields.

    Raises:
        TouchstoneError: The table is missing, empty, malformed, or lacks a column; names the row.
    """
    path = Path(path)
    if not path.exists():
        raise TouchstoneError("a table of this origin is gone", where=path, mend="put it back, or fetch it again")
    read = {".parquet": _parquet_rows, ".txt": lists.rows}.get(path.suffix, _csv_rows)
    count = 0
    for row in read(path, columns):
        count += 1
        yield row
    if not count:
        raise TouchstoneError("the table has no rows", where=path, mend="fill it, or take the origin out of the dataset")


def _require(path: Path, wanted: list[str], present: list[str]) -> None:
    for column in wanted:
        if column not in present:
            raise TouchstoneError(
                f"the table has no column {column!r}",
                where=path,
                mend=f"its columns are {', '.join(present) or 'none'}; correct `columns` in the card",
            )


def _csv_rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    csv.field_size_limit(MAX_FIELD)
    with open(path, encoding="utf-8-sig", newline="") as file:
        # strict: a quote that is never closed is an error, and does not swallow the rows after it
        reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",", strict=True)
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
        except (csv.Error, UnicodeDecodeError) as error:
            raise TouchstoneError(
                f"the table cannot be read: {error}", where=f"{path}, near line {reader.line_num}", mend="save it as UTF-8 csv"
            ) from None


def _parquet_rows(path: Path, columns: list[str]) -> Iterator[dict[str, str]]:
    try:
        with pq.ParquetFile(path) as file:
            _require(path, columns, file.schema_arrow.names)
            for batch in file.iter_batches(batch_size=65_536, columns=columns):
                names = batch.schema.names
                for values in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield {name: "" if value is None else str(value) for name, value in zip(names, values, strict=True)}
    except (pa.ArrowInvalid, OSError) as error:
        raise TouchstoneError(f"the table cannot be read: {error}", where=path, mend="fetch it again") from None
