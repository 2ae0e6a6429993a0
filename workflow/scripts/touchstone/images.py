"""What can be measured on an image's encoded bytes, once, when it is taken.

The bytes are untrusted: the format is sniffed from an allow-list, the size is known before anything is decoded,
and whatever the decoder throws becomes a reason.
"""

from __future__ import annotations

import hashlib
import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache, lru_cache

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin, UnidentifiedImageError

from touchstone.errors import out_of_memory
from touchstone.intricate import too_intricate
from touchstone.memory import is_short
from touchstone.upright import orientation, turned, upright_size

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
MAX_PIXELS = 100_000_000  # 10,000 x 10,000
MAX_SIDE = 65_535  # of a JPEG; what is longer is no picture, and scaling it takes many times as long as its pixels
MAX_BYTES = 100_000_000
LARGE = 16_000_000  # pixels; of such images one is decoded at a time, whatever the threads
SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}

ImageFile.LOAD_TRUNCATED_IMAGES = False

_one_large = threading.Lock()
_quiet = threading.Lock()
_inside = 0  # threads in without_warnings
_saved = warnings.catch_warnings()


class BadImage(Exception):
    """Bytes that are not an acceptable image; ``reason`` is a key of record.REASONS."""

    def __init__(self, reason: str, detail: str = ""):
        self.reason, self.detail = reason, detail
        super().__init__(f"{reason}: {detail}")


