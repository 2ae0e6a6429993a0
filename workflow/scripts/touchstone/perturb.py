"""Perturbed test images: what happens to a picture on its way through the web, the same for everybody.

Every draw is a hash of (seed, id, what is drawn), so neither workers, batches, order nor other images matter.
Source: ImagiNet's test set (crop, Lanczos, JPEG or WebP, lossless WebP). Pillow encodes in the right order of
colours and resizes with an anti-alias filter; the published set did neither, so pixels differ from it.
"""

from __future__ import annotations

import hashlib
import io

import numpy as np
from PIL import Image

from touchstone.chains import decode, encode

SIDE = 256  # of every perturbed image
LARGEST_CROP = 1000
QUALITIES = (60, 100)
COMPRESSED = 0.75  # of the images


def drawn(seed: int, key: str, what: str, low: int, high: int) -> int:
    """An integer from ``low`` to ``high``, both included, uniform over keys."""
    digest = hashlib.blake2b(f"{seed}\0{key}\0{what}".encode(), digest_size=16).digest()
    return low + int.from_bytes(digest, "big") % (high - low + 1)


def choices(size: tuple[int, int], key: str, seed: int) -> tuple[int, int, int, str, int]:
    """Edge, left and top of the crop (pixels), and the encoding (empty if none) with its quality."""
    edge = drawn(seed, key, "edge", SIDE, max(SIDE, min(*size, LARGEST_CROP)))
    left, top = (drawn(seed, key, axis, 0, max(length - edge, 0)) for axis, length in zip("xy", size, strict=True))
    is_compressed = drawn(seed, key, "compressed", 0, 9999) < 10_000 * COMPRESSED
    kind = ("JPEG", "WEBP")[drawn(seed, key, "kind", 0, 1)] if is_compressed else ""
    return edge, left, top, kind, drawn(seed, key, "quality", *QUALITIES)


def perturbed(data: bytes, key: str, seed: int, series: str = "perturbed") -> tuple[bytes, str]:
    """An encoded image as it is after the perturbation: lossless WebP of 256 x 256, and what was done to it.

    ``perturbed``: a square of 256 pixels to the shorter side (at most 1,000), anywhere, to 256; JPEG or WebP of
    quality 60 to 100 with probability 0.75. ``jpeg_<quality>``: the centre's 256 pixels through JPEG.
    ``resize_<n>``: the centre's 256 * 12 / n pixels to 256. Images too small for a square are continued by
    reflection.
    """
    image = decode(data)
    if series == "perturbed":
        edge, left, top, kind, quality = choices(image.size, key, seed)
        image = _padded(image, edge)
        image = image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, left + edge, top + edge))
        done = f"crop {edge} at {left},{top}"
        if kind:
            image, done = _through(image, kind, quality), f"{done}, {kind} {quality}"
    else:
        name, _, level = series.partition("_")
        image = _centre(image, SIDE if name == "jpeg" else round(SIDE * 12 / int(level)))
        image = _through(image, "JPEG", int(level)) if name == "jpeg" else image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        done = series.replace("_", " ")
    return encode(image, "WEBP"), done


def _through(image: Image.Image, kind: str, quality: int) -> Image.Image:
    """The image after a lossy encoding."""
    return Image.open(io.BytesIO(encode(image, kind, quality)), formats=[kind]).convert("RGB")


def _padded(image: Image.Image, edge: int) -> Image.Image:
    """At least ``edge`` pixels on both sides: centred, reflected without repeating the edge pixel."""
    missing = [max(edge - length, 0) for length in image.size]
    if not any(missing):
        return image
    width, height = ((lack // 2, lack - lack // 2) for lack in missing)
    return Image.fromarray(np.pad(np.asarray(image), (height, width, (0, 0)), mode="reflect"))


def _centre(image: Image.Image, edge: int) -> Image.Image:
    image = _padded(image, edge)
    left, top = ((length - edge) // 2 for length in image.size)
    return image.crop((left, top, left + edge, top + edge))
