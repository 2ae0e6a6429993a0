"""7z archives, also split and solid: the wanted members of a compressed stream in one pass over it.

An own reader, because py7zr gives up the whole archive at the first wrong checksum and needs eight more
packages, libarchive must be on the machine and runs C code on untrusted headers, and neither
hands out members one by one in bounded memory together with what is wrong with them.
"""

from __future__ import annotations

import lzma
import struct
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from touchstone.containers.base import Container, Contents, corrupt, missing, too_large
from touchstone.containers.sevenzip_header import Member, read_header
from touchstone.containers.sevenzip_streams import COPY, BadSevenZip
from touchstone.containers.streams import Plain
from touchstone.containers.volumes import Volumes, not_whole, numbered

DAMAGE = (BadSevenZip, OSError, EOFError, ValueError, MemoryError, struct.error, lzma.LZMAError)


class SevenZip(Container):
    """A 7z archive in one file or in ``.7z.001 ...``."""

    def __init__(self, path: Path):
        self.volumes = Volumes(numbered(path))
        try:
            self._members, self._blocks = read_header(self.volumes)
            if any(block.offset + block.packed > self.volumes.size for block in self._blocks):
                raise EOFError("it ends too early")
        except DAMAGE as error:
            self.volumes.close()
            raise not_whole(path, "7z", error) from None

    def members(self) -> Iterator[str]:
        """Names of files; links and folders are no members."""
        return (member.name for member in self._members)

    def read_many(self, wanted: Iterable[str]) -> Contents:
        return chain.from_iterable(self.streams(wanted))

    def streams(self, wanted: Iterable[str]) -> list[Contents]:
        """One for each block, and one for what is missing."""
        names = set(wanted)
        found = {member.name: member for member in self._members if member.name in names}
        by_block: dict[int, list[Member]] = {}
        for member in found.values():
            by_block.setdefault(member.block, []).append(member)
        blocks = [self._read(block, sorted(members, key=_start)) for block, members in sorted(by_block.items())]
        return [iter([(name, missing(name)) for name in sorted(names - found.keys())]), *blocks]

    def _read(self, number: int, members: list[Member]) -> Contents:
        """Members of one block, in their order; after damage that its decompressor notices all others are lost."""
        if number < 0:
            yield from ((member.name, b"") for member in members)
            return
        block, failure = self._blocks[number], None
        try:
            stream = block.stream(self.volumes)
            if block.coders[0][0] == COPY:
                stream, base = Plain(self.volumes, block.offset), block.offset
            else:
                base = 0
        except DAMAGE as error:
            failure = error
        for member in members:
            if failure is None and not too_large(member.size):
                try:
                    stream.skip(base + member.start - stream.position)
                    data = stream.read(member.size)
                except DAMAGE as error:
                    failure = error
            if refusal := too_large(member.size):
                yield member.name, refusal
            elif failure is not None:
                yield member.name, corrupt(failure)
            elif len(data) < member.size or (member.crc is not None and zlib.crc32(data) != member.crc):
                yield member.name, corrupt(f"{len(data):,} of {member.size:,} bytes, wrong checksum")
            else:
                yield member.name, data

    def close(self) -> None:
        self.volumes.close()


def _start(member: Member) -> int:
    return member.start
