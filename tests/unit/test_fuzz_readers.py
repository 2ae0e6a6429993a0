"""The reader of every card, shown names and rows that strangers could have written."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.test_cards import CARDS, example_listing

from touchstone.checking import load_checked
from touchstone.errors import TouchstoneError
from touchstone.listing import complete
from touchstone.readers import Skip, reader
from touchstone.record import ITEM, table_of

ODD = [
    "",
    "/",
    "//",
    "..",
    "../",
    "\\",
    "\0",
    "\n",
    " ",
    ".png",
    "²",
    "٣",
    "9" * 5000,
    "a" * 70_000,
    "\u202e",
    "é",
    "-1",
    "1e999",
]
TEXT = st.one_of(st.sampled_from(ODD), st.text(st.characters(exclude_categories=("Cs",)), max_size=20))
CHANGE = st.tuples(st.sampled_from(["replace", "insert", "cut", "twice"]), st.floats(0, 1), TEXT)


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
@pytest.mark.parametrize("path", CARDS, ids=[path.stem for path in CARDS])
def test_items_skips_or_one_error(path, data):
    card = load_checked("origin", path)
    options = card["recipe"]["reader"]
    example = dict(data.draw(st.sampled_from(card["examples"])))
    example["given"] = spoilt(data, example["given"])
    if data.draw(st.booleans()):
        example["tables"] = {name: [spoilt(data, row) for row in rows] for name, rows in example.get("tables", {}).items()}
    try:
        found = list(reader(options["name"])(example_listing(example, options), options))
        generators = {item["generator"]: {"name": "g", "released": "2020-01-01"} for item in found if "generator" in item}
        generators = {key: value for key, value in generators.items() if key} or {"g": {"name": "g", "released": "2020-01-01"}}
        items = [item for item in found if not isinstance(item, Skip)]
        rows = [complete(item, "o", generators, card["kind"], "", options.get("prefix")) for item in items]
        table_of(rows, ITEM)
    except (TouchstoneError, KeyError) as error:
        # a KeyError comes of the example's table, which lacks a column, where a real one has its own error
        assert isinstance(error, TouchstoneError) or _in_listing(error)


def _in_listing(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace.tb_next:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename.endswith(("test_cards.py", "readers/__init__.py"))


def spoilt(data, given):
    """A name, a row or a list with some of its texts changed."""
    if isinstance(given, dict):
        return {key: spoilt(data, value) if data.draw(st.booleans()) else value for key, value in given.items()}
    if not isinstance(given, str):
        return given
    how, place, text = data.draw(CHANGE)
    at = int(place * len(given))
    return {"replace": text, "insert": given[:at] + text + given[at:], "cut": given[:at], "twice": given[:at] + given}[how]
