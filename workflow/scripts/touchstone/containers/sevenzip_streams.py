"""The compressed streams of a 7z archive: where they lie, how they are packed, what members they hold.

Written for archives of images, whose streams have one coder each: copy, LZMA, LZMA2 or bzip2. Every count
is held against the bytes that are left, so a header cannot make us allocate more than it is long.
Source: 7zFormat.txt of the 7-Zip SDK; its names are used here, but its "folder" is called a block.
"""

from __future__ import annotations

import bz2
import lzma
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from touchstone.containers.streams import Decoded, decompressed
from touchstone.containers.volumes import Volumes

FIRST = 32  # bytes before the first stream
MAX_WINDOW = 1 << 30  # bytes a decompressor may look back
END, PACK, UNPACK, SUBSTREAMS = 0, 6, 7, 8
SIZE, CRC, FOLDER, UNPACK_SIZE, N_SUBSTREAMS = 9, 10, 11, 12, 13
COPY, LZMA, LZMA2, BZIP2, AES = b"\0", b"\3\1\1", b"\x21", b"\4\2\2", b"\6\xf1\7\1"


class BadSevenZip(Exception):
    """The archive is damaged, or uses what is not read."""


@dataclass
class Block:
    """One compressed stream; in a solid archive it holds many members."""

    coders: list[tuple[bytes, bytes]]  # (method, properties)
    n_packed: int
    size: int = 0  # decompressed
    crc: int | None = None
    offset: int = 0
    packed: int = 0
    parts: list[tuple[int, int | None]] = field(default_factory=list)  # (size, checksum) of the members

    def why_not(self) -> str:
        """Why the block cannot be read, or nothing."""
        methods = [method for method, _ in self.coders]
        if AES in methods:
            return "it is encrypted"
        if len(methods) > 1 or self.n_packed != 1 or methods[0] not in (COPY, LZMA, LZMA2, BZIP2):
            return f"compression method {'+'.join(method.hex() for method in methods)} is not read"
        return ""

    def stream(self, volumes: Volumes) -> Decoded:
        """The decompressed block, from its start; of method copy it is read through ``Plain`` instead."""
        if why := self.why_not():
            raise BadSevenZip(why)
        ((method, properties),) = self.coders
        position, left = self.offset, self.packed

        def source(length: int) -> bytes:
            nonlocal position, left
            data = volumes.read_at(position, min(length, left))
            position += len(data)
            left -= len(data)
            return data

        return Decoded(source if method == COPY else decompressed(source, _decoder(method, properties, self.size)))


def _decoder(method: bytes, properties: bytes, size: int) -> Callable:
    if method == BZIP2:
        return bz2.BZ2Decompressor
    if method == LZMA:
        first, window = struct.unpack("<BL", properties)
        options = {"id": lzma.FILTER_LZMA1, "lc": first % 9, "lp": first // 9 % 5, "pb": first // 45}
    else:
        (bits,) = struct.unpack("<B", properties)
        window = (2 | bits & 1) << bits // 2 + 11 if bits < 40 else 0xFFFFFFFF
        options = {"id": lzma.FILTER_LZMA2}
    window = max(4096, min(window, size))  # it never looks back beyond the first byte
    if window > MAX_WINDOW:
        raise BadSevenZip(f"a window of {window:,} bytes")
    return lambda: lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options | {"dict_size": window}])