def measure(data: bytes, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> dict:
    """The facts of one encoded image; keys are those of ``record.FACTS``.

    ``width``, ``height`` and ``phash`` are of the upright image, as its EXIF says. ``pixel_sha256`` is over mode, stored size,
    decoded pixels and transparency of the first frame, so two encodings of the same pixels in the same mode share it, and
    ``luma_std`` is in grey levels. Later frames are counted but not decoded. Threads may call it at the same time.

    Raises:
        BadImage: ``unreadable``, ``truncated``, ``too_many_pixels`` or ``too_many_bytes``.
        TouchstoneError: Memory is short.
    """
    if len(data) > max_bytes:
        raise BadImage("too_many_bytes", f"{len(data):,} bytes")
    if why := too_intricate(data):
        raise BadImage("unreadable", why)
    with without_warnings():  # such as Pillow's own of bombs; max_pixels is checked below
        try:
            image = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError as error:
            raise BadImage("too_many_pixels", str(error)) from None
        except UnidentifiedImageError:
            raise BadImage("unreadable", f"starts with {data[:16]!r}" if data else "empty") from None
        except Exception as error:  # a hostile header can raise nearly anything
            raise _refused("unreadable", error) from None
        if image.width * image.height > max_pixels or max(image.size) > MAX_SIDE:
            raise BadImage("too_many_pixels", f"{image.width} x {image.height}")
        try:
            with _one_large if image.width * image.height > LARGE else nullcontext():
                facts = _header_facts(image, data)  # counts the frames, so it reads beyond the header
                image.load()
                return facts | _pixel_facts(image) | _metadata_facts(image)
        except Exception as error:
            raise _refused("truncated" if _is_truncation(error) else "unreadable", error) from None


@contextmanager
def without_warnings() -> Iterator[None]:
    """No warnings while any thread is inside: what to ignore is one list for all, so the first in saves it."""
    global _inside, _saved
    with _quiet:
        _inside += 1
        if _inside == 1:
            _saved = warnings.catch_warnings(action="ignore")
            _saved.__enter__()
    try:
        yield
    finally:
        with _quiet:
            _inside -= 1
            if not _inside:
                _saved.__exit__(None, None, None)


def perceptual_hash(image: Image.Image) -> int:
    """64-bit perceptual hash: signs of the 8 x 8 lowest DCT coefficients of a 32 x 32 grey copy
    against their median, row by row, the highest bit first (the scheme of imagehash's phash)."""
    # The gap lets Pillow average whole blocks first: of a large picture, a fifth of the time.
    grey_image = image if image.mode == "L" else image.convert("L")
    small = grey_image.resize((32, 32), Image.Resampling.LANCZOS, reducing_gap=2.0)
    grey = np.frombuffer(small.tobytes(), np.uint8).reshape(32, 32).astype(np.float64)
    dct = _dct_matrix()
    low = (dct @ grey @ dct.T)[:8, :8]
    ordered = np.sort(low, axis=None)
    bits = (low > (ordered[31] + ordered[32]) / 2).ravel()  # np.median, without its many checks
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def jpeg_quality(tables: dict[int, list[int]]) -> int | None:
    """Quality (1-100) of the IJG encoder whose luminance table is nearest to the image's.

    Exact for files saved by libjpeg with its standard tables; source: jpeg_set_quality in libjpeg's jcparam.c, T.81's table K.1.
    """
    if not tables:
        return None
    return _nearest_quality(tuple(tables[min(tables)]))  # number 0 but for odd encoders


def is_standard(tables: dict[int, list[int]]) -> bool:
    """Whether the luminance table is one of the IJG encoder's, as of most programs; cameras and Photoshop have their own."""
    quality = jpeg_quality(tables)
    return quality is not None and _ijg_tables()[quality - 1].tolist() == list(tables[min(tables)])


@lru_cache(1000)
def _nearest_quality(luminance: tuple[int, ...]) -> int:
    distances = np.abs(_ijg_tables() - np.array(luminance, dtype=np.int64)).sum(axis=1)
    return int(np.argmin(distances)) + 1


def _header_facts(image: Image.Image, data: bytes) -> dict:
    jpeg = image.format in ("JPEG", "MPO")
    return {
        "format": "JPEG" if jpeg else image.format,
        "mode": image.mode,
        "bit_depth": _bit_depth(image, data),
        "frames": int(getattr(image, "n_frames", 1)),
        "jpeg_quality": jpeg_quality(image.quantization) if jpeg else None,
        "chroma_subsampling": _subsampling(image) if jpeg else None,
        "progressive": bool(image.info.get("progressive") or image.info.get("progression") or image.info.get("interlace")),
        "n_bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def _metadata_facts(image: Image.Image) -> dict:
    """To be asked of a loaded image: in a PNG metadata may follow the pixels."""
    size = dict(zip(("width", "height"), upright_size(image), strict=True))
    return size | {
        "has_exif": "exif" in image.info or (image.format == "TIFF" and 34665 in image.tag_v2),
        "has_icc": bool(image.info.get("icc_profile")),
    }


def _pixel_facts(image: Image.Image) -> dict:
    digest = hashlib.sha256(f"{image.mode} {image.width} {image.height}\n".encode())
    digest.update(image.tobytes())
    if image.mode == "P" and (palette := image.getpalette()):
        digest.update(bytes(palette))
    if "transparency" in image.info:
        digest.update(repr(image.info["transparency"]).encode())
    grey = _grey(image)
    return {
        "pixel_sha256": digest.hexdigest(),
        "phash": f"{perceptual_hash(turned(grey, orientation(image))):016x}",
        "luma_std": _deviation(np.array(grey.histogram())),
    }


def _deviation(histogram: np.ndarray) -> float:
    """Standard deviation of grey values by their counts; exactly 0 if there is only one value."""
    count, values = histogram.sum(), np.arange(256)
    mean = (histogram @ values) / count
    return float(np.sqrt((histogram @ (values - mean) ** 2) / count)) if np.count_nonzero(histogram) > 1 else 0.0


def _grey(image: Image.Image) -> Image.Image:
    """An 8-bit grey copy. Pillow would clip deeper pixels at 255: 16 bits are scaled, and of wider
    types, which have no white of their own, the range that occurs is stretched."""
    if not image.mode.startswith(("I", "F")):
        return (image.convert("RGB") if image.mode == "LAB" else image).convert("L")
    pixels = np.asarray(image)
    grey = np.empty(pixels.shape, np.uint8)
    # in strips, as all pixels in 64 bits and what is made of them would take gigabytes
    strips = np.array_split(np.arange(len(pixels)), 1 + pixels.size // 4_000_000)
    low, high = 0, 65535
    if not image.mode.startswith("I;16"):
        ranges = [
            (strip.min(), strip.max()) for strip in (_finite(pixels[rows[0] : rows[-1] + 1]) for rows in strips if len(rows))
        ]
        low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    for rows in filter(len, strips):
        strip = _finite(pixels[rows[0] : rows[-1] + 1])
        grey[rows[0] : rows[-1] + 1] = ((strip - low) * (255 / ((high - low) or 1))).round()
    return Image.fromarray(grey)


def _finite(pixels: np.ndarray) -> np.ndarray:
    return np.nan_to_num(pixels.astype(np.float64), posinf=0, neginf=0)


def _bit_depth(image: Image.Image, data: bytes) -> int:
    if image.format == "PNG":  # IHDR holds it; Pillow's mode hides 16-bit RGB
        return data[24]
    if image.format == "TIFF":
        return int(np.max(image.tag_v2.get(258, 8)))
    return {"1": 1, "I;16": 16, "I": 32, "F": 32}.get(image.mode, 8)


def _subsampling(image: Image.Image) -> str:
    return {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}.get(JpegImagePlugin.get_sampling(image), "other")


def _refused(reason: str, error: Exception) -> Exception:
    """What is told of what a decoder threw; where memory is short, it is no fault of the image's."""
    short = isinstance(error, MemoryError) and is_short()
    return out_of_memory("decoding an image") if short else BadImage(reason, f"{type(error).__name__}: {error}"[:200])


def _is_truncation(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, EOFError | struct.error) or "truncat" in text or "end of" in text or "incomplete" in text


@cache
def _dct_matrix() -> np.ndarray:
    n = np.arange(32)
    return np.cos(np.pi * (2 * n[None, :] + 1) * n[:, None] / 64)


@cache
def _ijg_tables() -> np.ndarray:
    """(100, 64) luminance tables for qualities 1 to 100, in the order Pillow gives them."""
    standard = np.array(
        [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
         14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
         18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
         49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
    )  # fmt: skip
    quality = np.arange(1, 101)
    scale = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    return np.clip((standard[None, :] * scale[:, None] + 50) // 100, 1, 255)
