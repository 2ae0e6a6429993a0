"""Decoding, cropping, resizing and encoding: the one chain that images of both classes pass where any do."""

from __future__ import annotations

import io

from PIL import Image

from touchstone.images import FORMATS
from touchstone.upright import orientation, turned

# For lossless WebP `quality` is effort: the most takes a hundred times as long and saves a tenth of the bytes.
LOSSLESS = {"WEBP": {"lossless": True, "quality": 0, "method": 0}, "PNG": {"compress_level": 6}}


def decode(data: bytes) -> Image.Image:
    """The image as RGB, upright as its EXIF says, transparency on white, 16 bits scaled to 8."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    image.load()  # in a PNG the EXIF may follow the pixels
    image = turned(image, orientation(image))
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def square(image: Image.Image, side: int, resample: Image.Resampling = Image.Resampling.LANCZOS) -> Image.Image:
    """The largest centred square, resized to ``side`` pixels."""
    edge = min(image.size)
    left, top = ((length - edge) // 2 for length in image.size)
    return image.resize((side, side), resample, box=(left, top, left + edge, top + edge))


def shrunk(image: Image.Image, longest: int) -> Image.Image:
    """The image with its longer side at most ``longest`` pixels; a smaller one stays as it is."""
    scale = longest / max(image.size)
    if scale >= 1:
        return image
    return image.resize(tuple(max(round(length * scale), 1) for length in image.size), Image.Resampling.LANCZOS)


def encode(image: Image.Image, kind: str, quality: int | None = None, subsampling: str = "4:2:0") -> bytes:
    """Encode as JPEG, WebP or PNG; without a ``quality`` WebP and PNG are lossless. No metadata is written."""
    options: dict = LOSSLESS[kind] if quality is None else {"quality": quality}
    if kind == "JPEG":
        options = options | {"subsampling": subsampling}
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
