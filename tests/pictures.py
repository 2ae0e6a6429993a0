"""Real pictures, drawn by the tests."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


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
