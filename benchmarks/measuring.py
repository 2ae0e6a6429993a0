"""What the benchmarks share: costs, the machine, and the page the figures stand on."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

from tests.building import HOME

RESULTS = HOME / "benchmarks/RESULTS.md"


@dataclass(frozen=True)
class Cost:
    """What one command or function took: wall time, and the most memory it held."""

    seconds: float
    n_bytes: int

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
    start = perf_counter()
    work(*arguments)
    seconds = perf_counter() - start
    status = Path("/proc/self/status").read_text(encoding="ascii")  # getrusage would count what the parent held, too
    return Cost(seconds, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024)


def machine() -> str:
    """What the figures were taken on."""
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    return (
        f"{os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), "
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
