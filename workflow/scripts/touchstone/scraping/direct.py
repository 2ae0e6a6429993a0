"""The engine ``direct``: our own downloader, many connections on one thread of a process of its own.

The process reads addresses from standard input and writes an answer for each to standard output as
a frame. It ends when its input ends, so it never outlives the job.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from touchstone.errors import TouchstoneError
from touchstone.scraping import Answer, Fetch
from touchstone.scraping.frames import read_frame
from touchstone.scraping.surroundings import surroundings

LOG_LINES = 15


@contextmanager
def engine(settings: dict, scratch: Path, proxy: str | None) -> Iterator[Fetch]:
    """Start the downloader; see ``touchstone.scraping`` for what an engine is.

    Raises:
        TouchstoneError: The downloader ended before it had answered; its log is told.
    """
    about = {"engine": f"direct, aiohttp {version('aiohttp')}"}
    command = [sys.executable, "-m", "touchstone.scraping.downloader", json.dumps(settings)]
    log = scratch / "downloader.log"
    with open(log, "wb") as errors:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": errors}
        process = subprocess.Popen(command, env=surroundings(proxy), start_new_session=True, **streams)

    def fetch(asked: dict[int, str]) -> Iterator[Answer]:
        try:
            process.stdin.write(f"{json.dumps(list(asked.items()))}\n".encode())
            process.stdin.flush()
        except BrokenPipeError:
            pass  # told below
        for _ in asked:
            frame = read_frame(process.stdout)
            if not frame:
                tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
                raise TouchstoneError("\n    ".join(["the downloader ended; its log ends with", *tail]), log, "run again")
            head, data = frame
            yield Answer(head["row"], head["reason"], about | head["scrape"], data)

    try:
        yield fetch
    finally:
        process.kill()
        process.communicate()
