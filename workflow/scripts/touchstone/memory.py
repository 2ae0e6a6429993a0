"""How the process asks the system for memory."""

from __future__ import annotations

import ctypes
import mmap

LARGEST = 2 << 30  # bytes: more than any image within the limits of ``images`` needs
MMAP_THRESHOLD, TRIM_THRESHOLD = -3, -1  # numbers of malloc.h


def keep_freed_memory() -> None:
    """Let each thread keep up to 64 MB that a picture took for the next one. To be called before there are pictures.

    By default glibc gives buffers of a megabyte back and asks for them anew. With some threads the kernel then spends
    up to half as long on clearing pages as the decoder on filling them. Without glibc nothing happens.
    Source: mallopt(3); 32 MB is the largest threshold of mmap that glibc accepts.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(MMAP_THRESHOLD, 32 << 20)
        mallopt(TRIM_THRESHOLD, 64 << 20)


def is_short() -> bool:
    """Whether there is no room for even the largest image, so that a ``MemoryError`` is no fault of what was read."""
    try:
        mmap.mmap(-1, LARGEST).close()  # address space only; no page is touched
    except OSError:
        return True
    return False
