"""Files that appear whole or not at all."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from touchstone.errors import TouchstoneError, writing

CHUNK = 1 << 20
LONG_AGO = 86_400  # seconds without a write, after which a temporary file of another machine is a dead one's


@contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; on success it is synced and renamed into place.

    The temporary name carries host and process id, so two jobs that make the same file never
    write into each other's work: the last rename wins and both are whole. On an exception the
    temporary file is removed and what stood at ``path`` stays. What killed processes left in the
    folder goes when the next one writes there.

    Raises:
        TouchstoneError: The system refuses to write: a full disk, a quota, a limit.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}.tmp")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _forget_the_dead(path.parent)
            yield temporary
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with suppress(OSError):  # it must not hide the error that stopped us
            temporary.unlink(missing_ok=True)


@cache
def _forget_the_dead(folder: Path) -> None:
    """Remove temporary files in ``folder`` whose process is dead; once for each process, as a folder may hold thousands.

    Processes of other machines cannot be asked; they write every now and then.
    """
    for left in folder.glob(".*.*.tmp"):
        ours, _, pid = left.name.removesuffix(".tmp").rpartition(".")
        with suppress(OSError):  # another process has removed it, or it is a folder
            if not pid.isdigit():
                continue
            if ours.endswith(f".{socket.gethostname()}"):
                dead = not Path("/proc", pid).exists()
            else:
                dead = time.time() - left.stat().st_mtime > LONG_AGO
            if dead:
                left.unlink()


@contextmanager
def sole_owner(folder: str | os.PathLike, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Hold ``folder`` (made if need be) for this process alone, waiting until others let go of it.

    The kernel drops the lock when the process dies, however it dies. The body may remove the
    folder. On a file system without locks this does not wait.

    Args:
        waiting: Called before the wait, if there is one.
    """
    lock = Path(folder, "lock")
    while True:
        lock.parent.mkdir(parents=True, exist_ok=True)
        with open(lock, "w") as file:
            with suppress(OSError):  # ENOLCK, ENOSYS: some parallel file systems have no flock
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    waiting()
                    fcntl.flock(file, fcntl.LOCK_EX)
            try:
                ours = os.path.samestat(os.fstat(file.fileno()), lock.stat())
            except FileNotFoundError:
                ours = False
            if ours:  # and not a file that the last owner has removed with the folder
                yield
                return


@contextmanager
def in_turn(folder: str | os.PathLike, say: Callable[[str], object]) -> Iterator[None]:
    """One process at a time works in ``folder``; those of other builds that share it wait, and ``say`` so."""
    turn = Path(folder, ".turn")
    with sole_owner(turn, lambda: say(f"another build is at work in {folder}; waiting for it")):
        try:
            yield
        finally:
            shutil.rmtree(turn, ignore_errors=True)


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
