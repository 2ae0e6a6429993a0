"""The central directory of a zip archive: found, checked, and searched without touching every name.

Python's zipfile makes an object of each record, which takes seconds for a million members, and it
reads no split archives. Here a record is looked at only if it is wanted.
Format: PKWARE's APPNOTE.TXT 6.3.10; sections are given where a structure is read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from touchstone.containers.base import corrupt
from touchstone.containers.volumes import Volumes, numbered, present

UTF8 = 1 << 11  # general purpose flag, 4.4.4
UNIX, LINK = 3, 0xA  # made by, 4.4.2.2; a symbolic link, in the mode that Unix keeps in the external attributes, 4.4.15
RECORD = struct.Struct("<4s4xHH4xLLLHHHH6xL")  # of the central directory, 4.3.12
END = struct.Struct("<4sHHHHLLH")  # of the central directory, 4.3.16
END64 = struct.Struct("<4s12xLLQQQQ")  # 4.3.14
LOCATOR = struct.Struct("<4sLQL")  # of END64, 4.3.15
MAX_SIZE = 1 << 31  # bytes of a directory; about 20 million members
ODD = np.uint64(0x9E3779B97F4A7C15)  # spreads lengths over 64 bits


class Entry(NamedTuple):
    """What the central directory says about one member."""

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int  # bytes in the archive
    size: int  # bytes of the member
    offset: int  # of its local header, from the start of the first volume


class Directory:
    """The central directory of the archive at ``path``, which may be split.

    Attributes:
        volumes: The archive's files.
        end: Where the directory ends and no member can start.

    Raises:
        TouchstoneError: A volume is missing.
        ValueError, struct.error: It is not a whole zip archive.
    """

    def __init__(self, path: Path):
        self.volumes = Volumes(numbered(path))
        last_disk, _ = self._find_end()
        if last_disk and len(self.volumes.paths) == 1:
            letter = "Z" if path.suffix.isupper() else "z"
            self.volumes.close()
            self.volumes = Volumes(present([*(path.with_suffix(f".{letter}{n:02}") for n in range(1, last_disk + 1)), path]))
        self._read()

    def _find_end(self) -> tuple[int, int]:
        """Number of the last volume, and where the end record is."""
        start = max(0, self.volumes.size - 65_557)  # the end record and the longest comment
        tail = self.volumes.read_at(start, self.volumes.size - start)
        at = tail.rfind(b"PK\5\6")
        if at < 0:
            raise ValueError("it has no directory at its end")
        return END.unpack_from(tail, at)[1], start + at

    def _read(self) -> None:
        _, position = self._find_end()
        _, disk, start_disk, _, count, size, offset, _ = END.unpack(self.volumes.read_at(position, END.size))
        if self.volumes.read_at(position - LOCATOR.size, 4) == b"PK\6\7":
            position -= LOCATOR.size + END64.size
            signature, disk, start_disk, _, count, size, offset = END64.unpack(self.volumes.read_at(position, END64.size))
            if signature != b"PK\6\6":
                raise ValueError("its Zip64 end record is not where it should be")
        self._spanned = disk > 0
        if self._spanned and (disk + 1 != len(self.volumes.paths) or start_disk > disk):
            raise ValueError(f"it says it has {disk + 1:,} volumes")
        # whatever stands before an archive of one volume moves all of it; zipfile allows that, too
        self._base = 0 if self._spanned else position - size - offset
        start = self.volumes.starts[start_disk] + offset if self._spanned else position - size
        self.end = start + size
        if start < 0 or self._base < 0 or self.end > position or size > MAX_SIZE:
            raise ValueError("its directory lies outside of it")
        self._bytes = self.volumes.read_at(start, size)
        self._starts = _record_starts(self._bytes)
        if (len(self._starts) - count) % 65536:  # writers without Zip64 count modulo 65536
            raise ValueError(f"its directory has {len(self._starts):,} members, and should have {count:,}")
        unix = _unsigned(self._bytes, 1)[self._starts + 5] == UNIX
        self._starts = self._starts[~(unix & (_unsigned(self._bytes, 2)[self._starts + 40] >> 12 == LINK))]

    def names(self) -> Iterator[str]:
        """Names of all records in their order, folders included, symbolic links not."""
        short = _unsigned(self._bytes, 2)
        starts = self._starts + RECORD.size
        ends = starts + short[self._starts + 28]
        unicode = short[self._starts + 8] & UTF8 > 0
        for start, end, flag in zip(starts.tolist(), ends.tolist(), unicode.tolist(), strict=True):
            yield _decoded(self._bytes[start:end], flag)

    def find(self, wanted: Iterable[str]) -> dict[str, int]:
        """Where the records of those wanted names start that there are; of equal names the last counts, as in zipfile.

        Only names are decoded whose length and last eight bytes are those of a wanted one.
        """
        wanted = set(wanted)
        spellings = {spelling for name in wanted for spelling in _spellings(name)}
        keys = np.array([len(name) * int(ODD) + int.from_bytes(name[-8:], "little") & 2**64 - 1 for name in spellings], np.uint64)
        if not len(self._starts) or not len(keys):
            return {}
        lengths = _unsigned(self._bytes, 2)[self._starts + 28].astype(np.uint64)
        tails = _unsigned(self._bytes, 8)[self._starts + (RECORD.size - 8) + lengths.astype(np.int64)]
        tails >>= np.clip(64 - 8 * lengths.astype(np.int64), 0, 56).astype(np.uint64)
        keys.sort()
        there = lengths * ODD + tails
        nearest = keys[np.minimum(np.searchsorted(keys, there), len(keys) - 1)]
        found = {}
        for record in self._starts[nearest == there].tolist():
            _, flags, *fields = RECORD.unpack_from(self._bytes, record)
            name = _decoded(self._bytes[record + RECORD.size : record + RECORD.size + fields[4]], bool(flags & UTF8))
            if name in wanted:
                found[name] = record
        return found

    def entry(self, record: int) -> Entry:
        """The record at ``record``.

        Raises:
            BadImage: ``corrupt_member``: it contradicts itself.
        """
        _, flags, method, crc, packed, size, n_name, n_extra, _, disk, offset = RECORD.unpack_from(self._bytes, record)
        start = record + RECORD.size
        numbers = iter(_zip64(self._bytes[start + n_name : start + n_name + n_extra]))
        try:  # those fields that are full stand in the Zip64 extra field, in this order, 4.5.3
            size = next(numbers) if size == 0xFFFFFFFF else size
            packed = next(numbers) if packed == 0xFFFFFFFF else packed
            offset = next(numbers) if offset == 0xFFFFFFFF else offset
            disk = next(numbers) if disk == 0xFFFF else disk
        except StopIteration:
            raise corrupt("its Zip64 field is too short") from None
        if self._spanned and disk >= len(self.volumes.starts):
            raise corrupt(f"it starts in volume {disk + 1:,}")
        offset += self.volumes.starts[disk] if self._spanned else self._base
        return Entry(self._bytes[start : start + n_name], flags, method, crc, packed, size, offset)


def _unsigned(data: bytes, width: int) -> np.ndarray:
    """Little-endian numbers of so many bytes at *every* position, without a copy."""
    return np.ndarray(max(len(data) - width + 1, 0), f"<u{width}", data, strides=(1,))


def _record_starts(directory: bytes) -> np.ndarray:
    """Where each record of the central directory starts.

    Raises:
        ValueError: They do not follow each other to its end.
    """
    if not directory:
        return np.zeros(0, np.int64)
    signatures = _unsigned(directory, 4)
    step = 1 << 24  # numbers compared at a time
    blocks = [np.flatnonzero(signatures[at : at + step] == 0x02014B50) + at for at in range(0, len(signatures), step)]
    starts = np.concatenate(blocks) if blocks else np.zeros(0, np.int64)
    starts = starts[starts <= len(directory) - RECORD.size]  # what is nearer to the end stands in a comment
    short = _unsigned(directory, 2)
    ends = starts + RECORD.size + sum(short[starts + field].astype(np.int64) for field in (28, 30, 32))
    if np.array_equal(ends, [*starts[1:], len(directory)]):
        return starts
    after = dict(zip(starts.tolist(), ends.tolist(), strict=True))  # a signature inside a name or a comment
    chain, at = [], 0
    while at != len(directory):
        chain.append(at)
        if at not in after:
            raise ValueError("its directory is damaged")
        at = after[at]
    return np.array(chain)


def _zip64(extra: bytes) -> tuple[int, ...]:
    """Numbers of the Zip64 extra field, the last of 4 bytes if it is a volume's."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == 1:
            field = extra[4 : 4 + length]
            whole = len(field) // 8
            return struct.unpack(f"<{whole}Q" + ("L" if len(field) % 8 == 4 else f"{len(field) % 8}x"), field)
        extra = extra[4 + length :]
    return ()


def _decoded(name: bytes, unicode: bool) -> str:
    """A name as its flag says; bytes that are not UTF-8 become lone surrogates, which ``is_safe`` refuses."""
    return name.decode("utf-8", "surrogateescape") if unicode or name.isascii() else name.decode("cp437")


def _spellings(name: str) -> Iterator[bytes]:
    """The bytes by which a name can stand in a directory."""
    for code in ("utf-8", "cp437"):
        with suppress(UnicodeEncodeError):
            yield name.encode(code, "surrogateescape" if code == "utf-8" else "strict")
