"""How busy the GPUs of a job are, as the driver's own program says: asked now and then while a shard is painted."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from touchstone.files import write_json

ASK = ("nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")
PAUSE = 15.0  # seconds between questions: the driver's figure is a mean over the last one


@contextmanager
def watched(path: str | None, ask: tuple[str, ...] = ASK, pause: float = PAUSE) -> Iterator[None]:
    """Ask while the body runs, and write to ``path`` what was told, as JSON: ``busy``, the mean share of time in
    which a GPU had work, of all GPUs that the job may use; ``memory_mib``, the most that one of them held; ``samples``.

    Where the program is missing or tells no number, there is no file: nothing is guessed.
    """
    if path:
        Path(path).unlink(missing_ok=True)  # of an earlier try
    told: list[list[tuple[float, float]]] = []
    over = threading.Event()

    def listen() -> None:
        while not over.wait(pause) and (sample := _sample(ask)):
            told.append(sample)

    listener = threading.Thread(target=listen, daemon=True)
    if path:
        listener.start()
    try:
        yield
    finally:
        over.set()
        if path:
            listener.join()
        if told:
            gpus = [gpu for sample in told for gpu in sample]
            busy = sum(share for share, _ in gpus) / len(gpus) / 100
            write_json(path, {"busy": busy, "memory_mib": max(held for _, held in gpus), "samples": len(told)})


def _sample(ask: tuple[str, ...]) -> list[tuple[float, float]]:
    """``(percent of time with work, MiB in use)`` of each GPU that the job may use; empty if nobody can tell."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    command = [*ask, *([f"--id={visible}"] if visible else [])]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        rows = [line.split(",") for line in done.stdout.splitlines()] if not done.returncode else []
        return [(float(share), float(held)) for share, held in rows]
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return []
