"""seen.py: what came before, as a set would know it, in a fraction of the memory."""

from __future__ import annotations

import random
import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from touchstone.seen import Seen


def expected(chunks: list[list[str]]) -> list[list[int]]:
    """The same by a dictionary."""
    first: dict[str, int] = {}
    found, number = [], 0
    for chunk in chunks:
        found.append([])
        for text in chunk:
            found[-1].append(first.get(text, -1))
            first.setdefault(text, number)
            number += 1
    return found


@given(st.lists(st.lists(st.text("ab\0é", max_size=3), max_size=30), max_size=12))
def test_it_knows_what_a_dictionary_knows(chunks):
    seen = Seen()
    assert [seen.add(chunk).tolist() for chunk in chunks] == expected(chunks)


def test_a_hundred_thousand_with_some_repeated_in_chunks_of_many_sizes():
    source = random.Random(1)  # noqa: S311
    chunks = [[f"id/{source.randrange(10**6)}" for _ in range(source.randrange(5000))] for _ in range(40)]
    seen = Seen()
    assert [seen.add(chunk).tolist() for chunk in chunks] == expected(chunks)


def test_memory_does_not_grow_with_the_length_of_ids():
    seen = Seen()
    tracemalloc.start()
    try:
        for start in range(0, 200_000, 10_000):
            seen.add([f"{number:0500}" for number in range(start, start + 10_000)])
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 30 * 200_000  # bytes; a set of these takes more than 500 each
