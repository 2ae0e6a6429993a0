"""An archive in one file or several, read by position as if it were one."""

from __future__ import annotations

import io
import os
import re
import threading
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from touchstone.errors import TouchstoneError, refused_by_system


class Volumes(io.RawIOBase):
    """Files one after the other; a readable, seekable stream, and ``read_at`` for single reads by any thread."""

    def __init__(self, paths: Sequence[Path]):
        self.paths = list(paths)
        self.sizes = [path.stat().st_size for path in self.paths]
        self.starts = [0, *accumulate(self.sizes)]  # one more than there are files: the end of the last
        self.size = self.starts.pop()
        self._files: dict[int, int] = {}
        self._opening = threading.Lock()
        self._position = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to ``length`` bytes from ``offset``; fewer only where the last file ends."""
        if not 0 <= offset < self.size:
            return b""
        parts = []
        number = bisect_right(self.starts, offset) - 1
        while length > 0 and number < len(self.paths):
            part = os.pread(self._file(number), length, offset - self.starts[number])
            parts.append(part)
            offset += len(part)
            length -= len(part)
            if offset >= self.starts[number] + self.sizes[number]:
                number += 1
            elif not part:  # the file was cut while we read it
                break
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._position = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        return self._position

    def tell(self) -> int:
        return self._position

    def readinto(self, buffer: memoryview) -> int:
        data = self.read_at(self._position, len(buffer))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        for file in self._files.values():
            os.close(file)
        self._files = {}
        super().close()

    def _file(self, number: int) -> int:
        with self._opening:
            if number not in self._files:
                self._files[number] = os.open(self.paths[number], os.O_RDONLY | os.O_CLOEXEC)
            return self._files[number]


def numbered(path: Path) -> list[Path]:
    """``path`` and, if it ends in ``.001``, the volumes ``.002 ...`` beside it.

    Raises:
        TouchstoneError: One of them is missing. That the last is cannot be seen here.
    """
    if not path.name.endswith(".001"):
        return [path]
    stem = path.name.removesuffix("001")
    found = {
        int(other.name[len(stem) :]) for other in path.parent.iterdir() if re.fullmatch(re.escape(stem) + r"\d{3,5}", other.name)
    }
    return present([path.with_name(f"{stem}{number:03}") for number in range(1, max(found) + 1)])


def present(paths: list[Path]) -> list[Path]:
    """``paths``, all of which are there.

    Raises:
        TouchstoneError: Some are not; they are named.
    """
    gone = [path.name for path in paths if not path.exists()]
    if gone:
        raise TouchstoneError(
            f"the archive lacks {len(gone)} of its {len(paths)} volumes: {', '.join(gone)}",
            where=paths[-1].parent,
            mend="fetch what is missing; all volumes lie in one folder, and the card lists them all under `files`",
        )
    return paths


def not_whole(path: Path, kind: str, why: object) -> TouchstoneError:
    """The error of an archive that is damaged or not what its name says, or that the system does not let us read."""
    if isinstance(why, OSError) and (told := refused_by_system(why, path)):
        return told
    why = f"{type(why).__name__}: {why}" if isinstance(why, Exception) else why
    volumes = ", and look whether a volume is missing" if re.search(r"\.\d+$", path.name) else ""
    return TouchstoneError(f"the file is not a whole {kind} archive ({why})", where=path, mend=f"fetch it again{volumes}")
