"""Decoding, cropping, resizing and encoding: the one chain that images of both classes pass where any do."""

from __future__ import annotations

import io

from PIL import Image

from touchstone.images import FORMATS

# For lossless WebP `quality` is effort: the most takes a hundred times as long and saves a tenth of the bytes.
LOSSLESS = {"WEBP": {"lossless": True, "quality": 0, "method": 0}, "PNG": {"compress_level": 6}}


# By EXIF's orientation (CIPA DC-008, table 6): what makes such an image upright.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes) -> Image.Image:
    """The image as RGB, upright as its EXIF says, transparency on white, 16 bits scaled to 8."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    image.load()  # in a PNG the EXIF may follow the pixels
    if (turn := TURNS.get(_orientation(image))) is not None:
        image = image.transpose(turn)
    if image.mode.startswith("I;16"):
        image = image.point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """What the EXIF says; one that nobody can read turns nothing. Pillow's own `exif_transpose` would also write it anew."""
    try:
        return image.getexif().get(0x0112, 1)
    except MemoryError:
        raise
    except Exception:  # the bytes are a stranger's, and the parser throws nearly anything
        return 1


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
