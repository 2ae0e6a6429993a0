"""json_rows.py: rows of JSON come one by one, whatever form they have, and damage is told."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from touchstone.json_rows import CHUNK, json_rows

ROWS = [{"id": "1", "text": 'a "red" kite, [high]'}, {"id": "2", "text": "Übersee\n"}, {"id": "3", "text": None}]


def rows(tmp_path, text: str | bytes) -> list[dict]:
    path = tmp_path / "rows.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(json_rows(path))


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=4),
        "\ufeff  " + json.dumps(ROWS) + "\r\n",
        "\n".join(map(json.dumps, ROWS)),
        "\r\n".join(map(json.dumps, ROWS)) + "\r\n\r\n",
        json.dumps({row["id"]: row for row in ROWS}),
        json.dumps({name: [row[name] for row in ROWS] for name in ROWS[0]}),
        json.dumps({name: {str(at): row[name] for at, row in enumerate(ROWS)} for name in ROWS[0]}),
    ],
    ids=["array", "indented", "byte order mark", "lines", "lines of Windows", "by key", "columns", "pandas"],
)
def test_every_form_gives_the_same_rows(tmp_path, text):
    assert rows(tmp_path, text) == ROWS


def test_one_object_is_one_row(tmp_path):
    assert rows(tmp_path, '{"id": "1", "sizes": [1, 2], "more": {"a": 1}}') == [{"id": "1", "sizes": [1, 2], "more": {"a": 1}}]


@pytest.mark.parametrize("text", ["", "[]", " [ ] ", "\n"])
def test_nothing_is_no_rows(tmp_path, text):
    assert rows(tmp_path, text) == []


@pytest.mark.parametrize("length", [CHUNK // 3, CHUNK - 20, CHUNK, 3 * CHUNK])
def test_rows_longer_than_what_is_read_at_a_time(tmp_path, length):
    wanted = [{"id": str(at), "text": "ä" * length} for at in range(4)]
    assert rows(tmp_path, json.dumps(wanted, ensure_ascii=False)) == wanted
    assert rows(tmp_path, "\n".join(json.dumps(row) for row in wanted)) == wanted


DAMAGED = ['[{"id": 1}', '[{"id": 1}, {"id"', '{"id": 1', '[{"id": 1}] [', '[{"id": 1}, 2]', "3", '["a"]', "x", '{"id": 1}\n{"id']
DAMAGED += [b'[{"id": "\xff"}]', "{'id': 1}", "[" * 100_000, '{"a": ' * 100_000]


@pytest.mark.parametrize("text", DAMAGED, ids=[str(text[:20]) for text in DAMAGED])
def test_damage_is_told(tmp_path, text):
    with pytest.raises(ValueError, match=r"\w"):
        rows(tmp_path, text)


def test_a_long_array_is_never_in_memory(tmp_path):
    path = tmp_path / "rows.json"
    with open(path, "w", encoding="utf-8") as file:
        file.write("[")
        for number in range(40_000):
            file.write(("," if number else "") + json.dumps({"id": number, "text": "x" * 1000}))
        file.write("]")
    tracemalloc.start()
    assert sum(1 for _ in json_rows(path)) == 40_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 * CHUNK < path.stat().st_size
