"""Folders and archives that images are read out of, in place: nothing is unpacked to disk.

A container lists its members without reading them and hands out one member's bytes. Member names
are untrusted: readers skip those that are not safe, and a folder does not open them.
"""

from __future__ import annotations

import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from touchstone.errors import TouchstoneError
from touchstone.images import MAX_BYTES, BadImage


def is_safe(name: str) -> bool:
    """Whether a member name stays inside its container, and can be written down as UTF-8."""
    path = PurePosixPath(name)
    try:
        name.encode()
    except UnicodeEncodeError:  # os.walk gives bytes of other encodings as lone surrogates
        return False
    return bool(name) and "\\" not in name and "\0" not in name and not path.is_absolute() and ".." not in path.parts


class Folder:
    """A folder on disk; members are paths of regular files below it, in sorted order."""

    def __init__(self, path: Path):
        self.path = path

    def members(self) -> Iterator[str]:
        """Paths below the folder; links are not followed and not listed."""
        for folder, folders, files in os.walk(self.path, followlinks=False):
            folders.sort()
            for name in sorted(files):
                path = Path(folder, name)
                if path.is_file() and not path.is_symlink():
                    yield path.relative_to(self.path).as_posix()

    def read(self, member: str) -> bytes:
        """Bytes of one member.

        Raises:
            BadImage: ``missing_member`` or ``too_many_bytes``.
        """
        path = self.path / member
        if not is_safe(member) or not path.is_file() or not path.resolve().is_relative_to(self.path.resolve()):
            raise BadImage("missing_member", member)
        if path.stat().st_size > MAX_BYTES:
            raise BadImage("too_many_bytes", f"{path.stat().st_size:,} bytes")
        return path.read_bytes()

    def close(self) -> None:
        """Nothing is held open."""


class Zip:
    """A zip archive; members are listed from the central directory alone."""

    def __init__(self, path: Path):
        try:
            self.archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise TouchstoneError(f"the file is not a whole zip archive ({error})", where=path, mend="fetch it again") from None

    def members(self) -> Iterator[str]:
        """Names of all members but folders, in the order of the central directory."""
        for info in self.archive.infolist():
            if not info.filename.endswith("/"):  # info.is_dir() fails on an empty name
                yield info.filename

    def read(self, member: str) -> bytes:
        """Bytes of one member, its CRC checked.

        Raises:
            BadImage: ``missing_member``, ``corrupt_member`` or ``too_many_bytes``.
        """
        try:
            info = self.archive.getinfo(member)
        except KeyError:
            raise BadImage("missing_member", member) from None
        if info.file_size > MAX_BYTES:
            raise BadImage("too_many_bytes", f"{info.file_size:,} bytes")
        if not 0 <= info.header_offset < self.archive.start_dir:
            raise BadImage("corrupt_member", f"its place in the archive is {info.header_offset}")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # zipfile inflates the others without a limit: kilobytes become gigabytes
            raise BadImage("corrupt_member", f"compression method {info.compress_type} is not read, only store and deflate")
        try:
            with self.archive.open(info) as member:
                return member.read(info.file_size + 1)  # with no number, a lying size would not stop it
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
            raise BadImage("corrupt_member", f"{type(error).__name__}: {error}"[:200]) from None

    def close(self) -> None:
        self.archive.close()


def open_container(path: str | Path) -> Folder | Zip:
    """Open a folder or an archive for reading.

    Raises:
        TouchstoneError: There is nothing at ``path``, or it is no container we know.
    """
    path = Path(path)
    if path.is_dir():
        return Folder(path)
    if not path.exists():
        raise TouchstoneError(
            "a file of this origin is gone", where=path, mend="put it back, or fetch it again with --forcerun fetch_origin"
        )
    if path.suffix.lower() == ".zip":
        return Zip(path)
    raise TouchstoneError("no container of a kind we can read", where=path, mend="known: folders and .zip")


def is_container(path: str) -> bool:
    """Whether a card's ``files`` entry holds images (and not a table)."""
    return path.endswith(("/", ".zip"))
