"""The header of a 7z archive: which members there are, and where each lies.

Source: 7zFormat.txt of the 7-Zip SDK.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from touchstone.containers.sevenzip_streams import BadSevenZip, Block, Reader, read_streams
from touchstone.containers.volumes import Volumes

MAGIC = b"7z\xbc\xaf\x27\x1c"
START = struct.Struct("<6s2xLQQL")  # magic, version, checksum of the rest; place, size and checksum of the header
MAX_HEADER = 1 << 28  # bytes, decompressed; about two million members
END, HEADER, PROPERTIES, STREAMS, FILES = 0, 1, 2, 4, 5
EMPTY_STREAM, EMPTY_FILE, NAMES, ATTRIBUTES, ENCODED = 14, 15, 17, 21, 23


class Member(NamedTuple):
    """A file in a 7z archive."""

    name: str
    block: int  # -1 for an empty file
    start: int  # byte of the decompressed block
    size: int
    crc: int | None


def read_header(volumes: Volumes) -> tuple[list[Member], list[Block]]:
    """Members and blocks of an archive.

    Raises:
        BadSevenZip, EOFError, struct.error, lzma.LZMAError: It is damaged, or its header cannot be read.
    """
    start = volumes.read_at(0, START.size)
    magic, crc, offset, size, header_crc = START.unpack(start)
    if magic != MAGIC or crc != zlib.crc32(start[12:]):
        raise BadSevenZip("it has no valid start")
    if not size:
        return [], []
    if START.size + offset + size > volumes.size:
        raise EOFError("it ends before its header")
    data = volumes.read_at(START.size + offset, size) if size <= MAX_HEADER else b""
    for _ in range(4):  # a header can be packed, and that one again
        if zlib.crc32(data) != header_crc:
            raise BadSevenZip("the checksum of its header is wrong")
        reader = Reader(data)
        if reader.expect(HEADER, ENCODED) == HEADER:
            return _header(reader)
        (block,) = read_streams(reader)
        if block.size > MAX_HEADER:
            raise BadSevenZip(f"a header of {block.size:,} bytes")
        data = block.stream(volumes).read(block.size)
        header_crc = zlib.crc32(data) if block.crc is None else block.crc
    raise BadSevenZip("its header is packed too often")


def _header(reader: Reader) -> tuple[list[Member], list[Block]]:
    kind = reader.expect(STREAMS, FILES, PROPERTIES, END)
    if kind == PROPERTIES:
        while reader.byte():
            reader.take(reader.number())
        kind = reader.expect(STREAMS, FILES, END)
    blocks = []
    if kind == STREAMS:
        blocks = read_streams(reader)
        kind = reader.expect(FILES, END)
    return (_files(reader, blocks) if kind == FILES else []), blocks


def _files(reader: Reader, blocks: list[Block]) -> list[Member]:
    count = reader.count()
    names: list[str] = []
    empty, plain, attributes = [False] * count, [], [0] * count
    while kind := reader.byte():
        own = Reader(reader.take(reader.number()))
        if kind == EMPTY_STREAM:
            empty = own.bits(count)
        elif kind == EMPTY_FILE:
            plain = own.bits(sum(empty))
        elif kind == NAMES and not own.byte():
            text = own.take(len(own.data) - 1).decode("utf-16-le", "surrogatepass")
            names = text.split("\0")[:-1]
        elif kind == ATTRIBUTES:
            there = own.defined(count)
            if own.byte():
                raise BadSevenZip("parts of its header lie elsewhere")
            attributes = [int.from_bytes(own.take(4), "little") if given else 0 for given in there]
    if len(names) != count:
        raise BadSevenZip(f"it has {len(names):,} names for {count:,} members")
    places = ((number, *place) for number, block in enumerate(blocks) for place in _starts(block))
    files = iter(plain + [False] * (sum(empty) - len(plain)))
    found = []
    for name, hollow, attribute in zip(names, empty, attributes, strict=True):
        if hollow and not next(files):
            continue  # a folder
        member = Member(name, -1, 0, 0, None) if hollow else next((Member(name, *place) for place in places), None)
        if member is None:
            raise BadSevenZip("it has more members than data")
        if not _is_link(attribute):
            found.append(member)
    return found


def _starts(block: Block) -> Iterator[tuple[int, int, int | None]]:
    at = 0
    for size, crc in block.parts:
        yield at, size, crc
        at += size


def _is_link(attribute: int) -> bool:
    """A symbolic link of Unix (its mode is in the upper half, if bit 15 says so) or of Windows."""
    return bool(attribute & 0x400) or (attribute & 0x8000 and attribute >> 28 == 0xA)
