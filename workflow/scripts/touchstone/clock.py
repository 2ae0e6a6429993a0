"""Files from the future: made while a clock was ahead, by a node with another time or before a clock was set right.

Snakemake compares the times of files. Until the clock has caught up, it fails every job that reads one of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

STEP = 1_000_000  # nanoseconds between files that keep their order; no file system tells less apart


def set_back(folders: Iterable[str | os.PathLike], now: Path) -> int:
    """Have the files and folders below ``folders`` that are from the future be made just now, in the order they were.

    Links are passed over: what they lead to is not ours.

    Args:
        now: A file that has just been written; its time is that of the disk's own clock.

    Returns:
        How many there were.
    """
    present = now.stat().st_mtime_ns
    ahead = []
    for top in folders:
        for folder, below, files in os.walk(top):
            for path in (Path(folder, name) for name in (*below, *files)):
                with suppress(FileNotFoundError):
                    state = path.lstat()
                    if state.st_mtime_ns > present and not path.is_symlink():
                        ahead.append((state.st_mtime_ns, str(path)))
    start = present - STEP * len({when for when, _ in ahead})
    last = None
    for when, path in sorted(ahead):
        start += STEP * (when != last)
        last = when
        os.utime(path, ns=(start, start))
    return len(ahead)
