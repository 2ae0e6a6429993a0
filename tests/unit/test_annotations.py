"""annotations.py: ImagiNet's lists, byte by byte."""

from __future__ import annotations

import pytest

from touchstone.annotations import Annotation, read_annotations
from touchstone.errors import TouchstoneError


def test_paths_come_and_go_byte_for_byte(tmp_path):
    names = [b"./wikiart/a(1).jpg", "./wikiart/albert-bloch_s-\u00c3\u00ad.jpg".encode(), b"./odd/\xff\xfe.png", b"./a,b.png"]
    content = b"".join(name + b",1,2,0,7\n" for name in names)
    (tmp_path / "list.txt").write_bytes(content)
    rows = read_annotations(tmp_path / "list.txt")
    assert b"".join(row.line() for row in rows) == content
    assert rows[3] == Annotation("./a,b.png", 1, 2, 0, 7)


@pytest.mark.parametrize("line", ["./a.png,1,2,0", "./a.png,1,2,0,x", ",1,2,0,7", "", "./a.png,1,2,0,-1"])
def test_a_line_that_is_none_is_named(tmp_path, line):
    (tmp_path / "list.txt").write_text(f"./b.png,0,0,4,8\n{line}\n./c.png,0,0,4,8\n", encoding="utf-8")
    with pytest.raises(TouchstoneError, match="path,origin,content") as error:
        read_annotations(tmp_path / "list.txt")
    assert "line 2" in error.value.where


def test_the_published_lists_come_back_byte_for_byte(shared_data):
    folder = shared_data / "lists" / "imaginet"
    if not folder.exists():
        pytest.skip("needs shared/data/lists/imaginet")
    for path in folder.glob("test*.txt"):
        assert b"".join(row.line() for row in read_annotations(path)) == path.read_bytes()
