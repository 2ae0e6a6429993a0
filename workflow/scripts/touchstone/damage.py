"""Which table a step could not read: Arrow says what is wrong, but not in which file."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from pathlib import Path

from touchstone.errors import TouchstoneError


def damaged_table(error: Exception) -> TouchstoneError | None:
    """The error that names the damaged Parquet file which ``error`` is about; None if there is none.

    Those that were in the hands of the functions that failed are read once more, innermost first.
    """
    import pyarrow.parquet as pq

    for path in _in_hand(error):
        try:
            with pq.ParquetFile(path, page_checksum_verification=True) as file:
                for group in range(file.num_row_groups):
                    file.read_row_group(group)
        except Exception as why:  # a damaged file can raise nearly anything
            return TouchstoneError(
                f"a table is damaged: {why}", where=path, mend=f"delete it and run again; snakemake makes it anew: rm {path}"
            )
    return None


def _in_hand(error: Exception) -> Iterator[str]:
    seen = set()
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for value in frame.f_locals.values():
            if isinstance(value, str | Path) and str(value).endswith(".parquet") and str(value) not in seen:
                seen.add(str(value))
                if Path(value).is_file():
                    yield str(value)
