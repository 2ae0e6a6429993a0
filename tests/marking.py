"""Writes invisible watermarks as the published scheme does, for tests of what reads them."""

from __future__ import annotations

import numpy as np

from touchstone.audit.watermark import BLOCK, SCALE


def marked(pixels: np.ndarray, message: str) -> np.ndarray:
    """``pixels`` with ``message`` written into them, as maxDct.py of invisible-watermark 0.2.0 does."""
    rgb = pixels.astype(np.float64)
    luma = rgb @ np.array([0.299, 0.587, 0.114])
    u, v = 0.492 * (rgb[..., 2] - luma) + 128, 0.877 * (rgb[..., 0] - luma) + 128
    u = np.rint(u)
    height, width = (side // 4 * 4 for side in u.shape)
    part = u[:height, :width]
    quads = [part[i::2, j::2] for i in (0, 1) for j in (0, 1)]
    band = sum(quads) / 2
    before = band.copy()
    number = 0
    for row in range(band.shape[0] // BLOCK):
        for column in range(band.shape[1] // BLOCK):
            block = band[row * BLOCK : (row + 1) * BLOCK, column * BLOCK : (column + 1) * BLOCK]
            place = np.unravel_index(np.argmax(np.abs(block.ravel()[1:])) + 1, block.shape)
            step = abs(block[place]) // SCALE + 0.25 + 0.5 * int(message[number % len(message)])
            block[place] = np.copysign(step * SCALE, block[place])
            number += 1
    change = (band - before) / 2  # the inverse transform spreads a band's change evenly over its four pixels
    for i in (0, 1):
        for j in (0, 1):
            part[i::2, j::2] += change
    blue = luma + (u - 128) / 0.492
    red = luma + (v - 128) / 0.877
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.rint(np.stack([red, green, blue], axis=-1)), 0, 255).astype(np.uint8)
