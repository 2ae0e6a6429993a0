"""lists.py: text lists without a header, whose names are kept byte for byte."""

from __future__ import annotations

import resource

import pytest

from touchstone import lists, tables
from touchstone.errors import TouchstoneError
from touchstone.scraping.addresses import Blocked


def read(tmp_path, data: bytes) -> list[dict]:
    (tmp_path / "list.txt").write_bytes(data)
    return list(tables.rows(tmp_path / "list.txt", ["path", "label"]))


def test_names_with_commas_quotes_and_odd_line_ends_are_kept(tmp_path):
    names = ['a,b "c".jpg', "joaquã\xadn.jpg", "line\x85end\u2028.jpg", " space .jpg", "'"]
    data = "".join(f"{name},1\n" for name in names).encode()
    assert [row["path"] for row in read(tmp_path, data)] == names


@pytest.mark.parametrize("data", [b"a,0\r\nb,1\r\n", b"a,0\nb,1", b"\xef\xbb\xbfa,0\nb,1\n"])
def test_line_ends_and_marks_of_other_systems_do_not_matter(tmp_path, data):
    assert read(tmp_path, data) == [{"path": "a", "label": "0"}, {"path": "b", "label": "1"}]


@pytest.mark.parametrize(
    ("data", "what"), [(b"a,0\nb\n", "1 fields, not 2"), (b"a,0\n\n", "1 fields"), (b"\xff,0\n", "cannot be read")]
)
def test_what_is_no_list_is_refused(tmp_path, data, what):
    with pytest.raises(TouchstoneError, match=what):
        read(tmp_path, data)


def test_a_file_without_line_ends_is_not_read_as_a_whole(tmp_path):
    path = tmp_path / "list.csv"
    with open(path, "wb") as file:
        file.write(b"id\n")
        file.truncate(3_000_000_000)  # a hole, which reads as zeros
    reads = [lambda: list(lists.rows(path, ["id"])), lambda: list(tables.rows(path, ["id"])), lambda: Blocked.read([path])]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for read in reads:
        with pytest.raises(TouchstoneError, match="more than 20,000,000 characters"):
            read()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 300_000_000


def test_the_row_is_named(tmp_path):
    with pytest.raises(TouchstoneError, match="line 2"):
        read(tmp_path, b"a,0\nb\nc,1\n")


@pytest.mark.parametrize(("text", "number"), [("007", 7), ("9" * 19, 10**19 - 1)])
def test_a_number(text, number):
    assert lists.whole_number(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.0", " 1", "1_0", "\u0661", "\u00b2", "9" * 20, "9" * 5000])
def test_no_number(text):
    assert lists.whole_number(text) is None
