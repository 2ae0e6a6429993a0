"""The headers of a tar archive: ustar, GNU long names, pax.

Source: POSIX.1-2017, pax, "ustar Interchange Format"; the GNU tar manual, "Basic Tar Format".
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import NamedTuple

from touchstone.containers.streams import Stream

BLOCK = 512
END = bytes(BLOCK)
MAX_EXTENSION = 1 << 20  # bytes of a long name or of pax attributes
FILES = b"0\0007"  # type flags of regular files: '0', NUL of old archives, '7' contiguous
LONG_NAME, PAX, PAX_GLOBAL = b"L", b"x", b"g"
PAX_RECORD = re.compile(rb"(\d{1,7}) ([^=\n]+)=")


class BadTar(Exception):
    """The archive is damaged, or no tar at all."""


class Member(NamedTuple):
    """A regular file in a tar."""

    name: str
    data: int  # where its bytes start
    size: int


def members(stream: Stream) -> Iterator[Member]:
    """All regular files, in order. While one is given, ``stream`` stands where its bytes start.

    Raises:
        BadTar: A header is damaged or missing.
    """
    while member := next_member(stream):
        yield member
        stream.skip(member.data + -(-member.size // BLOCK) * BLOCK - stream.position)


def next_member(stream: Stream) -> Member | None:
    """The next regular file, or None at the end; links, folders and devices are passed over."""
    extended: dict[bytes, bytes] = {}
    while True:
        block = stream.read(BLOCK)
        if block == END or (not block and stream.position):  # some writers leave the end mark out
            return None
        if len(block) < BLOCK or not _is_header(block):
            raise BadTar(f"no header at byte {stream.position - len(block):,}")
        kind, size = block[156:157], _number(block[124:136])
        if kind in (LONG_NAME, PAX, PAX_GLOBAL):
            if size > MAX_EXTENSION:
                raise BadTar(f"a name of {size:,} bytes")
            data = stream.read(-(-size // BLOCK) * BLOCK)[:size]
            if len(data) < size:
                raise BadTar("it ends inside a name")
            if kind != PAX_GLOBAL:
                extended |= {b"path": data.rstrip(b"\0")} if kind == LONG_NAME else _pax(data)
            continue
        size = _decimal(extended[b"size"]) if b"size" in extended else size
        name = _name(block, extended)
        if kind in FILES and not name.endswith("/") and not any(key.startswith(b"GNU.sparse") for key in extended):
            return Member(name, stream.position, size)
        if kind not in b"123456":  # links, devices and folders have no data whatever their size says
            stream.skip(-(-size // BLOCK) * BLOCK)
        extended = {}


def _is_header(block: bytes) -> bool:
    """Whether the checksum fits: the sum of all bytes, its own eight taken for blanks.

    The lower half of Adler-32 is one more than the sum, modulo 65521, and twenty times as fast.
    """
    field = block[148:156]
    try:
        return (_number(field) + sum(field) - 8 * 32 + 1) % 65521 == zlib.adler32(block) & 0xFFFF
    except BadTar:
        return False


def _number(field: bytes) -> int:
    """Octal digits, or a binary number if the first bit is set (GNU)."""
    if field[0] & 0x80:
        if field[0] & 0x40:
            raise BadTar("a negative size")
        return int.from_bytes(field[1:], "big") + ((field[0] & 0x3F) << 8 * (len(field) - 1))
    digits = field.split(b"\0")[0].strip()
    if digits.strip(b"01234567"):
        raise BadTar(f"{digits!r} is no number")
    return int(digits or b"0", 8)


def _decimal(digits: bytes) -> int:
    if not digits.isdigit() or len(digits) > 18:
        raise BadTar(f"{digits[:20]!r} is no size")
    return int(digits)


def _pax(data: bytes) -> dict[bytes, bytes]:
    """Attributes ``<length> <key>=<value>\\n``."""
    attributes = {}
    data, at = data.rstrip(b"\0"), 0
    while at < len(data):
        match = PAX_RECORD.match(data, at)
        end = at + int(match[1]) if match else 0
        if not match or end <= match.end() or end > len(data):
            raise BadTar("damaged pax attributes")
        attributes[match[2]] = data[match.end() : end - 1]
        at = end
    return attributes


def _name(block: bytes, extended: dict[bytes, bytes]) -> str:
    name = extended.get(b"path")
    if name is None:
        name = block[:100].split(b"\0")[0]
        if block[257:263] == b"ustar\0" and (prefix := block[345:500].split(b"\0")[0]):
            name = prefix + b"/" + name
    return name.decode("utf-8", "surrogateescape")
