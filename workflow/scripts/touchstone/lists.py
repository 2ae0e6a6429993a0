"""Lists that come with an origin: text, one row in each line, no header and no quotes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from touchstone.errors import TouchstoneError


def rows(path: Path, fields: list[str]) -> Iterator[dict[str, str]]:
    """Rows of a list whose ``fields`` have commas between them; the first can hold commas itself.

    Raises:
        TouchstoneError: It is not UTF-8, or a row is too short; names the row.
    """
    with open(path, encoding="utf-8-sig", newline="\n") as file:  # other line ends can be part of a name
        try:
            for number, line in enumerate(file, 1):
                values = line.rstrip("\r\n").rsplit(",", len(fields) - 1)
                if len(values) != len(fields):
                    raise TouchstoneError(
                        f"a row has {len(values)} fields, not {len(fields)} ({', '.join(fields)})",
                        where=f"{path}, line {number}",
                        mend="mend the row, or get the list again",
                    )
                yield dict(zip(fields, values, strict=True))
        except UnicodeDecodeError as error:
            raise TouchstoneError(f"the list cannot be read: {error}", where=path, mend="save it as UTF-8 text") from None
