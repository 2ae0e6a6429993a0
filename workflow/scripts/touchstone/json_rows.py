"""Rows of JSON files: an array of objects, JSON lines, one object of objects or of columns, or one row alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

CHUNK = 1 << 20  # characters read at a time
LONGEST = 500_000_000  # characters of one value; an array may be longer, as it is read value by value
BETWEEN = re.compile(r"[\s,]*")


def json_rows(path: Path) -> Iterator[dict]:
    """Rows of the file as dictionaries; memory is bounded by the largest value at the top.

    Raises:
        ValueError: It is not JSON, ends too early, or holds something that is not a row.
    """
    for value in _values(path):
        if not isinstance(value, dict):
            raise ValueError(f"a row is not an object but {str(value)[:40]!r}")
        yield from _rows(value)


def _values(path: Path) -> Iterator[object]:
    """Values of the array that the file is, or else the values that follow each other in it."""
    decoder = json.JSONDecoder()
    with open(path, encoding="utf-8-sig") as file:
        text = file.read(CHUNK).lstrip()
        is_array, is_open = text.startswith("["), text.startswith("[")
        at = 1 if is_array else 0
        while True:
            at = BETWEEN.match(text, at).end()
            if is_array and text[at : at + 1] == "]":
                is_open, at = False, BETWEEN.match(text, at + 1).end()
            if at < len(text):
                if is_array and not is_open:
                    raise ValueError("something stands behind its end")
                try:
                    value, at = decoder.raw_decode(text, at)
                    yield value
                    continue
                except RecursionError:
                    raise ValueError("it is nested too deeply") from None
                except json.JSONDecodeError as error:
                    failure = error
                if len(text) - at > LONGEST:
                    raise ValueError(f"a value is longer than {LONGEST:,} characters")
            else:
                failure = None
            more = file.read(max(CHUNK, len(text) - at))  # twice as much each time, so a long value is not read too often
            if not more and (failure or is_open):
                raise failure or ValueError("it ends in the middle")
            if not more:
                return
            text, at = text[at:] + more, 0


def _rows(value: dict) -> Iterator[dict]:
    """Rows that one object holds: ``{key: row}``, the columns ``{name: [...]}`` or ``{name: {number: ...}}``, or one row."""
    inner = list(value.values())
    if not inner or not isinstance(inner[0], (dict, list)):  # as nearly all are
        yield value
    elif all(isinstance(each, list) for each in inner) and len({len(each) for each in inner}) == 1:
        yield from (dict(zip(value, row, strict=True)) for row in zip(*inner, strict=True))
    elif all(isinstance(each, dict) for each in inner):
        if all(key.isdigit() for each in inner for key in each):  # as pandas writes a table
            yield from ({name: column.get(number) for name, column in value.items()} for number in inner[0])
        else:
            yield from inner
    else:
        yield value
