"""A folder of image files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from touchstone.containers.base import Container, Contents, corrupt, is_safe, missing, too_large
from touchstone.errors import TouchstoneError
from touchstone.images import BadImage


class Folder(Container):
    """A folder on disk; members are paths of regular files below it, in sorted order."""

    def __init__(self, path: Path):
        self.path = path

    def members(self) -> Iterator[str]:
        """Paths below the folder; links are not followed and not listed.

        Raises:
            TouchstoneError: A folder cannot be read.
        """
        below = [""]
        while below:
            folder = below.pop()
            try:
                with os.scandir(self.path / folder) as found:  # knows what a name is without asking for each
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                raise TouchstoneError(
                    f"a folder of this origin cannot be read: {error.strerror}", where=self.path / folder, mend="make it readable"
                ) from None
            yield from (folder + entry.name for entry in entries if entry.is_file(follow_symlinks=False))
            below += [f"{folder}{entry.name}/" for entry in reversed(entries) if entry.is_dir(follow_symlinks=False)]

    def read_many(self, wanted: Iterable[str]) -> Contents:
        for member in sorted(set(wanted)):
            yield member, self._read(member)

    def _read(self, member: str) -> bytes | BadImage:
        path = self.path / member
        if not is_safe(member) or not path.is_file() or not path.resolve().is_relative_to(self.path.resolve()):
            return missing(member)
        try:
            return too_large(path.stat().st_size) or path.read_bytes()
        except OSError as error:
            return corrupt(error)
