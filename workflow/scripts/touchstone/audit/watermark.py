"""The invisible marks that image generators leave on request or in silence, read without their library.

The library that writes them (invisible-watermark) makes diffusers mark SDXL's images as soon as it
is installed, so it must not be; its frequency-domain scheme is decoded here.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

SCALE = 36  # of the library's default for the second channel
BLOCK = 4
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
        certain = binom.sf(right - 1, len(wanted), 0.5) < CHANCE
        best = max(best, (name if certain else "", right / len(wanted)), key=lambda found: (bool(found[0]), found[1]))
    return best


def raw_bits(pixels: np.ndarray) -> np.ndarray:
    """One bit per block, as the ``dwtDct`` method of invisible-watermark 0.2 reads them.

    The U channel's approximation band of a Haar transform is cut into 4 x 4 blocks; a block's bit is
    whether its largest coefficient but the first lies in the upper half of a step of ``SCALE``.
    Source: maxDct.py of invisible-watermark 0.2.0.
    """
    height, width = (side // 4 * 4 for side in pixels.shape[:2])
    red, green, blue = (pixels[:height, :width, channel] for channel in range(3))
    # OpenCV's BGR2YUV: U = 0.492 (B - Y) + 128, rounded and clipped to a byte. In place: a picture's floats are many.
    chroma = 0.299 * red
    chroma += 0.587 * green
    chroma += 0.114 * blue
    np.subtract(blue, chroma, out=chroma)
    chroma *= 0.492
    chroma += 128
    np.clip(np.rint(chroma, out=chroma), 0, 255, out=chroma)
    band = (chroma[0::2, 0::2] + chroma[0::2, 1::2] + chroma[1::2, 0::2] + chroma[1::2, 1::2]) / 2
    rows, columns = (side // BLOCK for side in band.shape)
    blocks = (
        band[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).reshape(-1, BLOCK * BLOCK)
    )
    rest = np.abs(blocks[:, 1:])
    return (rest.max(axis=1, initial=0) % SCALE) > SCALE / 2
