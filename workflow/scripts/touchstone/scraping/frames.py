"""Frames of a JSON head and a body in a stream: between a downloader and its job, and in its journal."""

from __future__ import annotations

import json
import struct
import zlib
from typing import BinaryIO

_LENGTHS = struct.Struct(">4sIQI")  # mark, bytes of head and body, checksum of both
_MARK = b"TF01"
LARGEST = 1 << 30  # bytes of a head or a body; what says it has more is damaged


def write_frame(stream: BinaryIO, head: dict, body: bytes = b"") -> None:
    """Append one frame."""
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":")).encode()
    stream.write(_LENGTHS.pack(_MARK, len(text), len(body), zlib.crc32(body, zlib.crc32(text))) + text)
    stream.write(body)


def read_frame(stream: BinaryIO) -> tuple[dict, bytes] | None:
    """The next frame; ``None`` at the end of the stream, or where a frame is torn or damaged."""
    lengths = stream.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    mark, n_text, n_body, checksum = _LENGTHS.unpack(lengths)
    if mark != _MARK or max(n_text, n_body) > LARGEST:
        return None
    text, body = stream.read(n_text), stream.read(n_body)
    if len(body) < n_body or zlib.crc32(body, zlib.crc32(text)) != checksum:
        return None
    try:
        head = json.loads(text)
    except ValueError:
        return None
    return (head, body) if isinstance(head, dict) else None
