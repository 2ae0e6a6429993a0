"""A folder of image files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from touchstone.containers.base import Container, Contents, corrupt, is_safe, missing, too_large
from touchstone.images import BadImage


class Folder(Container):
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
