"""The invisible marks that image generators leave on request or in silence, read without their library.

The library that writes them (invisible-watermark) makes diffusers mark SDXL's images as soon as it
is installed, so it must not be; its frequency-domain scheme is decoded here.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.stats import binom

SCALE = 36  # of the library's default for the second channel
BLOCK = 4
# OpenCV's BGR2YUV, of red, green and blue: U = 0.492 (B - Y) + 128.
TO_U = (0.492 * (np.array([0, 0, 1]) - np.array([0.299, 0.587, 0.114]))).astype(np.float32)
# Messages as bits, the first one first. Sources: watermark.py of diffusers' SDXL pipeline;
# scripts/txt2img.py of CompVis/stable-diffusion and Stability-AI/stablediffusion; cli of black-forest-labs/flux.
MARKS = {
    "SDXL": f"{0b101100111110110010010000011110111011000110011110:048b}",
    "Stable Diffusion 1": "".join(f"{byte:08b}" for byte in b"StableDiffusionV1"),
    "Stable Diffusion 2": "".join(f"{byte:08b}" for byte in b"SDV2"),
    "FLUX.1": f"{0b001010101111111010000111100111001111010100101110:048b}",
}
CHANCE = 1e-6  # that an unmarked image is called marked, for each message


def mark_of(pixels: np.ndarray) -> tuple[str, float]:
    """Which known mark an image carries, and the share of its bits that were read right.

    Args:
        pixels: ``(height, width, 3)`` uint8 RGB.

    Returns:
        Name and share, or an empty name and the best share where no message is certain.
    """
    bits = raw_bits(pixels)
    best = ("", 0.0)
    for name, message in MARKS.items():
        wanted = np.frombuffer(message.encode(), dtype=np.uint8) == ord("1")
        if len(bits) < len(wanted):
            continue
        place = np.arange(len(bits)) % len(wanted)
        votes, counts = np.bincount(place, bits), np.bincount(place)
        right = int(((votes / counts * 255 > 127) == wanted).sum())
        certain = right >= _least(len(wanted))
        best = max(best, (name if certain else "", right / len(wanted)), key=lambda found: (bool(found[0]), found[1]))
    return best


def raw_bits(pixels: np.ndarray) -> np.ndarray:
    """One bit per block, as the ``dwtDct`` method of invisible-watermark 0.2 reads them.

    The U channel's approximation band of a Haar transform is cut into 4 x 4 blocks; a block's bit is
    whether its largest coefficient but the first lies in the upper half of a step of ``SCALE``.
    Source: maxDct.py of invisible-watermark 0.2.0.
    """
    height, width = (side // 4 * 4 for side in pixels.shape[:2])
    chroma = pixels[:height, :width].astype(np.float32) @ TO_U
    chroma += 128
    np.clip(np.rint(chroma, out=chroma), 0, 255, out=chroma)
    pairs = chroma[0::2] + chroma[1::2]
    band = (pairs[:, 0::2] + pairs[:, 1::2]) / 2
    rows, columns = (side // BLOCK for side in band.shape)
    blocks = np.abs(band[: rows * BLOCK, : columns * BLOCK]).reshape(rows, BLOCK, columns, BLOCK)
    blocks[:, 0, :, 0] = 0
    return (blocks.max(axis=1).max(axis=2).ravel() % SCALE) > SCALE / 2


@cache
def _least(bits: int) -> int:
    """How many of so many bits must be right, for it not to be chance."""
    return int(binom.isf(CHANCE, bits, 0.5)) + 1
