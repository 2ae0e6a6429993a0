"""Images in cells of Parquet files and of saved Arrow datasets, as the hub has them.

A member is called ``<row>/<column>``; rows count from 0 through the file, or through the files of a saved
dataset in the order of its ``state.json``. An image column holds bytes, or a struct with ``bytes``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.containers.base import Container, Contents, corrupt, missing, too_large
from touchstone.errors import TouchstoneError, refused_by_system
from touchstone.images import BadImage

BATCH = 16  # rows decoded at a time; of a row group no more is held than these and a page
DAMAGE = (pa.ArrowException, OSError, EOFError, ValueError)


def is_saved_dataset(folder: Path) -> bool:
    """Whether ``datasets.save_to_disk`` made the folder."""
    return (folder / "state.json").is_file() and (folder / "dataset_info.json").is_file()


class _Rows(Container):
    """What tables of images share: names, and which cells of a span of rows are wanted."""

    columns: list[str]
    n_rows: int

    def members(self) -> Iterator[str]:
        """``<row>/<column>`` of every row and image column; null cells are not known before they are read."""
        return (f"{row}/{column}" for row in range(self.n_rows) for column in self.columns)

    def _wanted(self, members: Iterable[str]) -> tuple[list[tuple[int, str]], list[str]]:
        """Wanted cells in the order of the table, and the names there are none of."""
        cells, lost = set(), []
        for member in dict.fromkeys(members):
            row, _, column = member.partition("/")
            if (
                row.isascii()
                and row.isdigit()
                and len(row) < 19
                and str(int(row)) == row
                and int(row) < self.n_rows
                and column in self.columns
            ):
                cells.add((int(row), column))
            else:
                lost.append(member)
        return sorted(cells), lost


class ParquetRows(_Rows):
    """One Parquet file, read by row groups, and of these only up to the last wanted row."""

    def __init__(self, path: Path):
        try:
            self.file = pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
        except DAMAGE as error:
            raise _bad(path, error) from None
        self.columns = image_columns(self.file.schema_arrow)
        self.n_rows = self.file.metadata.num_rows

    def read_many(self, wanted: Iterable[str]) -> Contents:
        cells, lost = self._wanted(wanted)
        yield from ((member, missing(member)) for member in lost)
        first, cells = 0, list(reversed(cells))
        for group in range(self.file.metadata.num_row_groups):
            end = first + self.file.metadata.row_group(group).num_rows
            own = []
            while cells and cells[-1][0] < end:
                own.append(cells.pop())
            if own:
                columns = sorted({column for _, column in own})
                leaves = [
                    f"{column}.bytes" if pa.types.is_struct(self.file.schema_arrow.field(column).type) else column
                    for column in columns
                ]
                yield from _cells(own, first, lambda: self.file.iter_batches(BATCH, row_groups=[group], columns=leaves))  # noqa: B023
            first = end
        yield from ((f"{row}/{column}", corrupt("the table ends before it")) for row, column in reversed(cells))

    def close(self) -> None:
        self.file.close()


class ArrowRows(_Rows):
    """A dataset that ``datasets.save_to_disk`` wrote, or one of its files; they are mapped into memory, not read."""

    def __init__(self, path: Path):
        try:
            names = [path.name]
            if path.is_dir():
                names = [file["filename"] for file in json.loads((path / "state.json").read_text())["_data_files"]]
            folder = path if path.is_dir() else path.parent
            if gone := [name for name in names if Path(name).name != name or not (folder / name).is_file()]:
                raise FileNotFoundError(f"{len(gone)} of its {len(names)} files are not there: {', '.join(map(str, gone))}")
            self.files = [folder / name for name in names]
            self.counts = [sum(batch.num_rows for batch in _batches(file)) for file in self.files]
            with pa.memory_map(str(self.files[0])) as file:
                self.columns = image_columns(pa.ipc.open_stream(file).schema)
        except (*DAMAGE, KeyError, TypeError, IndexError, RecursionError) as error:
            raise _bad(path, error) from None
        self.n_rows = sum(self.counts)

    def read_many(self, wanted: Iterable[str]) -> Contents:
        cells, lost = self._wanted(wanted)
        yield from ((member, missing(member)) for member in lost)
        first = 0
        for file, count in zip(self.files, self.counts, strict=True):
            own = [cell for cell in cells if first <= cell[0] < first + count]
            if own:
                yield from _cells(own, first, lambda: _batches(file))  # noqa: B023
            first += count


def image_columns(schema: pa.Schema) -> list[str]:
    """Columns that can hold images; those that share a name cannot be told apart, and are left out."""
    found = []
    for field in schema:
        if schema.names.count(field.name) > 1:
            continue
        kind = field.type
        if pa.types.is_struct(kind) and (at := kind.get_field_index("bytes")) >= 0:
            kind = kind.field(at).type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            found.append(field.name)
    return found


def _batches(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.memory_map(str(path)) as file:
        yield from pa.ipc.open_stream(file)


def _cells(wanted: list[tuple[int, str]], first: int, batches: Callable[[], Iterator[pa.RecordBatch]]) -> Contents:
    """Wanted cells out of batches of which the first starts with row ``first``; those after damage are lost."""
    left = list(reversed(wanted))
    failure: object = "the table ends before it"
    try:
        for batch in batches():
            while left and left[-1][0] < first + len(batch):
                row, column = left[-1]
                data = _cell(batch, column, row - first)
                left.pop()
                yield f"{row}/{column}", missing(f"{row}/{column} is null") if data is None else data
            first += len(batch)
            if not left:
                return
    except DAMAGE as error:
        failure = error
    yield from ((f"{row}/{column}", corrupt(failure)) for row, column in reversed(left))


def _cell(batch: pa.RecordBatch, column: str, row: int) -> bytes | BadImage | None:
    values = batch.column(column).slice(row, 1)
    values.validate(full=True)  # offsets of a damaged file can point anywhere
    value = values[0]
    if pa.types.is_struct(value.type) and value.is_valid:
        value = value["bytes"]
    if not value.is_valid:
        return None
    view = value.as_buffer()
    return too_large(view.size) or view.to_pybytes()


def _bad(path: Path, error: Exception) -> TouchstoneError:
    if isinstance(error, OSError) and (told := refused_by_system(error, path)):
        return told
    return TouchstoneError(f"the table of images cannot be read ({error})", where=path, mend="fetch it again")
