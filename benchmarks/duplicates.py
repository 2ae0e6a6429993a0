"""The search for near duplicates: how it grows, and what kinds of copies it finds.

Run it from the repository's folder: ``PYTHONPATH=workflow/scripts python -m benchmarks.duplicates [--write]``.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import date

import numpy as np
from benchmarks.measuring import cost_of, machine, main
from PIL import Image, ImageEnhance, ImageOps
from skimage import data

from touchstone.duplicates import MIRROR, near_pairs
from touchstone.images import perceptual_hash

COUNTS, BITS = (100_000, 1_000_000), (3, 5, 7)
LARGEST = 10_000_000, 3  # searched once, without a check
PLANTED = 0.02  # of the hashes are copies with up to so many bits changed as are searched for
SAMPLE = 200  # hashes compared with all others by brute force
SIDE = 256  # of the photographs' pieces, pixels
ABOUT = """\
`python -m benchmarks.duplicates`, {date}, on {machine}. Random 64-bit hashes, of which {planted:g} % are copies
with as many bits changed as are searched for; *growth* of processor time is against a tenth of the
hashes. All copies that brute force finds for {sample} of them are found.
"""
KINDS = """\

Which copies of a photograph are found ({pieces} pieces of {side} x {side} pixels, cut from four of scikit-image's
photographs): the share whose hash lies within so many bits. *Others* are pairs of different pieces taken for copies.
"""


def hashes_with_copies(count: int, bits: int) -> np.ndarray:
    """Random hashes; the last ones are copies of the first with ``bits`` bits changed at most."""
    random = np.random.default_rng(count)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    copies = int(count * PLANTED)
    changed = hashes[:copies].copy()
    for _ in range(bits):
        changed ^= np.uint64(1) << random.integers(0, 64, copies).astype(np.uint64)
    hashes[-copies:] = changed
    return hashes


def search(count: int, bits: int) -> None:
    """The search alone, on hashes made before."""
    near_pairs(hashes_with_copies(count, bits), bits)


def check(count: int, bits: int) -> None:
    """Brute force for some hashes; it must find nothing that the search did not."""
    hashes = hashes_with_copies(count, bits)
    found = {tuple(sorted(pair)) for pair in near_pairs(hashes, bits).tolist()}
    for one in np.random.default_rng(1).choice(int(count * PLANTED), SAMPLE, replace=False).tolist():
        near = np.flatnonzero(np.bitwise_count(hashes ^ hashes[one]) <= bits).tolist()
        assert all(tuple(sorted((one, other))) in found for other in near if other != one)


def pieces() -> list[Image.Image]:
    """Photographs cut into pieces that do not overlap."""
    whole = [Image.fromarray(picture) for picture in (data.astronaut(), data.chelsea(), data.coffee(), data.rocket())]
    return [
        image.crop((x, y, x + SIDE // 2, y + SIDE // 2)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        for image in whole
        for x in range(0, image.width - SIDE // 2 + 1, SIDE // 2)
        for y in range(0, image.height - SIDE // 2 + 1, SIDE // 2)
    ]


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Encoded and decoded again."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def cropped(image: Image.Image, share: float) -> Image.Image:
    """Without a border of so much of its sides."""
    border = int(SIDE * share / 2)
    return image.crop((border, border, SIDE - border, SIDE - border))


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 90": lambda image: jpeg(image, 90),
    "JPEG, quality 30": lambda image: jpeg(image, 30),
    "half the size": lambda image: image.resize((SIDE // 2, SIDE // 2), Image.Resampling.BICUBIC),
    "a fifth brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.2),
    "cropped by 2 %": lambda image: cropped(image, 0.02),
    "cropped by 5 %": lambda image: cropped(image, 0.05),
    "cropped by 10 %": lambda image: cropped(image, 0.1),
    "mirrored (hashes mirrored, too)": ImageOps.mirror,
    "turned by 5 degrees": lambda image: image.rotate(5, Image.Resampling.BICUBIC),
}


def distances(edit: Callable[[Image.Image], Image.Image]) -> np.ndarray:
    """Bits between the hashes of every piece and of its edited copy."""
    turn = MIRROR if edit is ImageOps.mirror else np.uint64(0)
    pairs = [(perceptual_hash(piece.convert("L")), perceptual_hash(edit(piece).convert("L"))) for piece in pieces()]
    hashes = np.array(pairs, dtype=np.uint64)
    return np.bitwise_count(hashes[:, 0] ^ hashes[:, 1] ^ turn)


def results() -> str:
    """Measure everything; a Markdown section."""
    lines = ["| hashes | bits | cost | processor | growth |", "|--:|--:|--:|--:|--:|"]
    for bits in BITS:
        before = None
        for count in COUNTS:
            check(count, bits)
            cost = cost_of(search, count, bits)
            growth = f"{cost.processor / before:.1f} x" if before else ""
            lines.append(f"| {count:,} | {bits} | {cost} | {cost.processor:.2f} s | {growth} |")
            before = cost.processor
    cost = cost_of(search, *LARGEST)
    lines.append(f"| {LARGEST[0]:,} | {LARGEST[1]} | {cost} | {cost.processor:.2f} s |  |")
    kinds = ["| edit | " + " | ".join(f"within {bits}" for bits in BITS) + " |", "|---|" + "--:|" * len(BITS)]
    for name, edit in EDITS.items():
        far = distances(edit)
        kinds.append(f"| {name} | " + " | ".join(f"{100 * (far <= bits).mean():.0f} %" for bits in BITS) + " |")
    hashes = np.array([perceptual_hash(piece.convert("L")) for piece in pieces()], dtype=np.uint64)
    apart = np.bitwise_count(hashes[:, None] ^ hashes[None, :])[np.triu_indices(len(hashes), 1)]
    kinds.append("| *others* | " + " | ".join(f"{(apart <= bits).sum()} of {len(apart):,}" for bits in BITS) + " |")
    about = ABOUT.format(date=date.today(), machine=machine(), planted=100 * PLANTED, sample=SAMPLE)
    return "\n".join([about, *lines, KINDS.format(pieces=len(hashes), side=SIDE), *kinds])


if __name__ == "__main__":
    main("duplicates", __doc__, results)
