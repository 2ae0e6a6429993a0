"""Images of few bytes that would take hours to open: their parts are counted before any decoder sees them."""

from __future__ import annotations

import struct

MAX_SCANS = 200  # of a JPEG, each of which decodes all pixels anew; encoders write up to ten or so
MAX_CHUNKS = 100_000  # of a PNG; of 100 MB in pieces of the customary 8 kB there are 12,000
MAX_PAGES = 5_000  # of a TIFF; the decoder looks through all earlier ones for each


def too_intricate(data: bytes) -> str:
    """What there is too much of in an encoded image; empty if nothing, or if it is of another format."""
    if data.startswith(b"\xff\xd8"):
        return f"more than {MAX_SCANS} scans" if data.count(b"\xff\xda") > MAX_SCANS else ""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return f"more than {MAX_CHUNKS:,} chunks" if _has_too_many_chunks(data) else ""
    if data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return f"more than {MAX_PAGES:,} pages" if _has_too_many_pages(data) else ""
    return ""


def _has_too_many_chunks(data: bytes) -> bool:
    """Source: PNG, third edition, section 5.3."""
    at, length_of = 8, struct.Struct(">L").unpack_from
    for _ in range(MAX_CHUNKS):
        if at + 12 > len(data):
            return False
        at += 12 + length_of(data, at)[0]
    return True


def _has_too_many_pages(data: bytes) -> bool:
    """Source: TIFF 6.0, section 2, and the BigTIFF design of libtiff."""
    order = "<" if data[:1] == b"I" else ">"
    place, count, entry = ("Q", "Q", 20) if data[2:4].strip(b"\0") == b"+" else ("L", "H", 12)
    try:
        (at,) = struct.unpack_from(order + place, data, 8 if place == "Q" else 4)
        for _ in range(MAX_PAGES):
            if not at:
                return False
            (entries,) = struct.unpack_from(order + count, data, at)
            (at,) = struct.unpack_from(order + place, data, at + struct.calcsize(order + count) + entries * entry)
    except (struct.error, OverflowError):  # it leads beyond the end, which the decoder will tell
        return False
    return True
