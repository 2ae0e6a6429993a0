"""Shards: Parquet files of images and their records, written in bounded memory."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError, refused_by_system
from touchstone.files import replacing
from touchstone.images import BadImage, measure
from touchstone.record import REJECTED, TAKEN, TAKEN_OK, table_of
from touchstone.versions import require, stamped

ROW_GROUP_BYTES = 4_000_000  # of image bytes: few enough that one image can be read at random
ROW_GROUP_ROWS = 100
WRITE_OUT = 16_000_000  # bytes that may wait in memory for the disk
# Columns that may be long; the others are short or the same in every row, and compressing them takes more time than their images.
TEXTS = ("id", "description", "positive_prompt", "negative_prompt", "original_prompt", "source_url", "groups.list.element",
         "paired_real_images.list.element", "scrape.message", "scrape.fetched_url")  # fmt: skip


def taken(pick: dict, data: bytes | None, **extra: object) -> dict:
    """A row of ``record.TAKEN``: the picked item with its bytes and their facts.

    Without acceptable bytes the row is ``rejected`` with the reason, and holds none. ``extra`` adds
    or overrides columns; a ``reason`` among them rejects the item without looking at ``data``.
    """
    row = {name: pick[name] for name in TAKEN.names if name in pick} | extra
    try:
        if row.get("reason"):
            raise BadImage(row["reason"], row.get("detail") or "")
        row |= measure(data)
    except BadImage as error:
        return row | {"image": None, "state": REJECTED, "reason": error.reason, "detail": error.detail}
    name = row["id"].replace("/", "__") + "." + row["format"].lower().replace("jpeg", "jpg")
    return row | {"image": {"bytes": data, "path": name}, "state": TAKEN_OK, "reason": "", "detail": ""}


class ShardWriter:
    """Appends rows or tables to one Parquet file in row groups of bounded size.

    Image bytes are stored uncompressed (they are compressed already); the same rows give the same
    file, byte for byte.
    """

    def __init__(self, sink: Path | io.BytesIO, schema: pa.Schema):
        plain = ["image.bytes"]
        self.schema, self.sink = schema, sink
        self.writer = pq.ParquetWriter(
            sink,
            schema,
            compression={path: "zstd" if path in TEXTS else "none" for path in _leaves(schema)},
            use_dictionary=[path for path in _leaves(schema) if path not in (*plain, "id", "sha256", "pixel_sha256")],
            write_statistics=[path for path in _leaves(schema) if path not in plain],
            write_page_checksum=True,
        )
        self._tables: list[pa.Table] = []
        self._rows = self._bytes = self._written_out = 0

    def append(self, table: pa.Table) -> None:
        """Add rows; they are written once a row group is full."""
        start = 0
        for row, n_bytes in enumerate(image_sizes(table)):
            self._rows += 1
            self._bytes += n_bytes
            if is_full(self._rows, self._bytes):
                self._tables.append(table.slice(start, row + 1 - start))
                self._flush()
                start = row + 1
        if start < len(table):
            self._tables.append(table.slice(start))

    def close(self) -> None:
        self._flush()
        self.writer.close()

    def _flush(self) -> None:
        if self._tables:
            table = pa.concat_tables(self._tables).combine_chunks()
            self.writer.write_table(table, row_group_size=len(table))
            self._write_out()
        self._tables, self._rows, self._bytes = [], 0, 0

    def _write_out(self) -> None:
        """Have the disk begin with what it has not seen, so that it works beside us and the sync at the end is short."""
        if isinstance(self.sink, Path) and hasattr(os, "posix_fadvise"):
            with open(self.sink, "rb") as file:
                waiting = os.fstat(file.fileno()).st_size - self._written_out
                if waiting >= WRITE_OUT:
                    os.posix_fadvise(file.fileno(), self._written_out, waiting, os.POSIX_FADV_DONTNEED)
                    self._written_out += waiting


@contextmanager
def shard_writer(path: str | os.PathLike, schema: pa.Schema = TAKEN) -> Iterator[ShardWriter]:
    """A writer whose file appears at ``path`` when the body ends well, whole or not at all."""
    with replacing(path) as temporary:
        writer = ShardWriter(temporary, stamped(schema))
        try:
            yield writer
        finally:
            writer.close()


def append_rows(writer: ShardWriter, rows: list[dict]) -> None:
    """Append rows of ``record.TAKEN`` given as dictionaries."""
    if rows:
        writer.append(table_of(rows, writer.schema))


def read_picks(path: str | os.PathLike) -> list[dict]:
    """The items a shard is to take, in order."""
    return pq.read_table(path).to_pylist()


def open_shard(path: str | os.PathLike, table: str = "", **options: object) -> pq.ParquetFile:
    """Open a shard for reading; every page is checked against its checksum when it is read, unless ``options`` say otherwise.

    Args:
        table: ``taken`` or ``packed``: the shard must be of the version that is written today.

    Raises:
        TouchstoneError: It is missing, damaged or of another version.
    """
    try:
        file = pq.ParquetFile(path, **{"page_checksum_verification": True} | options)
    except FileNotFoundError:
        raise TouchstoneError("a shard is missing", where=path, mend=f"make it: snakemake {path}") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if table:
        require(file.schema_arrow, table, path)
    return file


def read_shard(path: str | os.PathLike, columns: list[str] | None = None, table: str = "") -> pa.Table:
    """All rows of a shard; ``table`` and errors as for ``open_shard``."""
    with open_shard(path, table) as file:
        try:
            return file.read(columns=columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, error) from None


def _damaged(path: str | os.PathLike, why: Exception) -> TouchstoneError:
    if isinstance(why, OSError) and (told := refused_by_system(why, path)):
        return told
    return TouchstoneError(
        f"a shard is damaged: {why}", where=path, mend=f"delete it and run again; snakemake remakes it: rm {path}"
    )


def is_full(n_rows: int, n_bytes: int) -> bool:
    """Whether so many rows with so many bytes of images make a row group."""
    return n_rows >= ROW_GROUP_ROWS or n_bytes >= ROW_GROUP_BYTES


def image_sizes(table: pa.Table) -> list[int]:
    """Size of the encoded image in each row, in bytes; 0 where there is none."""
    return pc.fill_null(pc.binary_length(pc.struct_field(table["image"], "bytes")), 0).to_pylist()


def _leaves(schema: pa.Schema) -> list[str]:
    def walk(name: str, kind: pa.DataType) -> Iterator[str]:
        if pa.types.is_struct(kind):
            for field in kind:
                yield from walk(f"{name}.{field.name}", field.type)
        elif pa.types.is_list(kind):
            yield f"{name}.list.element"
        else:
            yield name

    return [path for field in schema for path in walk(field.name, field.type)]
