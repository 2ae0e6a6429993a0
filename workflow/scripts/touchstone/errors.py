"""The one error a user is meant to read: what is wrong, where, and how to mend it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

AGAIN = "run again; what is done is kept"
SYSTEM = {  # errno → what is wrong, how to mend it
    errno.ENOSPC: ("the disk is full", f"make room and {AGAIN}"),
    errno.EDQUOT: ("your quota of bytes or files on this disk is used up", f"make room or have it raised, and {AGAIN}"),
    errno.EFBIG: ("a file may not grow as large as this one must", f"raise the limit (ulimit -f) and {AGAIN}"),
    errno.EROFS: ("this can only be read", f"have it made writable, or build elsewhere (--directory), and {AGAIN}"),
    errno.EACCES: ("this is not permitted to you", f"have its permissions changed and {AGAIN}"),
    errno.EPERM: ("this is not permitted to you", f"have its permissions changed and {AGAIN}"),
    errno.EMFILE: ("the process may open no more files", f"raise the limit (ulimit -n) and {AGAIN}"),
    errno.ENFILE: ("this machine can open no more files", f"end what holds them and {AGAIN}"),
    errno.EIO: ("the disk does not read or write", "have the disk looked at; then run again"),
    errno.ESTALE: ("the file system lost sight of the file", AGAIN),
}


class TouchstoneError(Exception):
    """A mistake in the input or the surroundings, not in the code.

    Args:
        what: What is wrong, in one sentence.
        where: File, card, key or row it was found in.
        mend: What to do about it.
    """

    def __init__(self, what: str, where: object = None, mend: str | None = None):
        self.what, self.where, self.mend = what, where, mend
        lines = [what]
        if where is not None:
            lines.append(f"  where: {where}")
        if mend:
            lines.append(f"  mend:  {mend}")
        super().__init__("\n".join(lines))


def refused_by_system(error: OSError, where: object = None) -> TouchstoneError | None:
    """The error as a user can act on it, or None if it is not one of ``SYSTEM``.

    Args:
        where: What was being done, for errors that do not name a file.
    """
    if error.errno not in SYSTEM:
        return None
    what, mend = SYSTEM[error.errno]
    return TouchstoneError(f"{what} ({os.strerror(error.errno)})", error.filename or where, mend)


def out_of_memory(where: object) -> TouchstoneError:
    """That the machine has not the memory a step needs, as a user can act on it."""
    more = "raise the limit (ulimit -v; on a cluster mem_mb, which a retry doubles)"
    return TouchstoneError("there is not enough memory", where, f"run fewer jobs at once (--cores), or {more}, and {AGAIN}")


@contextmanager
def writing(where: object) -> Iterator[None]:
    """What the system refuses while the body writes ``where`` is told as a user can act on it."""
    try:
        yield
    except OSError as error:
        if told := refused_by_system(error, where):
            raise told from error
        raise
