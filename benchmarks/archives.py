"""Archives of real pictures for the benchmarks: JPEG crops of scikit-image's photographs."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from skimage import data

PHOTOS = ("astronaut", "chelsea", "coffee", "rocket")
DISTINCT = 500  # pictures; they repeat


def pictures(side: int) -> list[bytes]:
    """JPEG crops of ``side`` x ``side`` pixels, quality 90."""
    random = np.random.default_rng(1)
    photos = [getattr(data, name)() for name in PHOTOS]
    crops = []
    for number in range(DISTINCT):
        photo = photos[number % len(photos)]
        top, left = (random.integers(0, length - side) for length in photo.shape[:2])
        file = io.BytesIO()
        Image.fromarray(photo[top : top + side, left : left + side]).save(file, "JPEG", quality=90)
        crops.append(file.getvalue())
    return crops


def names(count: int) -> list[str]:
    """Names of members, in seven folders."""
    return [f"train/generator_{number % 7}/{number:07}.jpg" for number in range(count)]


def write_zip(path: Path, count: int, side: int) -> None:
    """A zip of so many pictures, stored."""
    crops = pictures(side)
    with zipfile.ZipFile(path, "w") as archive:
        for number, name in enumerate(names(count)):
            archive.writestr(zipfile.ZipInfo(name), crops[number % len(crops)])
