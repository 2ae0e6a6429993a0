"""Real disks that are too small, as only root can mount them: full, over quota, or read-only until they are mended."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

Mend = Callable[..., None]


def _run(*command: object) -> None:
    done = subprocess.run([*map(str, command)], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{command[0]} is not possible here: {done.stderr.strip()}")


@contextmanager
def _mounted(folder: Path, *how: object) -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("mounting a disk needs root")
    folder.mkdir(parents=True)
    _run("mount", *how, folder)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path, n_bytes: int) -> Iterator[Mend]:
    """A disk of ``n_bytes`` at ``folder``; what is yielded makes it one of 2 GB, or of so many bytes as it is told."""
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={n_bytes}", "touchstone"):
        yield lambda n_bytes=2 << 30: _run("mount", "-o", f"remount,size={n_bytes}", folder)


@contextmanager
def over_quota(folder: Path, n_bytes: int) -> Iterator[Mend]:
    """A disk on which ``n_bytes`` may be used; what is yielded raises the quota."""
    if not shutil.which("mkfs.btrfs"):
        pytest.skip("a quota needs Debian's btrfs-progs")
    image = folder.with_name("image")
    with open(image, "wb") as file:
        file.truncate(128 << 20)
    _run("mkfs.btrfs", "-q", image)
    with _mounted(folder, "-o", "loop", image):
        _run("btrfs", "quota", "enable", folder)
        _run("btrfs", "qgroup", "limit", n_bytes, folder)
        yield lambda: _run("btrfs", "qgroup", "limit", "none", folder)


@contextmanager
def read_only(folder: Path, n_bytes: int) -> Iterator[Mend]:
    """A disk that can only be read; what is yielded makes it writable."""
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={n_bytes},ro", "touchstone"):
        yield lambda: _run("mount", "-o", "remount,rw,size=2g", folder)
