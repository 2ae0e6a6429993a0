"""Photographs that were taken with the camera on its side: their EXIF says how to turn them, and every viewer does."""

from __future__ import annotations

from PIL import Image

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
SIDEWAYS = (5, 6, 7, 8)


def orientation(image: Image.Image) -> int:
    """What an image's EXIF says, 1 to 8; one that nobody can read turns nothing. To answer, Pillow loads a PNG.

    Pillow's own `exif_transpose` would also write the EXIF anew, which of a stranger's fails in many ways.
    """
    try:
        found = image.getexif().get(0x0112, 1)
        return found if found in TURNS else 1
    except MemoryError:
        raise
    except Exception:  # the bytes are a stranger's, and the parser throws nearly anything
        return 1


def turned(image: Image.Image, by: int) -> Image.Image:
    """``image`` as an orientation of ``by`` asks for."""
    return image.transpose(TURNS[by]) if by in TURNS else image


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of an opened image once it is upright; PNG and TIFF are loaded for it.

    Raises:
        Exception: Whatever Pillow raises.
    """
    if image.format in ("PNG", "TIFF"):  # in one the EXIF may follow the pixels, the other Pillow turns itself
        image.load()
    return image.size[::-1] if orientation(image) in SIDEWAYS else image.size
