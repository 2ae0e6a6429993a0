"""How painted pixels become bytes: one format, a mix drawn per image, or that of the real image."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, JpegImagePlugin

from touchstone.painting.seeds import between, chosen

PNG_LEVEL = 1  # five times faster than the default, files 15 % larger
QUALITY = 95  # of JPEG, where the recipe gives none
SUBSAMPLING = "4:2:0"
SAVE: dict[str, tuple[str, dict]] = {
    "png": ("PNG", {"compress_level": PNG_LEVEL}),
    "webp_lossless": ("WEBP", {"lossless": True}),
    "gif": ("GIF", {}),
    "bmp": ("BMP", {}),
    "tiff": ("TIFF", {"compression": "tiff_lzw"}),
}


def encode(pixels: np.ndarray, recipe: dict, item: str, real: Image.Image | None) -> bytes:
    """The image, (height, width, 3) of 8 bits, in the format that the recipe gives it.

    Args:
        item: Id; of a mix of formats or a range of qualities it decides.
        real: The real image as opened, whose encoding ``format: real`` copies: of a JPEG its tables, subsampling and
            whether it is progressive; any other becomes a PNG. A grey one makes the image grey.
    """
    image = Image.fromarray(pixels)
    wanted = recipe.get("format", "png")
    if isinstance(wanted, list):
        recipe = chosen(wanted, recipe["seed"], item, "format") | {"seed": recipe["seed"]}
        wanted = recipe["format"]
    if wanted == "real":
        name, options = _like(real)
        image = image.convert("L") if real.mode == "L" else image
    elif wanted == "jpeg":
        quality = recipe.get("quality", QUALITY)
        if isinstance(quality, list):
            quality = int(between(quality[0], quality[1] + 1, recipe["seed"], item, "quality"))
        name, options = "JPEG", {"quality": quality, "subsampling": recipe.get("subsampling", SUBSAMPLING)}
    else:
        name, options = SAVE[wanted]
    data = io.BytesIO()
    image.save(data, name, **options)
    return data.getvalue()


def _like(real: Image.Image) -> tuple[str, dict]:
    if real.format not in ("JPEG", "MPO"):
        return SAVE["png"]
    sampling = JpegImagePlugin.get_sampling(real)
    progressive = bool(real.info.get("progressive") or real.info.get("progression"))
    # Of a grey or CMYK image the first two tables serve; -1 is a sampling that Pillow cannot write.
    tables = [real.quantization[key] for key in sorted(real.quantization)][:2]
    return "JPEG", {"qtables": tables, "subsampling": sampling if sampling >= 0 else SUBSAMPLING, "progressive": progressive}
