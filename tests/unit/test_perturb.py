"""perturb.py: draws that depend on seed and id alone, the right sizes, and the right order of colours."""

from __future__ import annotations

import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image
from tests.pictures import drawing, encode

from touchstone.perturb import choices, drawn, perturbed


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.mark.parametrize("size", [(300, 280), (1200, 900), (256, 256), (100, 400), (60, 50), (17, 2)])
@pytest.mark.parametrize("series", ["perturbed", "jpeg_100", "resize_12", "resize_5"])
def test_every_size_becomes_256(size, series):
    data, done = perturbed(encode(drawing(size, "RGB", 1), "PNG"), "id", 1, series)
    assert Image.open(io.BytesIO(data)).size == (256, 256)
    assert done


def test_the_same_id_and_seed_give_the_same_bytes_and_others_do_not():
    data = encode(drawing((600, 500), "RGB", 1), "PNG")
    assert perturbed(data, "a", 1) == perturbed(data, "a", 1)
    assert len({perturbed(data, key, seed)[1] for key in "abcdef" for seed in (1, 2)}) == 12


def test_three_of_four_are_compressed_and_what_was_done_is_told():
    made = [choices((300, 290), f"{number}", 1) for number in range(4000)]
    kinds = Counter(kind for _, _, _, kind, _ in made)
    assert all(900 <= kinds[""] <= 1100 and 1400 <= kinds[kind] <= 1600 for kind in ("JPEG", "WEBP"))
    edges, lefts, _, _, qualities = zip(*made, strict=True)
    assert (min(edges), max(edges), min(lefts), max(lefts)) == (256, 290, 0, 44)
    assert (min(qualities), max(qualities)) == (60, 100)
    data = encode(drawing((300, 290), "RGB", 1), "PNG")
    for number in range(8):
        edge, left, top, kind, quality = made[number]
        assert perturbed(data, f"{number}", 1)[1] == f"crop {edge} at {left},{top}" + f", {kind} {quality}" * bool(kind)


def test_draws_are_uniform_and_include_both_ends():
    counts = Counter(drawn(3, f"{number}", "x", 1, 4) for number in range(4000))
    assert set(counts) == {1, 2, 3, 4}
    assert all(850 < count < 1150 for count in counts.values())


@pytest.mark.parametrize(("colour", "channel"), [((200, 30, 30), 0), ((30, 30, 200), 2)])
def test_red_stays_red_through_every_encoder(colour, channel):
    """The published set encoded with red and blue exchanged, so the chroma of both was wrong."""
    picture = Image.new("RGB", (256, 256), (110, 110, 110))
    picture.paste(colour, (64, 64, 192, 192))
    for key in range(12):
        found = pixels(perturbed(encode(picture, "PNG"), f"{key}", 1)[0])[128, 128]
        assert abs(found - colour).max() <= 12
        assert found.argmax() == channel


def test_the_weakest_of_each_series_is_nearly_the_image_and_the_strongest_is_not():
    picture = drawing((256, 256), "RGB", 4)
    data = encode(picture, "PNG")
    far = {
        series: np.abs(pixels(perturbed(data, "a", 1, series)[0]) - np.asarray(picture)).mean()
        for series in ("jpeg_100", "jpeg_40", "resize_12")
    }
    assert far["resize_12"] == 0
    assert far["jpeg_100"] < far["jpeg_40"]


def test_an_image_that_fits_loses_nothing_but_to_the_draws():
    """Without a crop to choose and without compression the pixels are those of the image."""
    picture = drawing((256, 256), "RGB", 2)
    plain = next(key for key in map(str, range(60)) if not choices(picture.size, key, 1)[3])
    assert (pixels(perturbed(encode(picture, "PNG"), plain, 1)[0]) == np.asarray(picture)).all()
