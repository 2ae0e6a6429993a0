"""Two ways to go through an archive from front to back: in place, and through a decompressor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from touchstone.containers.volumes import Volumes

CHUNK = 1 << 18  # bytes decompressed at a time where they are dropped


class Stream(Protocol):
    """Something with a position, that gives bytes or passes over them."""

    position: int

    def read(self, length: int) -> bytes:
        """The next bytes; fewer only at the end."""

    def skip(self, length: int) -> None:
        """Pass over bytes."""


class Plain:
    """Bytes as they lie in the volumes; passing over them costs nothing."""

    def __init__(self, volumes: Volumes, position: int = 0):
        self.volumes, self.position = volumes, position

    def read(self, length: int) -> bytes:
        data = self.volumes.read_at(self.position, length)
        self.position += len(data)
        return data

    def skip(self, length: int) -> None:
        self.position += length


class Decoded:
    """What a decompressor gives; passing over bytes means to decompress and drop them.

    Args:
        source: Gives up to so many of the next bytes, and none only at the end.
    """

    def __init__(self, source: Callable[[int], bytes]):
        self.source, self.position = source, 0

    def read(self, length: int) -> bytes:
        parts = []
        while length > 0 and (part := self.source(length)):
            parts.append(part)
            length -= len(part)
            self.position += len(part)
        return b"".join(parts)

    def skip(self, length: int) -> None:
        while length > 0:
            part = self.source(min(length, CHUNK))
            if not part:
                raise EOFError("the archive ends too early")
            length -= len(part)
            self.position += len(part)


def decompressed(source: Callable[[int], bytes], new: Callable) -> Callable[[int], bytes]:
    """A function that gives up to ``n`` of the next decompressed bytes, and none only at the end.

    Args:
        source: Gives up to so many of the next compressed bytes.
        new: Makes a decompressor of the interface that lzma and bz2 share, one per stream: a file can
            hold several, with zeros between them.
    """
    decoder = new()

    def read(length: int) -> bytes:
        nonlocal decoder
        while True:
            if decoder.eof:
                data = (decoder.unused_data or source(CHUNK)).lstrip(b"\0")
                if not data:
                    return b""
                decoder = new()
            else:
                data = source(CHUNK) if decoder.needs_input else b""
                if decoder.needs_input and not data:
                    raise EOFError("the compressed data end too early")
            if part := decoder.decompress(data, length):
                return part

    return read
