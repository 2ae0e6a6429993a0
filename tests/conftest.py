"""What tests of all kinds share: real encoded pictures, real archives, and a progress nobody looks at."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from tests.building import HOME
from tests.pictures import drawing, encode

from touchstone.progress import Progress


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
