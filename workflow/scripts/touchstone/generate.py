"""Making one shard of generated images: a supervisor and one worker process per GPU.

The supervisor never imports torch. It hands batch numbers to workers over their standard input and
hears of finished ones on their standard output; there is no process group. A batch is published by
rename, so a killed job loses at most the batches in hand, and the next run makes only those that
are missing. A worker that dies gives its batches back to the others.
"""

from __future__ import annotations

import hashlib
import json
import os
import selectors
import shutil
import subprocess
import sys
from collections import deque
from contextlib import suppress
from pathlib import Path

from touchstone.errors import TouchstoneError
from touchstone.files import read_json, sha256_of, sole_owner, write_text
from touchstone.progress import Progress
from touchstone.record import TAKEN
from touchstone.shards import open_shard, read_picks, read_shard, shard_writer

AHEAD = 2  # batches a worker holds: one in work, one waiting, so that it never waits for us
PACKAGE_PARENT = str(Path(__file__).resolve().parents[1])


def generate_shard(
    *,
    picks: str,
    model: str,
    recipe: dict,
    shard: str,
    workers: int,
    source: str | None = None,
    progress: Progress,
) -> None:
    """Generate the images of one pick list; rows of the shard are in the order of the list.

    An image depends on its row, the recipe, the model's files, the batch size and the libraries,
    and on no worker, order or restart: its noise comes from a generator seeded with the hash of
    (run seed, item id, attempt), and the last batch is padded to full size.

    Args:
        picks: Pick list that ``draw_origin`` wrote.
        model: Receipt of the staged model.
        recipe: The card's recipe: mode, steps, guidance, size, batch, dtype, seed, format.
        shard: The shard to write. Finished batches live beside it in ``<shard>.partial`` until then.
        workers: Worker processes where there is no GPU; with GPUs there is one for each.
        source: Receipt of the origin whose images are varied.

    Raises:
        TouchstoneError: All workers died, or one batch killed two of them.
    """
    wanted = read_picks(picks)
    _require_model(read_json(model))
    partial = Path(f"{shard}.partial")
    batches = [range(start, min(start + recipe["batch"], len(wanted))) for start in range(0, len(wanted), recipe["batch"])]
    work = _work([picks, model, *([source] if source else [])], recipe)
    with sole_owner(partial):
        if _made_meanwhile(shard, work):  # by a job that outlived a killed Snakemake
            _remove(partial)
            return
        _forget_other_work(partial, work)
        todo = [number for number in range(len(batches)) if not batch_file(partial, number).exists()]
        progress.start(len(wanted), "images", done=len(wanted) - sum(len(batches[number]) for number in todo))
        if len(todo) < len(batches):
            progress.say(f"{progress.done:>7,} images are there from an earlier try")
        if todo:
            job = {"picks": str(picks), "model": str(model), "source": source, "recipe": recipe, "partial": str(partial)}
            _Supervisor(job, todo, _devices(workers, len(todo)), partial).run(
                lambda number: progress.advance(len(batches[number]))
            )
        with shard_writer(shard, TAKEN.with_metadata({"work": work})) as writer:
            for number in range(len(batches)):
                writer.append(read_shard(batch_file(partial, number)))
        _remove(partial)
    progress.finish()


def batch_file(partial: Path, number: int) -> Path:
    """Where a finished batch lies until its shard is whole."""
    return partial / f"batch-{number:05d}.parquet"


