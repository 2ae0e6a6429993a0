"""Reading spoilt inputs in a process with limits, and making what does harm small."""

from __future__ import annotations

import faulthandler
import hashlib
import os
import random
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import CORPUS, HOME, MEMORY, SECONDS, TARGETS, Target

EDGES = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63, 2**64 - 1]
LARGEST = 200_000  # bytes of an input
QUICK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - where syncing a file takes no time
HARM = 77  # exit status of a process in which something was raised that should not be


@dataclass
class Found:
    """What a search came to; ``harm`` is what went wrong, ``kept`` the input that did it."""

    target: str
    runs: int
    seconds: float
    harm: str = ""
    kept: Path | None = None

    def __str__(self) -> str:
        told = f"{self.target:<16}{self.runs:>9,} inputs in {self.seconds:.0f} s"
        return f"{told}: {self.harm}\n    {self.kept}" if self.harm else told


def search(name: str, *, seed: int, seconds: float = 1e9, runs: int = 10**12, keep: Path = CORPUS) -> Found:
    """Spoil inputs of a target for so many seconds or runs, whichever is first, in a process of its own."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        done, told = _child(folder, name, ["search", str(seed), str(seconds), str(runs)])
        count = Path(folder, "count")
        found = Found(name, int(count.read_text() or 0) if count.exists() else 0, time.monotonic() - started)
        if done == 0:
            return found
        data = Path(folder, "input").read_bytes()
        data = _smaller(folder, name, data, deadline=time.monotonic() + 60)
        found.harm = told
        found.kept = keep / name / hashlib.sha256(data).hexdigest()[:12]
        found.kept.parent.mkdir(parents=True, exist_ok=True)
        found.kept.write_bytes(data)
        return found


def does_harm(name: str, data: bytes) -> str:
    """What goes wrong when ``data`` is read; empty if nothing."""
    with tempfile.TemporaryDirectory(dir=QUICK) as folder:
        Path(folder, "input").write_bytes(data)
        done, told = _child(folder, name, ["read"])
        return told if done else ""


def _child(folder: str, name: str, words: list[str]) -> tuple[int, str]:
    """Exit status and last line of a process that reads inputs; a signal says which limit it was."""
    paths = os.pathsep.join([str(HOME), str(HOME / "workflow/scripts"), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", "tests.fuzz.running", folder, name, *words]
    environment = os.environ | {"PYTHONPATH": paths, "TMPDIR": folder, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=HOME, env=environment, capture_output=True, text=True, errors="replace")
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    own = [line.strip() for line in lines if "/touchstone/" in line][-1:]
    told = f"{lines[-1][:300] if lines else 'died'} {own[0] if own else ''}"
    if done.returncode == -signal.SIGALRM:
        told = f"took more than {SECONDS} s"
    elif done.returncode not in (0, HARM) and done.returncode > 0:
        raise RuntimeError(done.stderr[-3000:])
    elif done.returncode < 0:
        told = f"killed by {signal.Signals(-done.returncode).name}: {told}"
    return done.returncode, told.strip()


def _smaller(folder: str, name: str, data: bytes, deadline: float) -> bytes:
    """Cut pieces out of ``data`` while it does the same sort of harm."""
    if not does_harm(name, data):
        return data
    piece = len(data) // 2
    while piece:
        at = 0
        while at < len(data) and time.monotonic() < deadline:
            shorter = data[:at] + data[at + piece :]
            if does_harm(name, shorter):
                data = shorter
            else:
                at += piece
        piece //= 2
    return data


def spoilt(random: random.Random, target: Target, seeds: list[bytes]) -> bytes:
    """A good input, or two, with a few changes."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.choice((1, 1, 2, 3, 5, 9))):
        at = int(random.random() ** 2 * (len(data) + 1)) if random.random() < 0.5 else random.randint(0, len(data))
        length = int(random.random() ** 3 * len(data))
        match random.randint(0, 8):
            case 0:
                data[at : at + 1] = bytes([random.randrange(256)])
            case 1 if data:
                data[min(at, len(data) - 1)] ^= 1 << random.randrange(8)
            case 2:
                width = random.choice("BHLQ")
                value = (random.choice(EDGES) + random.randint(-1, 1)) % 2 ** (8 * struct.calcsize("<" + width))
                new = struct.pack(random.choice("<>") + width, value)
                data[at : at + len(new)] = new
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = data[at : at + length] * random.choice((1, 1, 2, 30))
            case 5:
                other = random.choice(seeds)
                start = random.randint(0, len(other))
                data[at : at + length] = other[start : start + random.randint(0, 200)]
            case 6 if target.words:
                data[at:at] = random.choice(target.words) * random.choice((1, 1, 1, 2, 500))
            case 7:
                del data[at:]
            case _:
                data[at:at] = random.choice((b"\0", b"0", b"9", b"\xff", b"-", b" ", b"\n")) * random.choice((1, 2, 20, 5000))
    return bytes(data[:LARGEST])


