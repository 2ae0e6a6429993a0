"""Zips of overlapping crops of photographs that scikit-image, scikit-learn and Matplotlib carry."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path

from PIL import Image

from touchstone.errors import TouchstoneError

# Photographs by package and path inside it. Licences: scikit-image's data/README.txt (public domain or
# CC0), scikit-learn's datasets/images/README.txt (CC-BY), Matplotlib's sample data (public domain).
COLLECTIONS = {
    "photos.zip": {
        "astronaut": ("skimage", "data/astronaut.png"),
        "brick": ("skimage", "data/brick.png"),
        "camera": ("skimage", "data/camera.png"),
        "chelsea": ("skimage", "data/chelsea.png"),
        "coffee": ("skimage", "data/coffee.png"),
        "coins": ("skimage", "data/coins.png"),
        "grass": ("skimage", "data/grass.png"),
        "gravel": ("skimage", "data/gravel.png"),
        "moon": ("skimage", "data/moon.png"),
        "motorcycle": ("skimage", "data/motorcycle_left.png"),
        "rocket": ("skimage", "data/rocket.jpg"),
        "tissue": ("skimage", "data/ihc.png"),
    },
    "web.zip": {
        "china": ("sklearn", "datasets/images/china.jpg"),
        "flower": ("sklearn", "datasets/images/flower.jpg"),
        "galaxies": ("skimage", "data/hubble_deep_field.jpg"),
        "hopper": ("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"),
        "retina": ("skimage", "data/retina.jpg"),
    },
}
CROPS = 24  # per photograph
SIZES = (96, 112, 128, 160)  # pixels; crops of one photograph overlap, so they are one group
GRID = 6  # crops per row of the grid they are centred on


def build(name: str, path: Path) -> None:
    """Write the collection ``name`` as a zip: ``<photograph>/<number>.<jpg|png>``.

    Three of four crops are JPEGs of quality 75 to 95, the rest PNG, as a scrape of the web would
    find them. One member of photos.zip is cut short on purpose. The same versions of the packages give the same bytes.

    Raises:
        TouchstoneError: No such collection, or a package is not installed.
    """
    if name not in COLLECTIONS:
        raise TouchstoneError(f"there is no demo collection {name!r}", mend=f"known: {', '.join(COLLECTIONS)}")
    with zipfile.ZipFile(path, "w") as archive:
        for photograph, (package, inside) in COLLECTIONS[name].items():
            image = Image.open(_package_folder(package) / inside).convert("RGB")
            for number in range(CROPS):
                suffix, data = _encode(_crop(image, number), number)
                if (name, photograph, number) == ("photos.zip", "moon", 17):
                    data = data[: len(data) // 2]
                _add(archive, f"{photograph}/{number:02d}.{suffix}", data, deflate=number % 2 == 0)
        _add(archive, "LICENCES.txt", b"See the packages scikit-image, scikit-learn and Matplotlib.\n", deflate=True)


def _package_folder(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise TouchstoneError(
            f"the package {package!r}, whose photographs the demo uses, is not installed", mend="run make setup"
        )
    return Path(spec.submodule_search_locations[0])


def _crop(image: Image.Image, number: int) -> Image.Image:
    side = SIZES[number % len(SIZES)]
    column, row = number % GRID, number // GRID
    left = round((image.width - side) * column / (GRID - 1))
    top = round((image.height - side) * row / (CROPS // GRID - 1))
    return image.crop((left, top, left + side, top + side))


def _encode(crop: Image.Image, number: int) -> tuple[str, bytes]:
    data = io.BytesIO()
    if number % 4 == 3:
        crop.save(data, "PNG")
        return "png", data.getvalue()
    crop.save(data, "JPEG", quality=75 + 5 * (number % 5))
    return "jpg", data.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes, deflate: bool) -> None:
    info = zipfile.ZipInfo(name)  # carries a fixed date, so the archive's bytes are always the same
    archive.writestr(info, data, zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED)
