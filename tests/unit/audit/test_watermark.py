"""audit/watermark.py: marks written by the published scheme are read, others are not made up."""

import csv
import io

import numpy as np
import pytest
from PIL import Image
from skimage import data

from touchstone.audit.watermark import BLOCK, MARKS, SCALE, mark_of


def marked(pixels: np.ndarray, message: str) -> np.ndarray:
    """``pixels`` with ``message`` written into them, as maxDct.py of invisible-watermark 0.2.0 does."""
    rgb = pixels.astype(np.float64)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    u, v = 0.492 * (rgb[..., 2] - luma) + 128, 0.877 * (rgb[..., 0] - luma) + 128
    u = np.rint(u)
    height, width = (side // 4 * 4 for side in u.shape)
    part = u[:height, :width]
    quads = [part[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    band = sum(quads) / 2
    before = band.copy()
    number = 0
    for row in range(band.shape[0] // BLOCK):
        for column in range(band.shape[1] // BLOCK):
            block = band[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
            place = np.unravel_index(np.argmax(np.abs(block.ravel()[1:])) + 1, block.shape)
            step = abs(block[place]) // SCALE + 0.25 + 0.5 * int(message[number % len(message)])
            block[place] = np.copysign(step * SCALE, block[place])
            number += 1
    change = (band - before) / 2  # the inverse transform spreads a band's change evenly over its four pixels
    for i in (0, 1):
        for j in (0, 1):
            part[i::2, j::2] += change
    blue = luma + (u - 128) / 0.492
    red = luma + (v - 128) / 0.877
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255).astype(np.uint8)


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
