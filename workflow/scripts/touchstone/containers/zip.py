"""Zip archives, whole or split, read in place."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from touchstone.containers.base import Container, Contents, corrupt, missing, too_large
from touchstone.containers.directory import Directory, Entry
from touchstone.containers.volumes import not_whole
from touchstone.images import BadImage

STORED, DEFLATED = 0, 8
ENCRYPTED = 1  # general purpose flag, APPNOTE.TXT 4.4.4
LOCAL = struct.Struct("<4s2xH18xHH")  # header before a member's data, APPNOTE.TXT 4.3.7
SLACK = 300  # bytes read for the extra field of a local header, whose length the directory does not tell


class Zip(Container):
    """A zip archive in one file, in ``.z01 ... .zip`` or in ``.zip.001 ...``; stored and deflated members."""

    def __init__(self, path: Path):
        try:
            self.directory = Directory(path)
        except (struct.error, ValueError, OSError) as error:
            raise not_whole(path, "zip", error) from None
        self.volumes = self.directory.volumes

    def members(self) -> Iterator[str]:
        """Names in the order of the central directory."""
        return (name for name in self.directory.names() if not name.endswith("/"))

    def read_many(self, wanted: Iterable[str]) -> Contents:
        wanted = dict.fromkeys(wanted)
        records = self.directory.find(wanted)
        found: list[tuple[int, str, Entry]] = []
        for member in wanted:
            try:
                if member not in records:
                    raise missing(member)
                entry = self.directory.entry(records[member])
            except BadImage as error:
                yield member, error
            else:
                found.append((entry.offset, member, entry))
        for _, member, entry in sorted(found):
            try:
                yield member, self._read(entry)
            except BadImage as error:
                yield member, error

    def _read(self, entry: Entry) -> bytes:
        if refusal := too_large(entry.size):
            raise refusal
        if entry.method not in (STORED, DEFLATED):
            raise corrupt(f"compression method {entry.method} is not read, only store and deflate")
        if not 0 <= entry.offset < self.directory.end:
            raise corrupt(f"its place in the archive is {entry.offset}")
        # deflate adds 5 bytes per block at worst; what says it takes more than that lies
        if entry.packed > 2 * entry.size + 1000 or (entry.method == STORED and entry.packed != entry.size):
            raise corrupt(f"{entry.packed:,} bytes are said to hold {entry.size:,}")
        head = LOCAL.size + len(entry.name)
        data = self.volumes.read_at(entry.offset, head + SLACK + entry.packed)
        if len(data) < head:
            raise corrupt("the archive ends before it")
        signature, flags, n_name, n_extra = LOCAL.unpack_from(data)
        if signature != b"PK\3\4" or data[LOCAL.size : LOCAL.size + n_name] != entry.name:
            raise corrupt("the directory points to something else")
        if (flags | entry.flags) & ENCRYPTED:
            raise corrupt("it is encrypted")
        start = head + n_extra
        if len(data) < start + entry.packed:
            data += self.volumes.read_at(entry.offset + len(data), start + entry.packed - len(data))
        packed = memoryview(data)[start : start + entry.packed]
        if len(packed) < entry.packed:
            raise corrupt("the archive ends inside it")
        data = bytes(packed) if entry.method == STORED else _inflated(packed, entry.size)
        if len(data) != entry.size or zlib.crc32(data) != entry.crc:
            raise corrupt(f"{len(data):,} of {entry.size:,} bytes, wrong checksum")
        return data

    def close(self) -> None:
        self.volumes.close()


def _inflated(packed: bytes | memoryview, size: int) -> bytes:
    """``packed`` inflated, but no further than one byte beyond ``size``."""
    stream = zlib.decompressobj(-15)
    try:
        return stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise corrupt(error) from None
