"""The real images that others are made from: read where they lie, and fitted to what is painted on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageOps

from touchstone.chains import decode
from touchstone.containers import Container, open_container
from touchstone.files import read_json
from touchstone.images import FORMATS, MAX_PIXELS, BadImage, measure
from touchstone.listing import path_of
from touchstone.suffixes import is_streamed
from touchstone.unroll import Unrolled
from touchstone.upright import orientation, upright_size

MULTIPLE = 64  # sides of a canvas that follows the real image: all models can paint it, and few shapes occur
MAX_SIDE = 1024  # a larger real image is painted smaller, unless the recipe says otherwise


@dataclass
class Real:
    """A real image: its upright pixels, its size as it is to be painted, and its own encoding."""

    image: Image.Image
    size: tuple[int, int]
    encoding: Image.Image  # as opened, for what the encoder is told


def scaled(size: tuple[int, int], recipe: dict) -> tuple[int, int]:
    """Width and height as they are painted: its own, or smaller to fit the recipe's ``max_side``."""
    factor = min(1.0, recipe.get("max_side", MAX_SIDE) / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def canvas_of(size: tuple[int, int], recipe: dict) -> tuple[int, int]:
    """The canvas for a real image of this size: its scaled sides, rounded up to multiples of 64."""
    width, height = scaled(size, recipe)
    return -(-width // MULTIPLE) * MULTIPLE, -(-height // MULTIPLE) * MULTIPLE


class Originals:
    """Reads the bytes of real images out of the origin that is varied.

    Args:
        receipt: Receipt of that origin.
        unrolled: What ``unroll_origin`` wrote of its archives that are one stream, if it has such.
    """

    def __init__(self, receipt: str, unrolled: str | None = None):
        self.files, self.unrolled = read_json(receipt)["files"], unrolled
        self.containers: dict[str, Container | Unrolled] = {}

    def read(self, row: dict) -> bytes:
        """The real image of a row.

        Raises:
            BadImage: It cannot be had.
        """
        return self.container(row["source_file"]).read(row["source_member"])

    def container(self, name: str) -> Container | Unrolled:
        """The file of the origin with this name."""
        if name not in self.containers:
            unrolled = self.unrolled and is_streamed(name)
            self.containers[name] = Unrolled(self.unrolled, name) if unrolled else open_container(path_of(self.files, name))
        return self.containers[name]


class Reals:
    """The real images of rows, fitted to what is painted on.

    Args:
        receipt: Receipt of the origin that is varied.
        recipe: The card's recipe.
        unrolled: As of ``Originals``.
    """

    def __init__(self, receipt: str, recipe: dict, unrolled: str | None = None):
        self.originals, self.recipe = Originals(receipt, unrolled), recipe

    def sizes(self, rows: list[dict]) -> list[tuple[int, int]]:
        """Width and height of the real image of each row; the smallest canvas for what is none."""
        by_file: dict[str, dict[str, list[int]]] = {}
        for number, row in enumerate(rows):
            by_file.setdefault(row["source_file"], {}).setdefault(row["source_member"], []).append(number)
        sizes = [(MULTIPLE, MULTIPLE)] * len(rows)
        for name, members in by_file.items():
            for member, data in self.originals.container(name).read_many(members):
                for number in members[member]:
                    sizes[number] = _size(data)
        return sizes

    def read(self, rows: list[dict], canvas: tuple[int, int]) -> Iterator[Real | BadImage]:
        """The real image of each row on its canvas, or why it cannot be used."""
        for row in rows:
            try:
                data = self.originals.read(row)
                measure(data)  # limits and damage are found before a pipeline sees the image
                yield self._fitted(decode(data), Image.open(io.BytesIO(data), formats=FORMATS), canvas)
            except BadImage as error:
                yield BadImage("unusable_source", str(error))

    def _fitted(self, image: Image.Image, opened: Image.Image, canvas: tuple[int, int]) -> Real:
        if self.recipe["mode"] == "image_variation":  # prepares its image itself
            return Real(image, scaled(image.size, self.recipe) if self.recipe["size"] == "real" else canvas, opened)
        if self.recipe["size"] != "real":
            return Real(ImageOps.fit(image, canvas, Image.Resampling.BICUBIC), canvas, opened)
        size = scaled(image.size, self.recipe)
        return Real(_extended(image if image.size == size else image.resize(size), canvas), size, opened)


def as_sent(data: bytes, square: int | None) -> tuple[str, bytes]:
    """Name and bytes of a real image as a service gets it: its own, a PNG of what it may not know, or a ``square`` PNG.

    Args:
        square: Side in pixels to which the middle of the image is scaled.

    Raises:
        BadImage: It cannot be used.
    """
    suffix = measure(data)["format"].lower()
    is_upright = orientation(Image.open(io.BytesIO(data), formats=FORMATS)) == 1
    if not square and suffix in ("jpeg", "png", "webp") and is_upright:
        return f"image.{suffix.replace('jpeg', 'jpg')}", data
    image = decode(data)
    sent = io.BytesIO()
    (ImageOps.fit(image, (square, square), Image.Resampling.BICUBIC) if square else image).save(sent, "PNG")
    return "image.png", sent.getvalue()


def _size(data: bytes | BadImage) -> tuple[int, int]:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        return upright_size(image) if image.width * image.height <= MAX_PIXELS else (MULTIPLE, MULTIPLE)
    except Exception:  # of a hostile file anything; the worker tells why it is rejected
        return MULTIPLE, MULTIPLE


def _extended(image: Image.Image, canvas: tuple[int, int]) -> Image.Image:
    """The image in the upper left corner of the canvas, its last column and row drawn out to fill it."""
    wide = Image.new("RGB", canvas)
    wide.paste(image)
    width, height = image.size
    if canvas[0] > width:
        wide.paste(wide.crop((width - 1, 0, width, height)).resize((canvas[0] - width, height)), (width, 0))
    if canvas[1] > height:
        wide.paste(wide.crop((0, height - 1, canvas[0], height)).resize((canvas[0], canvas[1] - height)), (0, height))
    return wide
