"""Progress that reads well on a terminal and in a Slurm log file: whole lines, seldom."""

from __future__ import annotations

import sys
import time
from typing import TextIO

FIRST_LINE = 2.0  # seconds until a job that is still running says so
INTERVAL = 10.0  # seconds between its further lines


def clock(seconds: float) -> str:
    """``75`` → ``1:15``; ``3700`` → ``1:01:40``."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


class Progress:
    """Counts the items of one job and prints a line now and then.

    Args:
        step: Step of the data flow, such as ``take``.
        subject: What it works on, such as ``demo_sd/tiny_sd-00001``.
        streams: Where lines go; the terminal and the job's log.
    """

    def __init__(self, step: str, subject: str = "", streams: tuple[TextIO, ...] = (sys.stderr,)):
        self.step, self.subject, self.streams = step, subject, streams
        self.done, self.total, self.unit = 0, 0, "items"
        self.started = time.monotonic()
        self._next = self.started + FIRST_LINE

    def start(self, total: int, unit: str = "items", done: int = 0) -> None:
        """Begin to count ``total`` things; ``done`` of them were there already."""
        self.total, self.unit, self.done = total, unit, done
        self._already = done
        self.started = time.monotonic()
        self._next = self.started + FIRST_LINE

    def advance(self, count: int = 1) -> None:
        """``count`` more are done; prints a line when one is due."""
        self.done += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + INTERVAL
            rate = (self.done - self._already) / max(now - self.started, 1e-9)
            left = clock((self.total - self.done) / rate) if rate and self.total else "?"
            self.say(f"{self._count()}  {_rate(rate)}/s  {left} left")

    def found(self, count: int) -> None:
        """``count`` more turn out to be there already; they say nothing about the rate."""
        self.done += count
        self._already += count

    def finish(self, note: str = "") -> None:
        """Print the closing line of the job."""
        seconds = time.monotonic() - self.started
        rate = f"  {_rate((self.done - self._already) / seconds)}/s" if self.total and seconds > 0.5 else ""
        self.say("  ".join(filter(None, [f"{self._count()}{rate}  {clock(seconds)}", note])))

    def say(self, text: str) -> None:
        """Print one line that starts with step and subject."""
        line = f"{self.step:<8} {self.subject:<48} {text}"
        for stream in self.streams:
            print(line.rstrip(), file=stream, flush=True)

    def _count(self) -> str:
        if not self.done and not self.total:
            return "done"
        if self.unit == "bytes":
            return size(self.done) + (f" of {size(self.total)}" if self.total else "")
        return f"{self.done:>7,} " + (f"of {self.total:,} " if self.total else "") + self.unit

    _already = 0


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}"


def size(n_bytes: float) -> str:
    """``1500000`` → ``1.5 MB`` (powers of ten, as disks are sold)."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if n_bytes < 1000 or unit == "TB":
            return f"{n_bytes:.0f} {unit}" if unit == "B" or n_bytes >= 100 else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    raise AssertionError("unreachable")
