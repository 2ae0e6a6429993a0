"""The workers of one shard, as their supervisor sees them: started, handed tasks, heard, and stopped in time.

The supervisor never imports torch. Tasks go to a worker's standard input as lines of JSON, and its standard output tells
of each file that is published. There is no process group: a worker that dies gives its tasks back to the others.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from touchstone.errors import TouchstoneError

AHEAD = 2  # tasks a worker holds: one in work, one whose input it reads, so that it never waits for us
TICK = 1.0  # seconds between looks at the clock
TO_FINISH = 60.0  # seconds kept for making the shard out of its batches
PACKAGE_PARENT = str(Path(__file__).resolve().parents[1])
QUIET = {"TRANSFORMERS_VERBOSITY": "error", "DIFFUSERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}


def devices(workers: int) -> list[str | None]:
    """What each worker sees: one GPU, by its name in CUDA_VISIBLE_DEVICES, or None for the CPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        gpus = [name for name in visible.split(",") if name]
    else:
        gpus = [str(number) for number in range(len(list(Path("/proc/driver/nvidia/gpus").glob("*"))))]
    return gpus or [None] * max(workers, 1)


class Supervisor:
    """Runs workers until every task they are given is done.

    Args:
        job: What a worker is told first.
        seen: A device for each worker; they start with the first task.
        folder: Where tasks publish their files, and logs of the workers lie.
        cache: Folder in which compiled kernels outlive the job.
    """

    def __init__(self, job: dict, seen: list[str | None], folder: Path, cache: str | None = None):
        self.job, self.seen, self.folder, self.cache = job, seen, folder, cache
        self.queue: deque[dict] = deque()
        self.left: set[str] = set()
        self.deaths: dict[str, int] = {}
        self.held: dict[subprocess.Popen, deque[dict]] = {}
        self.logs: dict[subprocess.Popen, Path] = {}
        self.begun: dict[subprocess.Popen, float] = {}
        self.slowest = 0.0  # seconds a task took
        self.stop = ""  # why no more tasks are handed out
        self.signalled = False
        self.ready = selectors.DefaultSelector()

    @contextmanager
    def working(self) -> Iterator[Supervisor]:
        """Workers live as long as the body; SIGTERM and SIGUSR1 then only stop the handing out.

        Raises:
            TouchstoneError: A signal came, and everything is done all the same. Whoever sends one takes the job for failed
                and what it makes for broken, so its files are left to the next try.
        """
        before = {}
        if threading.current_thread() is threading.main_thread():
            for ending in (signal.SIGTERM, signal.SIGUSR1):
                before[ending] = signal.signal(ending, self._told_to_stop)
        try:
            yield self
            for worker in self.held:
                worker.stdin.close()
            for worker in self.held:
                worker.wait()
            if self.signalled:
                raise TouchstoneError(f"{self.stop}; all batches are made", self.folder, "run again; it goes on from there")
        finally:
            for worker in self.held:
                worker.kill()
                worker.wait()
            self.ready.close()
            for ending, handler in before.items():
                signal.signal(ending, handler)

    def do(self, tasks: list[dict], done: Callable[[dict], object]) -> None:
        """Have ``tasks`` done, whose ``file`` says what each publishes; ``done`` is told of each.

        Raises:
            TouchstoneError: All workers died, one task killed two of them, or the job was told to stop.
        """
        self.queue.extend(tasks)
        self.left = {task["file"] for task in tasks}
        if not self.held:
            for number, device in enumerate(self.seen[: len(tasks)]):
                self._start(number, device)
        for worker in self.held:
            self._hand_out(worker)
        while self.left:
            if self.stop and not any(self.held.values()):
                raise TouchstoneError(
                    f"{self.stop}; {len(self.left)} batches are not made",
                    where=self.folder,
                    mend="run again; it goes on from the finished batches",
                )
            for key, _ in self.ready.select(timeout=TICK):
                line = key.fileobj.readline().decode().strip()
                if line:
                    self._finished(key.data, line, done)
                else:
                    self.ready.unregister(key.fileobj)
                    self._died(key.data)
            self._look_at_the_clock()

    def _told_to_stop(self, number: int, _frame: object) -> None:
        self.stop, self.signalled = f"the job was told to stop ({signal.Signals(number).name})", True

    def _look_at_the_clock(self) -> None:
        """Near the end of a Slurm job hand out no task that would not be done before it."""
        end = os.environ.get("SLURM_JOB_END_TIME", "")
        if end.isdigit() and not self.stop and time.time() + AHEAD * self.slowest + TO_FINISH > int(end):
            self.stop = "the end of the job's time is near"

    def _start(self, number: int, device: str | None) -> None:
        log = self.folder / f"worker-{number}.log"
        environment = os.environ | QUIET | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": PACKAGE_PARENT}
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
        if self.cache:
            environment.setdefault("TORCHINDUCTOR_CACHE_DIR", str(Path(self.cache).absolute()))
        with open(log, "wb") as stderr:
            worker = subprocess.Popen(
                [sys.executable, "-m", "touchstone.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,  # a second line in a buffer would be hidden from select()
                env=environment,
            )
        self.held[worker], self.logs[worker] = deque(), log
        self.ready.register(worker.stdout, selectors.EVENT_READ, worker)
        self._send(worker, self.job)

    def _hand_out(self, worker: subprocess.Popen) -> None:
        while self.queue and not self.stop and len(self.held[worker]) < AHEAD:
            if not self.held[worker]:
                self.begun[worker] = time.monotonic()
            self.held[worker].append(self.queue.popleft())
            self._send(worker, self.held[worker][-1])

    def _send(self, worker: subprocess.Popen, message: dict) -> None:
        data = f"{json.dumps(message)}\n".encode()
        with suppress(BrokenPipeError):  # it died; its end of stdout says so to the loop in do()
            while data:
                data = data[worker.stdin.write(data) :]

    def _finished(self, worker: subprocess.Popen, file: str, done: Callable[[dict], object]) -> None:
        task = next(task for task in self.held[worker] if task["file"] == file)
        self.held[worker].remove(task)
        self.left.discard(file)
        now = time.monotonic()
        self.slowest = max(self.slowest, now - self.begun[worker])
        self.begun[worker] = now
        self._hand_out(worker)
        done(task)

    def _died(self, worker: subprocess.Popen) -> None:
        status = worker.wait()
        held = self.held.pop(worker)
        if held:
            killer = held[0]["file"]
            self.deaths[killer] = self.deaths.get(killer, 0) + 1
        self.queue.extendleft(reversed(held))
        if not self.held or any(count > 1 for count in self.deaths.values()):
            raise TouchstoneError(
                f"a worker ended with status {status} and {len(self.left)} batches are not made\n{_tail(self.logs[worker])}",
                where=self.logs[worker],
                mend="mend what its log says and run again; finished batches are kept",
            )
        for other in self.held:
            self._hand_out(other)


def _tail(log: Path, lines: int = 8) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join(f"  | {line}" for line in text)
