"""audit/watermark.py: marks written by the published scheme are read, others are not made up."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from skimage import data
from tests.marking import marked

from touchstone.audit.watermark import MARKS, mark_of

PHOTOGRAPHS = {"astronaut": data.astronaut(), "coffee": data.coffee(), "cat": data.chelsea()}


@pytest.mark.parametrize("name", MARKS)
def test_a_mark_is_read_and_named(name):
    found, share = mark_of(marked(data.astronaut(), MARKS[name]))
    assert found == name
    assert share > 0.85


@pytest.mark.parametrize("photograph", PHOTOGRAPHS)
def test_a_photograph_carries_none(photograph):
    assert mark_of(PHOTOGRAPHS[photograph])[0] == ""


def test_another_message_is_not_one_of_the_known():
    other = "".join("10"[int(bit)] for bit in MARKS["SDXL"])
    assert mark_of(marked(data.astronaut(), other))[0] == ""


def test_a_mark_does_not_survive_strong_compression():
    buffer = io.BytesIO()
    Image.fromarray(marked(data.astronaut(), MARKS["SDXL"])).save(buffer, "JPEG", quality=60)
    assert mark_of(np.asarray(Image.open(buffer)))[0] == ""


@pytest.mark.parametrize("size", [(1, 1), (3, 7), (16, 16)])
def test_small_pictures_have_too_few_blocks(size):
    assert mark_of(np.zeros((*size, 3), np.uint8)) == ("", 0.0)


def test_no_published_picture_is_called_marked(shared_data):
    """The library's own decoder reads no mark in them either: they were cropped, tiled or compressed."""
    with open(shared_data / "images.csv", newline="", encoding="utf-8") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    assert len(names) > 30
    found = {name: mark_of(np.asarray(Image.open(shared_data / "images" / name).convert("RGB")))[0] for name in names}
    assert {name: mark for name, mark in found.items() if mark} == {}