def _limit() -> None:
    """Address space beyond what is mapped already, and a death by SIGALRM for each input that takes too long."""
    faulthandler.enable()
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _watched(target: Target, place: Path, data: bytes) -> None:
    place.write_bytes(data)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        target.run(data)
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(HARM)
    signal.setitimer(signal.ITIMER_REAL, 0)


def _search(name: str, folder: Path, seed: int, seconds: float, runs: int) -> None:
    target = TARGETS[name]
    seeds = target.seeds()
    kept = CORPUS / name
    seeds += [path.read_bytes() for path in sorted(kept.iterdir())] if kept.exists() else []
    _limit()
    chance, end = random.Random(f"{name} {seed}"), time.monotonic() + seconds  # noqa: S311
    number = 0
    try:
        while number < runs and time.monotonic() < end:
            _watched(target, folder / "input", seeds[number] if number < len(seeds) else spoilt(chance, target, seeds))
            number += 1
            if number % 100 == 0:
                (folder / "count").write_text(str(number))
    finally:
        (folder / "count").write_text(str(number))


def _guided(name: str, folder: Path, seed: int, seconds: float) -> None:
    """The same search, led by atheris: inputs that reach new lines of the package are spoilt further."""
    import atheris

    target, corpus = TARGETS[name], folder / "corpus"
    corpus.mkdir()
    for number, data in enumerate(target.seeds()):
        (corpus / str(number)).write_bytes(data)
    _limit()
    count = 0

    def one(data: bytes) -> None:
        nonlocal count
        count += 1
        if count % 100 == 0:
            (folder / "count").write_text(str(count))
        _watched(target, folder / "input", data)

    options = [
        f"-max_total_time={int(seconds)}",
        f"-seed={seed % 2**31}",
        f"-max_len={LARGEST}",
        "-verbosity=0",
        "-rss_limit_mb=0",
    ]
    atheris.Setup([name, *options, str(corpus)], one)
    atheris.Fuzz()


def _main(folder: str, name: str, what: str, *rest: str) -> None:
    if what == "read":
        TARGETS[name].seeds()
        _limit()
        _watched(TARGETS[name], Path(folder, "again"), Path(folder, "input").read_bytes())
        return
    seed, seconds, runs = int(rest[0]), float(rest[1]), int(rest[2])
    if runs >= 10**12 and _instrumented():
        _guided(name, Path(folder), seed, seconds)
    else:
        _search(name, Path(folder), seed, seconds, runs)


def _instrumented() -> bool:
    """Whether atheris is there; if so the modules of the package count the lines that are reached."""
    try:
        import atheris
    except ImportError:
        return False
    for module in [module for name, module in sys.modules.items() if name.startswith("touchstone.") and module]:
        own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
        for value in [*own, *(method for each in own if isinstance(each, type) for method in vars(each).values())]:
            if hasattr(value, "__code__"):
                value.__code__ = atheris.instrument_func(value).__code__
    return True


if __name__ == "__main__":
    _main(*sys.argv[1:])
