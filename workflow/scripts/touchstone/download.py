"""One file over http or https: continued where it broke, tried again, never glued together of two files."""

from __future__ import annotations

import fcntl
import http.client
import os
import re
import shutil
import threading
import urllib.error
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from touchstone.credentials import bare
from touchstone.errors import TouchstoneError, writing
from touchstone.files import CHUNK, read_json, write_json
from touchstone.lists import whole_number
from touchstone.progress import Progress, size
from touchstone.web import PAUSE, STOPPED, TRIES, Again, Refused, ask, patiently

RESERVE = 100_000_000  # bytes a download leaves free on the disk


class Meter:
    """One progress for several downloads at once, and the word that they shall stop."""

    def __init__(self, progress: Progress):
        self.progress, self.stop = progress, threading.Event()
        self._files: dict[Path, tuple[int, int]] = {}
        self._lock = threading.Lock()
        progress.start(0, "bytes")

    def at(self, path: Path, done: int, total: int, found: bool = False) -> None:
        """``done`` of ``total`` bytes of ``path`` are there; ``found``: they were there before."""
        with self._lock:
            before, of = self._files.get(path, (0, 0))
            self._files[path] = (done, total)
            self.progress.total += total - of
            (self.progress.found if found else self.progress.advance)(done - before)

    def reading(self, path: Path) -> Callable[[int], None]:
        """What is told of every piece of a file that is read from its beginning."""
        total, done = path.stat().st_size, 0
        self.at(path, 0, total)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            self.at(path, done, total)

        return advance

    def say(self, text: str) -> None:
        with self._lock:
            self.progress.say(text)


def download(
    url: str,
    path: Path,
    meter: Meter,
    *,
    n_bytes: int | None = None,
    checked: bool = False,
    token: str | None = None,
    accept: Callable[[Path], None] = lambda part: None,
    tries: int = TRIES,
    pause: float = PAUSE,
) -> None:
    """Fetch ``url`` to ``path``, going on where an earlier try or run stopped.

    Bytes go to ``<path>.part``, which survives a kill; ``<path>.part.json`` notes the address and the
    server's name for this version of the file (ETag or date). Without such a name, and if nobody checks
    the checksum afterwards, what an earlier try brought is thrown away.

    Args:
        n_bytes: Size it must have; not a byte more is taken.
        checked: ``accept`` compares a checksum, so a part may be continued whatever the server says.
        token: Sent to the host of ``url`` only.
        accept: Looks at the complete file before it gets its name; raises if it is not the right one.

    Raises:
        Refused: The server will not give the file.
        TouchstoneError: It could not be had whole; what came so far is kept.
    """
    part = path.with_name(f"{path.name}.part")
    with writing(part):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _sole_writer(part, url), writing(part):
        patiently(
            lambda: _go_on(url, part, meter, path, n_bytes, checked, token),
            url,
            say=meter.say,
            stop=meter.stop,
            have=lambda: part.stat().st_size,
            tries=tries,
            pause=pause,
        )
        accept(part)
        os.replace(part, path)


def require_space(folder: Path, n_bytes: int) -> None:
    """Raise a TouchstoneError if ``n_bytes`` do not fit onto the disk that ``folder`` is on (or will be)."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if n_bytes > free - RESERVE:
        raise TouchstoneError(
            f"{size(n_bytes)} are to be fetched, and {size(free)} are free",
            where=there.absolute(),
            mend="make room, or run on another disk: --directory",
        )


def _go_on(url: str, part: Path, meter: Meter, path: Path, n_bytes: int | None, checked: bool, token: str | None) -> None:
    have = part.stat().st_size
    notes = read_json(_notes(part)) if _notes(part).exists() else {}
    version = notes.get("version") if notes.get("url") == url else None
    if (have and not (version or checked)) or (n_bytes is not None and have > n_bytes):
        have = 0
    headers = {}
    if have:
        headers = {"Range": f"bytes={have}-"} | ({"If-Range": version} if version else {})
    try:
        with ask(url, headers, token) as answer:
            have, total = _extent(answer, part, have, version)
            if n_bytes is not None and total is not None and total != n_bytes:
                raise Refused(
                    f"the file has {total:,} bytes on the server, its card says {n_bytes:,}", where=url, mend="correct the card"
                )
            limit = total if total is not None else n_bytes
            require_space(part.parent, (limit or 0) - have)
            write_json(_notes(part), {"url": url, "version": _version(answer)})
            meter.at(path, have, limit or have, found=True)
            _receive(answer, part, have, limit, lambda done: meter.at(path, done, limit or done), meter.stop)
    except urllib.error.HTTPError as error:  # 416
        if error.headers.get("Content-Range") != f"bytes */{have}":
            os.truncate(part, 0)
            raise Again("what an earlier run had fetched was not a beginning of this file", 0) from None
        meter.at(path, have, have, found=True)  # an earlier run was killed between the last byte and the renaming
        return
    done = part.stat().st_size
    if limit is not None and done < limit:
        raise Again(f"it ended after {done:,} of {limit:,} bytes")


def _extent(answer: http.client.HTTPResponse, part: Path, have: int, version: str | None) -> tuple[int, int | None]:
    """How many bytes of the part stay, and how many the whole has."""
    if answer.status != 206:
        return 0, whole_number(answer.headers.get("Content-Length", ""))
    span = re.fullmatch(r"bytes (\d{1,19})-\d+/(\d{1,19}|\*)", answer.headers.get("Content-Range", ""))
    if not span or int(span[1]) != have or (version and _version(answer) not in (None, version)):
        os.truncate(part, 0)  # some servers know Range but not If-Range
        raise Again("the file changed on the server; from the start", 0)
    return have, None if span[2] == "*" else int(span[2])


def _receive(
    answer: http.client.HTTPResponse, part: Path, have: int, limit: int | None, tell: Callable, stop: threading.Event
) -> None:
    looked = have
    with open(part, "r+b") as file:
        file.truncate(have)
        file.seek(have)
        broken = None
        while not broken:
            try:
                chunk = answer.read(CHUNK)
            except http.client.IncompleteRead as error:
                chunk, broken = error.partial, error
            if not chunk:
                break
            if limit is not None and have + len(chunk) > limit:
                raise Refused(
                    f"the server sends more than {limit:,} bytes", where=bare(answer.url), mend="check `source` in the card"
                )
            if limit is None and have - looked > 64 * CHUNK:
                require_space(part.parent, 64 * CHUNK)
                looked = have
            file.write(chunk)
            have += len(chunk)
            tell(have)
            if stop.is_set():
                raise TouchstoneError(STOPPED, where=bare(answer.url), mend="run again")
        file.flush()
        os.fsync(file.fileno())
    if broken:
        raise broken


def _version(answer: http.client.HTTPResponse) -> str | None:
    """What tells this version of the file from others: a strong ETag, else the date of the last change."""
    etag = answer.headers.get("ETag", "")
    return etag if etag.startswith('"') else answer.headers.get("Last-Modified")


def _notes(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


@contextmanager
def _sole_writer(part: Path, url: str) -> Iterator[None]:
    """Keep other processes off the part; the kernel forgets the lock when this one dies."""
    with open(part, "ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TouchstoneError(
                f"another process is fetching {url}", where=part, mend="let it finish, or end it; then run again"
            ) from None
        except OSError:  # some parallel file systems have no flock
            pass
        try:
            yield
        finally:
            if not part.exists() or not part.stat().st_size:
                part.unlink(missing_ok=True)
                _notes(part).unlink(missing_ok=True)
