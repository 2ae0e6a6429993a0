"""ffhq.py: the join of ImagiNet's map with FFHQ's index."""

from __future__ import annotations

import pytest

from touchstone.errors import TouchstoneError
from touchstone.ffhq import Face, joined


def entry(number: int, md5: str, drive: str, **about: str) -> dict:
    image = {"file_url": f"https://drive.google.com/uc?id={drive}", "file_path": f"images/{number:05}.png", "pixel_md5": md5}
    return {"metadata": about, "image": image}


def rows(*fields: tuple[str, str, str]) -> list[dict]:
    return [dict(zip(("drive", "name", "pixel_md5"), each, strict=True)) for each in fields]


def test_pixels_tell_the_name_and_the_index_the_licence():
    index = {"7": entry(7, "aa", "d7", license="CC0", photo_url="http://host/7")}
    faces, unknown = joined(rows(("d7", "x.png", "aa"), ("elsewhere", "y.png", "bb")), index, "index.json")
    assert faces == {"images/00007.png": Face("x.png", "00007", "CC0", "http://host/7")}
    assert [(skip.name, skip.why) for skip in unknown] == [("y.png", "FFHQ's index has no image of these pixels")]


def test_an_address_that_the_index_does_not_know_is_no_contradiction():
    faces, unknown = joined(rows(("moved", "x.png", "aa")), {"7": entry(7, "aa", "d7")}, "index.json")
    assert (len(faces), unknown) == (1, [])


def test_an_address_of_other_pixels_is_told():
    index = {"7": entry(7, "aa", "d7"), "8": entry(8, "bb", "d8")}
    faces, unknown = joined(rows(("d8", "x.png", "aa")), index, "index.json")
    assert not faces
    assert [skip.why for skip in unknown] == ["FFHQ's index has other pixels at its address"]


@pytest.mark.parametrize("index", [[], {"1": {}}, {"1": {"image": {"pixel_md5": "a"}}}, {"1": None}, "text"])
def test_another_file_is_refused(index):
    with pytest.raises(TouchstoneError, match="no index of FFHQ"):
        joined(iter([]), index, "index.json")
