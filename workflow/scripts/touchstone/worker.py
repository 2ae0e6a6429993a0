"""One worker of ``generate_shard``: embeds and paints what it is told to, a pipeline loaded once.

Run as ``python -m touchstone.worker``. The first line of standard input is the job as JSON, every further one a task;
its file's name is printed when that is published. The end of standard input, also because the supervisor was killed,
ends the worker. While a batch is painted, the next one's input is read and the last one's images are encoded.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

from touchstone.files import read_json
from touchstone.images import BadImage
from touchstone.memory import keep_freed_memory
from touchstone.painting import mode_of, prompts
from touchstone.painting.encoding import encode
from touchstone.painting.painter import Painted, Painter
from touchstone.painting.reals import Real, Reals
from touchstone.shards import append_rows, read_picks, shard_writer, taken

ENCODERS = 2  # threads that encode and measure; they wait for nothing but each other


def main() -> None:
    """Serve tasks until standard input ends."""
    for ending in (signal.SIGTERM, signal.SIGUSR1):  # Slurm tells every process; the supervisor says when to stop
        signal.signal(ending, signal.SIG_IGN)
    keep_freed_memory()
    answers = os.fdopen(os.dup(1), "w", buffering=1)  # libraries may print; only we may answer
    os.dup2(2, 1)
    Worker(json.loads(sys.stdin.readline()), answers).serve(sys.stdin)


class Worker:
    """What one process does for a shard.

    Args:
        job: Paths of pick list, receipts and folder of finished batches, and the recipe.
        answers: Where names of published files go.
    """

    def __init__(self, job: dict, answers: TextIO):
        self.recipe, self.folder, self.answers = job["recipe"], Path(job["partial"]), answers
        self.picks = read_picks(job["picks"])
        self.reals = Reals(job["source"], self.recipe, job["unrolled"]) if mode_of(self.recipe).REAL else None
        self.painter = Painter(self.recipe, [read_json(model) for model in job["models"]])

    def serve(self, lines: TextIO) -> None:
        """Do the tasks of ``lines``; a failure anywhere ends the process."""
        ready: queue.Queue = queue.Queue(maxsize=1)
        threading.Thread(target=_or_die, args=(self._prepare, lines, ready), daemon=True).start()
        pending: Future | None = None
        with ThreadPoolExecutor(1) as background, ThreadPoolExecutor(ENCODERS) as encoders:
            while task := ready.get():
                rows = [self.picks[row] for row in task["rows"]]
                if task["kind"] == "embed":
                    prompts.write(self.folder / task["file"], self.painter.embed(rows))
                    print(task["file"], file=self.answers)
                    continue
                images = self.painter.paint(rows, tuple(task["size"]), task["reals"], task["embeddings"], task["attempt"])
                records = [self.painter.record(row, task["attempt"]) for row in rows]
                if pending:
                    pending.result()  # at most one batch waits to be written, so memory is bounded
                pending = background.submit(_or_die, self._publish, task, rows, images, records, encoders)

    def _prepare(self, lines: TextIO, ready: queue.Queue) -> None:
        """Read each task's input, one task ahead of the painter."""
        for line in lines:
            task = json.loads(line)
            if task["kind"] == "paint":
                rows = [self.picks[row] for row in task["rows"]]
                task["reals"] = list(self.reals.read(rows, tuple(task["size"]))) if self.reals else []
                task["embeddings"] = prompts.read(self.folder, task["embeds"]) if task["embeds"] else {}
            ready.put(task)
        ready.put(None)

    def _publish(self, task: dict, rows: list[dict], images: list[Painted], records: list[dict], encoders: ThreadPoolExecutor):
        reals = task["reals"] or [None] * len(rows)
        with shard_writer(self.folder / task["file"]) as writer:
            append_rows(writer, list(encoders.map(self._row, rows, images, records, reals)))
        print(task["file"], file=self.answers)

    def _row(self, row: dict, image: Painted, record: dict, real: Real | BadImage | None) -> dict:
        extra = {"conditioning": row["conditioning"] or mode_of(self.recipe).CONDITIONING, "generation": record}
        if isinstance(image, BadImage):
            return taken(row, None, reason=image.reason, detail=image.detail, **extra)
        return taken(row, encode(image, self.recipe, row["id"], real and real.encoding), **extra)


def _or_die(work: object, *arguments: object) -> None:
    """A thread that fails ends the worker, and its log says why."""
    try:
        work(*arguments)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main()