class Reader:
    """Numbers and fields out of a header; whatever lies beyond its end is an EOFError."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    def take(self, length: int) -> bytes:
        if length > len(self.data) - self.at:
            raise EOFError("the header ends too early")
        self.at += length
        return self.data[self.at - length : self.at]

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        """An integer of one to nine bytes: ones at the start of the first say how many follow."""
        first, value = self.byte(), 0
        for count in range(8):
            if not first & (0x80 >> count):
                return value | (first & (0x7F >> count)) << 8 * count
            value |= self.byte() << 8 * count
        return value

    def count(self) -> int:
        """A number of things of which each takes at least a bit of what is left."""
        value = self.number()
        if value > 8 * (len(self.data) - self.at):
            raise BadSevenZip(f"a count of {value:,}")
        return value

    def bits(self, count: int) -> list[bool]:
        data = self.take(-(-count // 8))
        return [bool(data[n // 8] & 0x80 >> n % 8) for n in range(count)]

    def defined(self, count: int) -> list[bool]:
        return [True] * count if self.byte() else self.bits(count)

    def checksums(self, count: int) -> list[int | None]:
        return [int.from_bytes(self.take(4), "little") if there else None for there in self.defined(count)]

    def expect(self, *kinds: int) -> int:
        kind = self.byte()
        if kind not in kinds:
            raise BadSevenZip(f"property {kind} at byte {self.at - 1:,} of the header")
        return kind


def read_streams(reader: Reader) -> list[Block]:
    packed, blocks, position = [], [], FIRST
    kind = reader.byte()
    if kind == PACK:
        position += reader.number()
        count = reader.count()
        while (kind := reader.expect(SIZE, CRC, END)) != END:
            if kind == SIZE:
                packed = [reader.number() for _ in range(count)]
            else:
                reader.checksums(count)
        kind = reader.byte()
    if kind == UNPACK:
        blocks = _blocks(reader)
        kind = reader.byte()
    streams = iter(packed)
    for block in blocks:
        block.offset = position
        sizes = [next(streams, 0) for _ in range(block.n_packed)]
        block.packed = sum(sizes)
        position += block.packed
        block.parts = [(block.size, block.crc)]
    if kind == SUBSTREAMS:
        _substreams(reader, blocks)
        kind = reader.byte()
    if kind != END:
        raise BadSevenZip(f"property {kind} among its streams")
    return blocks


def _blocks(reader: Reader) -> list[Block]:
    reader.expect(FOLDER)
    count = reader.count()
    if reader.byte():
        raise BadSevenZip("parts of its header lie elsewhere")
    blocks, outputs = [], []
    for _ in range(count):
        coders, n_in, n_out = [], 0, 0
        for _ in range(reader.count()):
            flags = reader.byte()
            method = reader.take(flags & 15)
            ins, outs = (reader.count(), reader.count()) if flags & 16 else (1, 1)
            coders.append((method, reader.take(reader.number()) if flags & 32 else b""))
            n_in, n_out = n_in + ins, n_out + outs
        if not 0 < n_out <= 32 or n_in > 32 or n_in < n_out - 1:
            raise BadSevenZip("coders without end")
        bound = [(reader.number(), reader.number()) for _ in range(n_out - 1)]
        n_packed = n_in - len(bound)
        if n_packed > 1:
            [reader.number() for _ in range(n_packed)]
        blocks.append(Block(coders, n_packed))
        outputs.append((n_out, next(n for n in range(n_out) if n not in {out for _, out in bound})))
    reader.expect(UNPACK_SIZE)
    for block, (n_out, last) in zip(blocks, outputs, strict=True):
        block.size = [reader.number() for _ in range(n_out)][last]
    if reader.expect(CRC, END) == CRC:
        for block, crc in zip(blocks, reader.checksums(len(blocks)), strict=True):
            block.crc = crc
        reader.expect(END)
    return blocks


def _substreams(reader: Reader, blocks: list[Block]) -> None:
    counts = [1] * len(blocks)
    kind = reader.expect(N_SUBSTREAMS, SIZE, CRC, END)
    if kind == N_SUBSTREAMS:
        counts = [reader.count() for _ in blocks]
        kind = reader.expect(SIZE, CRC, END)
    sizes = []
    for block, count in zip(blocks, counts, strict=True):
        own = [reader.number() for _ in range(count - 1)] if kind == SIZE else []
        sizes.append([*own, block.size - sum(own)] if count else [])
        if len(sizes[-1]) != count or min(sizes[-1], default=0) < 0:
            raise BadSevenZip("members are larger than their stream")
    if kind == SIZE:
        kind = reader.expect(CRC, END)
    known = [count == 1 and block.crc is not None for block, count in zip(blocks, counts, strict=True)]
    unknown = sum(count for count, there in zip(counts, known, strict=True) if not there)
    given = iter(reader.checksums(unknown) if kind == CRC else [None] * unknown)
    for block, own, there in zip(blocks, sizes, known, strict=True):
        block.parts = [(size, block.crc if there else next(given)) for size in own]
    if kind == CRC:
        reader.expect(END)
