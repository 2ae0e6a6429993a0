"""chains.py: what is decoded stands upright, and nothing but pixels is handed on."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.pictures import drawing, encode

from touchstone.chains import decode
from touchstone.chains import encode as encoded
from touchstone.upright import upright_size

ORIENTATION = 0x0112


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(10))
def test_an_image_is_turned_as_pillow_turns_it(kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    data = encode(drawing((20, 12)), kind, exif=exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    assert np.array_equal(np.asarray(decode(data)), np.asarray(upright))
    assert upright.size == ((12, 20) if orientation in (5, 6, 7, 8) else (20, 12))
    assert upright_size(Image.open(io.BytesIO(data))) == upright.size
    for other in ("JPEG", "PNG", "WEBP"):
        again = Image.open(io.BytesIO(encoded(decode(data), other, 90 if other != "PNG" else None)))
        again.load()
        assert "exif" not in again.info


def test_an_exif_that_nobody_can_read_turns_nothing():
    picture = drawing((20, 12))
    data = encode(picture, "PNG", exif=b"Exif\0\0MM\x99*\0\0\0\x08")
    with pytest.raises(SyntaxError):
        ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert np.array_equal(np.asarray(decode(data)), np.asarray(picture))
