"""One build at a time in a folder, and what a killed one left is in nobody's way.

Snakemake's own lock is files: a killed process leaves them behind, and any other Snakemake that ends in the folder
removes them. These here are locks of the kernel, which end with the process that holds them, however it ends. On a file
system without such locks Snakemake's are what there is.

Imported when planning, so it needs the standard library only.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import re
import shutil
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from touchstone.clock import set_back
from touchstone.errors import TouchstoneError, writing

BUILD = Path(".snakemake/build")  # held by the Snakemake that builds; it says who that is
JOBS = Path(".snakemake/jobs")  # held by every process of a job, together
SHARD = re.compile(r"results/[^/]+/origins/[^/]+/[^/]+-\d{5}\.parquet")
WHO = "process {pid} on {host}, since {since}"

_held: list[TextIO] = []  # an open file is its lock


def look() -> str:
    """Who builds in this folder, or "". What a killed Snakemake left goes, if nobody holds our lock: its doubts about shards
    that are there, its own locks if it was of this machine, and its copies of scripts.

    A kernel may know only the locks of its own machine, so those that came from another stay for a person to judge.
    """
    with suppress(OSError), open(BUILD, "r+", encoding="utf-8") as file:
        last = _who(file)
        try:
            if _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
                _keep_shards()
                if last["host"] == socket.gethostname():
                    shutil.rmtree(BUILD.with_name("locks"), ignore_errors=True)
                if not _jobs_are_left():
                    shutil.rmtree(BUILD.with_name("scripts"), ignore_errors=True)  # copies of ours, of jobs that were killed
        except BlockingIOError:
            return WHO.format(**last)
    return ""


def _keep_shards() -> None:
    """Have Snakemake keep take shards that were finished when nobody was there to note it: they appear whole or not at all."""
    for folder, _, names in os.walk(BUILD.with_name("incomplete")):
        for name in names:
            parts = Path(folder, name).relative_to(BUILD.with_name("incomplete")).parts  # long names are cut into folders
            with suppress(ValueError):  # a name that Snakemake did not give, such as .nfs...
                made = base64.urlsafe_b64decode("".join(part.removeprefix("@") for part in parts)).decode(errors="replace")
                if SHARD.fullmatch(made) and Path(made).exists():
                    Path(folder, name).unlink(missing_ok=True)


def begin() -> None:
    """Be the one build of this folder until the process ends.

    Jobs that a killed build left at work are let finish; then this process starts over, to see what they made. Otherwise
    it would start them once more beside themselves, and throw away what they have finished.

    Raises:
        TouchstoneError: Another build is at work here.
    """
    with writing(Path.cwd()):
        BUILD.parent.mkdir(exist_ok=True)
        file = open(BUILD, "a+", encoding="utf-8")  # noqa: SIM115 - open until the process ends
    try:
        if not _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB):
            return
    except BlockingIOError:
        raise TouchstoneError(
            f"another build is at work in this folder: {WHO.format(**_who(file))}",
            where=Path.cwd(),
            mend="let it finish, or end it and start again; beside it, build in another folder: --directory",
        ) from None
    _held.append(file)
    file.truncate(0)
    file.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": time.strftime("%Y-%m-%d %H:%M")}))
    file.flush()
    if _jobs_are_left():
        _wait_for_jobs()
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - ourselves
    if count := set_back(("results", "resources"), now=BUILD):
        print(f"{count} files were from the future, of a clock that was ahead; they are of now", file=sys.stderr, flush=True)


def at_work() -> None:
    """Say, until this process ends, that it belongs to a job; nothing where no Snakemake runs."""
    with suppress(OSError):
        file = open(JOBS, "a", encoding="utf-8")  # noqa: SIM115 - open until the process ends
        if _lock(file, fcntl.LOCK_SH):
            _held.append(file)


def _wait_for_jobs() -> None:
    with open(JOBS, "a", encoding="utf-8") as file:
        said = "waiting for jobs that an earlier build left at work; what they make is kept"
        print(f"{said} (fuser {JOBS.absolute()} names them, should they hang)", file=sys.stderr, flush=True)
        _lock(file, fcntl.LOCK_EX)


def _jobs_are_left() -> bool:
    with open(JOBS, "a", encoding="utf-8") as file:
        try:
            _lock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _lock(file: TextIO, how: int) -> bool:
    """Whether the file system could lock it.

    Raises:
        BlockingIOError: Another process holds it.
    """
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        raise
    except OSError:  # ENOLCK, ENOSYS: some parallel file systems have no flock
        return False
    return True


def _who(file: TextIO) -> dict:
    file.seek(0)
    try:
        return json.loads(file.read())
    except ValueError:  # it is just being written
        return {"host": "?", "pid": "?", "since": "just now"}
