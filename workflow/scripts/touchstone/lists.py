"""Lists that come with an origin: text, one row in each line, no header and no quotes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from touchstone.errors import TouchstoneError

MAX_LINE = 20_000_000  # characters; a file without line ends is not read into memory as a whole


def whole_number(text: str) -> int | None:
    """The number that a field, a file name or a header writes in decimal; None if it is none, or has more than 19 digits.

    Python refuses to convert some thousands of digits, with an error that a hostile list could bring about.
    """
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 20 else None


def lines(path: Path, newline: str | None = None) -> Iterator[str]:
    """Lines of a text in UTF-8, with their ends; ``newline`` is that of ``open``.

    Raises:
        TouchstoneError: It is not UTF-8, or a line has no end.
    """
    number = 0
    try:
        with open(path, encoding="utf-8-sig", newline=newline) as file:
            while line := file.readline(MAX_LINE):
                number += 1
                if len(line) == MAX_LINE:
                    raise TouchstoneError(
                        f"a line has more than {MAX_LINE:,} characters", where=f"{path}, line {number}", mend="get the file again"
                    )
                yield line
    except UnicodeDecodeError as error:
        raise TouchstoneError(
            f"the list cannot be read, it is not UTF-8: {error}", where=f"{path}, behind line {number}", mend="save it as UTF-8"
        ) from None


def rows(path: Path, fields: list[str]) -> Iterator[dict[str, str]]:
    """Rows of a list whose ``fields`` have commas between them; the first can hold commas itself.

    Raises:
        TouchstoneError: It is not UTF-8, or a row is too short; names the row.
    """
    for number, line in enumerate(lines(path, newline="\n"), 1):  # other line ends can be part of a name
        values = line.rstrip("\r\n").rsplit(",", len(fields) - 1)
        if len(values) != len(fields):
            raise TouchstoneError(
                f"a row has {len(values)} fields, not {len(fields)} ({', '.join(fields)})",
                where=f"{path}, line {number}",
                mend="mend the row, or get the list again",
            )
        yield dict(zip(fields, values, strict=True))
