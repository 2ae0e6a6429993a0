"""What the benchmarks share: costs, the machine, and the page the figures stand on."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
import resource
import subprocess
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time

from tests.building import HOME

RESULTS = HOME / "benchmarks/RESULTS.md"


@dataclass(frozen=True)
class Cost:
    """What one command or function took: wall time, and the most memory it held."""

    seconds: float
    n_bytes: int
    processor: float = 0.0  # seconds, of all threads; less moved by what else the machine does

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.n_bytes / 1e6:.0f} MB"


def fastest_of(runs: int, works: dict[str, tuple]) -> dict[str, Cost]:
    """The fastest of so many calls of each ``(function, *arguments)``, taken in turns, each in a process of its own."""
    costs = [{name: cost_of(*work) for name, work in works.items()} for _ in range(runs)]
    return {name: min((run[name] for run in costs), key=lambda cost: cost.seconds) for name in works}


def cost_of(work: Callable, *arguments: object) -> Cost:
    """Call ``work`` in a new process; its time without the start and the imports."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_timed, work, *arguments).result()


def _timed(work: Callable, *arguments: object) -> Cost:
    start, used = perf_counter(), process_time()
    work(*arguments)
    seconds, used = perf_counter() - start, process_time() - used
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage would count what the parent held, too
    return Cost(seconds, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024, used)


@dataclass(frozen=True)
class Spent:
    """What a command took with all its processes: seconds of wall time and of CPU, the most memory they held, bytes written."""

    seconds: float
    cpu: float
    n_bytes: int
    written: int


def spent_by(command: list[str], log: Path, folder: Path = HOME, environment: dict | None = None) -> Spent:
    """Run a command to its end, which must be a good one; what it prints goes to ``log``.

    Bytes written are those that the kernel has to bring to a disk, also of files that are deleted later.
    """
    before, start, most = _written(), perf_counter(), 0
    with open(log, "wb") as sink:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=sink, stderr=sink)
        done = threading.Event()

        def watch() -> None:
            nonlocal most
            while not done.wait(0.1):
                most = max(most, held(process.pid))

        thread = threading.Thread(target=watch)
        thread.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - start
        done.set()
        thread.join()
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")
    return Spent(seconds, usage.ru_utime + usage.ru_stime, most, _written() - before)


def held(process: int) -> int:
    """Bytes of memory that a process and all below it hold, what they share counted once for each."""
    parents, sizes = {}, {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)], sizes[int(path.parent.name)] = int(fields[1]), int(fields[21]) * resource.getpagesize()
    below = {process}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(sizes.get(each, 0) for each in below)


def _written() -> int:
    """Bytes that this process and all that it has waited for wrote, as the kernel counts them."""
    text = Path("/proc/self/io").read_text(encoding="ascii")
    return int(re.search(r"^write_bytes: (\d+)$", text, re.MULTILINE)[1])


def cores() -> int:
    """Cores that this process may use; `taskset` gives it fewer than there are."""
    return len(os.sched_getaffinity(0))


def machine() -> str:
    """What the figures were taken on."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return (
        f"{cores()} cores ({cpu[1] if cpu else platform.machine()}), "
        f"Python {platform.python_version()}, Snakemake {version('snakemake')}"
    )


def write(section: str, text: str) -> None:
    """Replace one section of RESULTS.md, which stands between two comments."""
    begin, end = f"<!-- {section} -->\n", f"<!-- /{section} -->"
    before, rest = RESULTS.read_text(encoding="utf-8").split(begin)
    RESULTS.write_text(f"{before}{begin}{text}\n{end}{rest.split(end)[1]}", encoding="utf-8")


def main(section: str, about: str, results: Callable[[], str]) -> None:
    """The command line of a benchmark: print ``results``, and write them where that is asked for."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    table = results()
    print(table)
    if arguments.write:
        write(section, table)
