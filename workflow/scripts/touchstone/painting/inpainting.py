"""Real images of which a part is painted anew."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from touchstone.painting.reals import Real
from touchstone.painting.seeds import between

CONDITIONING, TEXT, REAL = "image", True, True
PIPELINE = "AutoPipelineForInpainting"
AREA = (0.1, 0.4)  # of the image, masked


def inputs(pipe: object, rows: list[dict], reals: list[Real], size: tuple[int, int], recipe: dict) -> dict:
    """The real images, their masks, the size, and the strength if the recipe gives one."""
    made = {
        "image": [real.image for real in reals],
        "mask_image": [mask_of(row["id"], real.size, size, recipe) for row, real in zip(rows, reals, strict=True)],
        "width": size[0],
        "height": size[1],
    }
    return made | ({"strength": recipe["strength"]} if "strength" in recipe else {})


def mask_of(item: str, size: tuple[int, int], canvas: tuple[int, int], recipe: dict) -> Image.Image:
    """White where the image is painted anew: one box or ellipse inside ``size``, drawn for the item.

    The recipe's ``mask`` has ``kind`` (``box`` or ``ellipse``) and ``area``, the least and largest masked part of the image.
    """
    mask, seed = recipe.get("mask", {}), recipe["seed"]
    kind = mask.get("kind", "box")
    area = between(*mask.get("area", AREA), seed, item, "mask area")
    if kind == "ellipse":
        area = min(area * 4 / math.pi, 1)  # of the box around it
    aspect = 2 ** between(-1, 1, seed, item, "mask aspect")  # width to height, as parts of the image's sides
    wide = min(1.0, math.sqrt(area * aspect))
    high = min(1.0, area / wide)
    wide = min(1.0, area / high)
    left, top = between(0, 1 - wide, seed, item, "mask left"), between(0, 1 - high, seed, item, "mask top")
    corners = [left * size[0], top * size[1], (left + wide) * size[0] - 1, (top + high) * size[1] - 1]
    image = Image.new("L", canvas)
    draw = ImageDraw.Draw(image)
    (draw.ellipse if kind == "ellipse" else draw.rectangle)([round(corner) for corner in corners], fill=255)
    return image


def finish(pixels: np.ndarray, row: dict, real: Real, recipe: dict) -> np.ndarray:
    """With ``paste: true`` the real pixels outside the mask; without it those that the decoder made of them."""
    if not recipe.get("mask", {}).get("paste"):
        return pixels
    height, width = pixels.shape[:2]
    mask = np.asarray(mask_of(row["id"], real.size, (width, height), recipe))[..., None] > 0
    return np.where(mask, pixels, np.asarray(real.image)[:height, :width])
