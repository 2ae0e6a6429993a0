"""What tests of all kinds share: real encoded pictures, real archives, and a progress nobody looks at."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from touchstone.progress import Progress

HOME = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder ``shared/data`` of real pictures, which lies in some folder above the repository."""
    for folder in HOME.parents:
        if (folder / "shared" / "data" / "images.csv").exists():
            return folder / "shared" / "data"
    pytest.skip("needs shared/data/images.csv in a folder above the repository")


@pytest.fixture
def progress() -> Progress:
    """A progress that writes to a text: ``progress.streams[0].getvalue()``."""
    return Progress("test", "unit", streams=(io.StringIO(),))


def _picture(kind: str = "JPEG", size: tuple[int, int] = (48, 40), mode: str = "RGB", seed: int = 0, **options: object) -> bytes:
    """An encoded picture: smooth hills with a little noise, different for every seed."""
    return encode(drawing(size, mode, seed), kind, **options)


def drawing(size: tuple[int, int] = (48, 40), mode: str = "RGB", seed: int = 0) -> Image.Image:
    """The picture before it is encoded."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in random.uniform(0.3, 2, (3, 3))]
    pixels = 128 + 90 * np.stack(waves, axis=-1) + random.normal(0, 4, (size[1], size[0], 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).convert(mode)


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    """``picture(kind="JPEG", size=(48, 40), mode="RGB", seed=0, **options of Pillow's save)`` → bytes."""
    return _picture


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """``make_zip({member: bytes}, name="files.zip", compression=zipfile.ZIP_DEFLATED)`` → path of the archive."""

    def make(members: Mapping[str, bytes], name: str = "files.zip", compression: int = zipfile.ZIP_DEFLATED) -> Path:
        path = tmp_path / name
        with zipfile.ZipFile(path, "w", compression) as archive:
            for member, data in members.items():
                archive.writestr(zipfile.ZipInfo(member), data, compression)
        return path

    return make
