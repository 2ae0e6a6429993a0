"""Files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from touchstone.errors import TouchstoneError

CHUNK = 1 << 20


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced and renamed into place.

    The temporary name carries host and process id, so two jobs that make the same file never
    write into each other's work: the last rename wins and both are whole. On an exception the
    temporary file is removed and what stood at ``path`` stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def sole_owner(folder: str | os.PathLike) -> Iterator[None]:
    """Hold ``folder`` (made if need be) for this process alone, waiting until others let go of it.

    The kernel drops the lock when the process dies, however it dies. The body may remove the
    folder. On a file system without locks this does not wait.
    """
    lock = Path(folder, "lock")
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with open(lock, "w") as file:
            with suppress(OSError):  # ENOLCK, ENOSYS: some parallel file systems have no flock
                fcntl.flock(file, fcntl.LOCK_EX)
            try:
                ours = os.path.samestat(os.fstat(file.fileno()), lock.stat())
            except FileNotFoundError:
                ours = False
            if ours:  # and not a file that the last owner has removed with the folder
                yield
                return


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path``, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: str | os.PathLike, value: object) -> None:
    """Write ``value`` as indented JSON with sorted keys to ``path``, atomically."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def read_json(path: str | os.PathLike) -> dict:
    """Read a JSON file this workflow wrote.

    Raises:
        TouchstoneError: It is not what was written.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise TouchstoneError(
            f"the file is damaged ({error})", where=path, mend=f"delete it and run again, which makes it anew: rm {path}"
        ) from None


def sha256_of(path: str | os.PathLike, advance: Callable[[int], object] | None = None) -> str:
    """SHA-256 of a file's bytes, in hexadecimal; ``advance`` is told the bytes read so far by steps."""
    return digests_of(path, ["sha256"], advance)["sha256"]


def digests_of(path: str | os.PathLike, kinds: Iterable[str], advance: Callable[[int], object] | None = None) -> dict[str, str]:
    """Checksums of a file in one pass, by kind: ``sha256``, ``sha1``, ``md5``, or ``git`` as git names a blob."""
    digests = {kind: hashlib.new("sha1" if kind == "git" else kind, usedforsecurity=False) for kind in kinds}
    if "git" in digests:
        digests["git"].update(b"blob %d\0" % Path(path).stat().st_size)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            for digest in digests.values():
                digest.update(chunk)
            if advance:
                advance(len(chunk))
    return {kind: digest.hexdigest() for kind, digest in digests.items()}


def bytes_read() -> int:
    """Bytes that this process has read so far, from disk or the system's cache, as the kernel counts them; 0 if it does not."""
    try:
        return int(Path("/proc/self/io").read_text(encoding="ascii").split()[1])
    except OSError:
        return 0
