"""Tar archives: plain ones read in place, compressed ones as one stream."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pyarrow as pa

from touchstone.containers.base import Container, Contents, corrupt, missing, too_large
from touchstone.containers.streams import CHUNK, Decoded, Plain, decompressed
from touchstone.containers.tar_headers import BadTar, Member, members
from touchstone.containers.volumes import Volumes, not_whole, numbered
from touchstone.images import BadImage

# whatever gzip, bz2, lzma and Arrow raise on damaged input
DAMAGE = (BadTar, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, pa.ArrowException)
MEMORY = 1 << 30  # bytes an xz stream may ask for


class Tar(Container):
    """A tar that is not compressed, in one file or in ``.tar.001 ...``.

    Tar has checksums of its headers and none of its data: a flipped bit in an image is found when it is decoded, or never.
    """

    def __init__(self, path: Path):
        self.path = path
        self.volumes = Volumes(numbered(path))

    def members(self) -> Iterator[str]:
        """Names of regular files; links, devices and folders are no members.

        Raises:
            TouchstoneError: The archive is not whole.
        """
        return (member.name for member in self._members())

    def _members(self) -> Iterator[Member]:
        try:
            for member in members(Plain(self.volumes)):
                if member.data + member.size > self.volumes.size:
                    raise BadTar(f"it ends inside of {member.name!r}")
                yield member
        except DAMAGE as error:
            raise not_whole(self.path, "tar", error) from None

    def read_many(self, wanted: Iterable[str]) -> Contents:
        names = set(wanted)
        found = {member.name: member for member in self._members() if member.name in names}
        yield from ((name, missing(name)) for name in sorted(names - found.keys()))
        for member in sorted(found.values(), key=_position):
            yield member.name, too_large(member.size) or self._read(member)

    def _read(self, member: Member) -> bytes | BadImage:
        data = self.volumes.read_at(member.data, member.size)
        return data if len(data) == member.size else corrupt("the archive ends inside it")

    def close(self) -> None:
        self.volumes.close()


class CompressedTar(Container):
    """A tar in gzip, bzip2, xz or Zstandard, which can only be read from its beginning.

    Every listing and every ``read_many`` decompresses all of it; bytes that are not wanted are dropped.
    """

    def __init__(self, path: Path):
        self.path = path
        self.paths = numbered(path)

    def members(self) -> Iterator[str]:
        """Names of regular files; this decompresses all of the archive.

        Raises:
            TouchstoneError: The archive is not whole.
        """
        try:
            with Volumes(self.paths) as volumes:
                for member in members(Decoded(_decompressed(volumes))):
                    yield member.name
        except DAMAGE as error:
            raise not_whole(self.path, "tar", error) from None

    def read_many(self, wanted: Iterable[str]) -> Contents:
        wanted, given = set(wanted), set()
        failure = None
        try:
            with Volumes(self.paths) as volumes:
                stream = Decoded(_decompressed(volumes))
                for member in members(stream):
                    if member.name in wanted:
                        data = too_large(member.size) or stream.read(member.size)
                        if isinstance(data, bytes) and len(data) < member.size:
                            raise EOFError("the archive ends inside a member")
                        given.add(member.name)
                        yield member.name, data
        except DAMAGE as error:
            failure = error
        for name in sorted(wanted - given):
            yield name, corrupt(failure) if failure else missing(name)


def _position(member: Member) -> int:
    return member.data


def _decompressed(volumes: Volumes) -> Callable[[int], bytes]:
    """A function that gives the next ``n`` decompressed bytes, of the format the first bytes tell."""
    start = volumes.read_at(0, 6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=io.BufferedReader(volumes, CHUNK)).read
    if start.startswith(b"BZh"):
        return decompressed(volumes.read, bz2.BZ2Decompressor)
    if start.startswith(b"\xfd7zXZ\0"):
        return decompressed(volumes.read, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY))
    return pa.CompressedInputStream(pa.PythonFile(volumes, mode="r"), "zstd").read
