"""Lists of images that people name: to take down, or not to overlap with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.lists import lines

KEYS = ("id", "sha256", "pixel_sha256", "source_url", "phash")


def read_list(path: str | Path) -> dict[str, pa.ChunkedArray]:
    """The columns among ``KEYS`` of a list of images.

    Args:
        path: A Parquet or CSV table with any of the columns (another dataset's manifest.parquet has
            all), or a text with one id per line.

    Raises:
        TouchstoneError: It is missing, unreadable or has none of them.
    """
    path = Path(path)
    try:
        if path.suffix == ".parquet":
            names = [name for name in KEYS if name in pq.read_schema(path).names]
            table = pq.read_table(path, columns=names)
        elif path.suffix == ".csv":
            text = pa.csv.ConvertOptions(column_types={name: pa.string() for name in KEYS})
            table = pa.csv.read_csv(path, convert_options=text)
        else:
            table = pa.table({"id": [line.strip() for line in lines(path) if line.strip()]})
        found = {name: table[name].cast(pa.string()).drop_null() for name in KEYS if name in table.column_names}
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TouchstoneError(
            f"a list of images cannot be read: {error}", where=path, mend="correct its path or get it again"
        ) from None
    if not found:
        raise TouchstoneError(
            f"the list has none of the columns {', '.join(KEYS)}",
            where=path,
            mend="name its columns so, or give a text with one id per line",
        )
    return found


def on_list(table: pa.Table, listed: dict[str, pa.ChunkedArray]) -> np.ndarray:
    """Mask of the rows that a list names by any of its columns but ``phash``; an empty text names none."""
    mask = np.zeros(len(table), dtype=bool)
    for name, values in listed.items():
        if name != "phash":
            wanted = values.filter(pc.not_equal(values, "")).combine_chunks()
            mask |= pc.is_in(table[name], value_set=wanted).to_numpy(zero_copy_only=False)
    return mask
