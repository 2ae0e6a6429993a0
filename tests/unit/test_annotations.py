"""annotations.py: ImagiNet's lists byte by byte, and what is wrong with the published ones."""

from __future__ import annotations

import pytest

from touchstone.annotations import Annotation, audit, read_annotations
from touchstone.errors import TouchstoneError

GROUPS = ("gan", "sd", "midjourney", "dalle3")


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


@pytest.fixture(scope="module")
def published(shared_data) -> dict:
    folder = shared_data / "lists" / "imaginet"
    if not folder.exists():
        pytest.skip("needs shared/data/lists/imaginet")
    return {path.stem: read_annotations(path) for path in folder.glob("*.txt") if path.stem != "ffhq_filenames"}


def test_the_faults_of_the_published_lists_are_found(published):
    groups = {name: published[f"test_annotations_{name}"] for name in GROUPS}
    found = audit(published["test_annotations"], groups)
    assert (found["listed"], found["distinct"]) == (40_000, 38_322)
    assert found["repeated"] == {2: 754, 3: 272, 4: 108, 5: 10, 6: 2, 7: 1}
    assert found["within"] == {"gan": 29, "sd": 20, "midjourney": 0, "dalle3": 6}
    assert len(found["missing"]) == 1_678
    assert sum("photozilla" in path for path in found["missing"]) == 1_674
    assert found["unknown"] == []


def test_all_calibration_images_are_scored_as_well(published):
    groups = {name: published[f"test_{name}"] for name in GROUPS}
    assert len(audit(published["test_all"], groups, published["test_calibration"])["calibration"]) == 80


def test_lists_that_divide_a_set_have_no_faults():
    rows = [Annotation(f"./{number}.png", number % 2, 0, 0, 0) for number in range(30)]
    found = audit(rows[:25], {"a": rows[:10], "b": rows[10:25]}, rows[25:])
    assert not any(found[fault] for fault in ("repeated", "missing", "unknown", "torn", "calibration"))
    torn = audit(rows[:25], {"a": rows[:10], "b": [*rows[9:25], rows[24]]}, rows[24:])
    assert (torn["torn"], torn["within"]["b"], torn["calibration"]) == (1, 1, ["./24.png"])