def image_seed(run_seed: int, item: str, attempt: int) -> int:
    """Seed of one image's noise: 63 bits of the hash of (run seed, item id, attempt)."""
    digest = hashlib.blake2b(f"{run_seed}\0{item}\0{attempt}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def _require_model(receipt: dict) -> None:
    """Fail before any worker starts if a staged file is gone.

    Raises:
        TouchstoneError: It names the file.
    """
    for file in receipt["files"]:
        if not Path(receipt["path"], file).exists():
            raise TouchstoneError(
                f"a file of model {receipt['model']!r} is gone",
                where=Path(receipt["path"], file),
                mend="stage it again: delete the folder and run with --forcerun fetch_model",
            )


def _work(files: list[str], recipe: dict) -> str:
    """Digest of everything a shard is made from."""
    text = json.dumps([*(sha256_of(file) for file in files), recipe], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _remove(partial: Path) -> None:
    """Remove the folder as far as possible: NFS keeps a file that is open, as its lock is, and a worker that
    outlived a killed supervisor may still write."""
    shutil.rmtree(partial, ignore_errors=True)


def _made_meanwhile(shard: str, work: str) -> bool:
    if not Path(shard).exists():
        return False
    with open_shard(shard) as file:
        return (file.schema_arrow.metadata or {}).get(b"work") == work.encode()


def _forget_other_work(partial: Path, work: str) -> None:
    """Empty the folder if its batches were made from another pick list, model or recipe."""
    note = partial / "work"
    if not note.exists() or note.read_text(encoding="utf-8") != work:
        for old in partial.glob("batch-*"):
            old.unlink()
        write_text(note, work)


def _devices(workers: int, batches: int) -> list[str | None]:
    """What each worker sees: one GPU, by its name in CUDA_VISIBLE_DEVICES, or None for the CPU."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        gpus = [name for name in visible.split(",") if name]
    else:
        gpus = [str(number) for number in range(len(list(Path("/proc/driver/nvidia/gpus").glob("*"))))]
    return (gpus or [None] * max(workers, 1))[:batches]


class _Supervisor:
    """Runs the workers of one shard until every batch is published."""

    def __init__(self, job: dict, todo: list[int], devices: list[str | None], partial: Path):
        self.queue = deque(todo)
        self.left = set(todo)
        self.deaths: dict[int, int] = dict.fromkeys(todo, 0)
        self.held: dict[subprocess.Popen, deque[int]] = {}
        self.logs: dict[subprocess.Popen, Path] = {}
        self.job, self.devices, self.partial = job, devices, partial

    def run(self, done: object) -> None:
        """Start the workers, hand out batches, call ``done(number)`` for each that is published."""
        with selectors.DefaultSelector() as ready:
            try:
                for number, device in enumerate(self.devices):
                    worker = self._start(number, device)
                    ready.register(worker.stdout, selectors.EVENT_READ, worker)
                while self.left:
                    for key, _ in ready.select():
                        line = key.fileobj.readline()
                        if line:
                            self._finished(key.data, int(line), done)
                        else:
                            ready.unregister(key.fileobj)
                            self._died(key.data)
                for worker in self.held:
                    worker.stdin.close()
                for worker in self.held:
                    worker.wait()
            finally:
                for worker in self.held:
                    worker.kill()
                    worker.wait()

    def _start(self, number: int, device: str | None) -> subprocess.Popen:
        log = self.partial / f"worker-{number}.log"
        quiet = {"TRANSFORMERS_VERBOSITY": "error", "DIFFUSERS_VERBOSITY": "error", "HF_HUB_DISABLE_PROGRESS_BARS": "1"}
        environment = os.environ | quiet | {"HF_HUB_OFFLINE": "1", "PYTHONPATH": PACKAGE_PARENT}
        if device is not None:
            environment["CUDA_VISIBLE_DEVICES"] = device
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
        self._send(worker, json.dumps(self.job))
        for _ in range(AHEAD):
            self._hand_out(worker)
        return worker

    def _hand_out(self, worker: subprocess.Popen) -> None:
        if self.queue:
            number = self.queue.popleft()
            self.held[worker].append(number)
            self._send(worker, str(number))

    def _send(self, worker: subprocess.Popen, line: str) -> None:
        with suppress(BrokenPipeError):  # it died; its end of stdout says so to the loop in run()
            worker.stdin.write(f"{line}\n".encode())

    def _finished(self, worker: subprocess.Popen, number: int, done: object) -> None:
        self.held[worker].remove(number)
        self.left.discard(number)
        self._hand_out(worker)
        done(number)

    def _died(self, worker: subprocess.Popen) -> None:
        status = worker.wait()
        held = self.held.pop(worker)
        if held:
            self.deaths[held[0]] += 1
        self.queue.extendleft(reversed(held))
        if not self.held or any(count > 1 for count in self.deaths.values()):
            raise TouchstoneError(
                f"a worker ended with status {status} and {len(self.left)} batches are not made\n{_tail(self.logs[worker])}",
                where=self.logs[worker],
                mend="mend what its log says and run again; finished batches are kept",
            )
        for other in self.held:
            while self.queue and len(self.held[other]) < AHEAD:
                self._hand_out(other)


def _tail(log: Path, lines: int = 8) -> str:
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    return "\n".join(f"  | {line}" for line in text)
