"""The processes of a build, told apart by what they do, and found wherever they have been reparented to."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

MARK = "TOUCHSTONE_MARK"  # in the environment of everything that a build starts
KINDS = {  # what a process is, and what its command line holds
    "worker that paints": "touchstone.worker",
    "downloader": "touchstone.scraping.downloader",
    "img2dataset": "touchstone.scraping.guard",
    "script of a job": ".snakemake/scripts/",
}
SNAKEMAKE, WRITER, CHILD, ALL = "Snakemake", "writer, in the middle of a file", "child of img2dataset", "all at once"
EVERY = [SNAKEMAKE, *KINDS, CHILD, WRITER, ALL]
SOON = 8.0  # seconds to wait for a process of some kind; then another kind is killed


def processes(mark: str) -> dict[int, str]:
    """Living processes of a build and what each is; shells in between are not told."""
    found, parents = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if f"{MARK}={mark}".encode() not in (folder / "environ").read_bytes().split(b"\0"):
                continue
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            kinds = [kind for kind, word in KINDS.items() if word in command and not command.startswith(("/bin/", "bash"))]
            found[int(folder.name)] = kinds[0] if kinds else SNAKEMAKE if "-m snakemake" in command else ""
    for pid, parent in parents.items():
        if found.get(parent) in ("img2dataset", CHILD) and not found[pid]:
            found[pid] = CHILD
    return found


def writers(work: Path) -> set[int]:
    """Processes that have a file under a temporary name in their hands."""
    return {
        int(file.name.split(".")[-2])
        for top in ("results", "resources")
        for folder, _, names in os.walk(work / top)
        for file in map(Path, names)
        if file.name.endswith(".tmp") and f".{socket.gethostname()}." in file.name
    }


def kill_one(process: subprocess.Popen, mark: str, work: Path, kinds: dict[str, int], chance: random.Random) -> str | None:
    """Wait for a moment drawn by chance, then for a process of a kind drawn by chance, and kill it.

    Args:
        kinds: What may be killed, and how often it was; what was seldom is likelier.

    Returns:
        What was killed; None if the build ended before.
    """
    wanted = _draw(kinds, chance)
    moment = time.monotonic() + chance.uniform(0, 6)
    while process.poll() is None:
        now = time.monotonic()
        if now > moment:
            there = processes(mark)
            if wanted == WRITER:
                victims = sorted(writers(work) & there.keys())
            elif wanted in (SNAKEMAKE, ALL):
                victims = [process.pid]
            else:
                victims = sorted(pid for pid, kind in there.items() if kind == wanted)
            if victims:
                for pid in sorted(there) if wanted == ALL else [chance.choice(victims)]:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return wanted
            if now > moment + SOON:
                moment, wanted = now, _draw(kinds, chance)
        time.sleep(0.005)  # polls the kernel's list of processes; there is nothing to be told by
    return None


def _draw(kinds: dict[str, int], chance: random.Random) -> str:
    return chance.choices(list(kinds), [1 / (1 + count) ** 2 for count in kinds.values()])[0]
