"""How fast shards are generated: against a bare loop of the same pipeline that saves nothing, in the same run.

Run it from the repository's folder: ``python -m benchmarks.generating [--write]``. Where torch sees a GPU it measures
full-size architectures with random weights; elsewhere a small one that takes at least 0.2 s an image on one thread.
Both measure batches, compiling, the naive way and reconstruction; a GPU also two processes at once.
"""

from __future__ import annotations

import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq
from benchmarks.architectures import receipt, save
from benchmarks.measuring import machine, main
from PIL import Image
from tests.building import HOME

from touchstone.demo import models
from touchstone.draw import PICK
from touchstone.files import write_json
from touchstone.generate import generate_shard
from touchstone.progress import Progress
from touchstone.record import empty_item, table_of

READER = {"name": "table", "file": "p.csv", "columns": {"id": "id", "positive_prompt": "prompt"}}
BASE = {"reader": READER, "mode": "text_to_image", "guidance": 7.5, "seed": 1, "attempts": 1, "compile": "off"}
ALIGNED = {"reader": {"name": "pairs"}, "mode": "reconstruction", "seed": 1, "batch": 16, "attempts": 1, "format": "png"}
ROUNDS = 2  # with compiling the first fills the cache
CPU = BASE | {"steps": 2, "size": [112, 112]}
PHOTOS = 64  # different pictures to reconstruct
CPU_BATCHES = ((1, 24), (4, 24), (8, 32), (16, 48), (32, 64))  # batch and images
GPU_CASES = [  # architecture, steps, side, batches, images
    ("stable_diffusion_1_5", 25, 512, (1, 4, 8, 16, 32), 512),
    ("stable_diffusion_2_1", 25, 512, (16,), 512),
    ("stable_diffusion_xl", 30, 1024, (1, 4, 8), 64),
]
ABOUT = """\
`python -m benchmarks.generating`, {date}, on {machine}, {device}. *Ratio* is our rate to that of a bare loop of
`pipe(...)` with the same model, batch, steps and number of images, which saves nothing. *All* counts from the start of
the process; *painting* leaves out starting and loading: from the first finished batch to the last for us, the loop
without its first call for the bare one. *CPU* is processor time of all processes and threads for an image, which tells
more than rates where others use the machine. *Naive* is one image per call, saved as PNG at once. *Busy* is the mean
utilisation of the GPU that nvidia-smi tells, while shards are painted. With
compiling the best of {rounds} rounds counts, in turns, as the first fills the cache.
"""


class Watch(Progress):
    """A silent progress that notes when images are done."""

    def __init__(self):
        super().__init__("take", streams=(io.StringIO(),))
        self.times: list[tuple[float, int]] = []

    def advance(self, count: int = 1) -> None:
        super().advance(count)
        self.times.append((time.perf_counter(), count))


def ours(folder: Path, model: str, recipe: dict, count: int, processes: int = 1) -> dict:
    """``generate_shard`` from start to end: seconds, seconds to the first image, rates, and how busy the GPU was."""
    rows = [
        empty_item()
        | {"id": f"b/{number}", "positive_prompt": f"picture {number}", "rank": number}
        | {"source_file": "photos.zip", "source_member": f"{number % PHOTOS}.jpg"}
        for number in range(count)
    ]
    pq.write_table(table_of(rows, PICK), folder / "picks.parquet")
    (folder / "shard.parquet").unlink(missing_ok=True)
    watch, busy = Watch(), _Busy()
    if busy.gpu:
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(["0"] * processes)  # a worker for each
    paths = {"picks": str(folder / "picks.parquet"), "shard": str(folder / "shard.parquet"), "cache": str(folder / "compiled")}
    paths["source"] = str(folder / "photos.json") if recipe["mode"] == "reconstruction" else None
    begun, used = time.perf_counter(), _children()
    with busy:
        generate_shard(**paths, model=model, recipe=recipe, workers=processes, progress=watch)
    seconds = time.perf_counter() - begun
    cpu = (_children() - used) / count
    later = sum(number for _, number in watch.times[processes:])
    painting = later / (watch.times[-1][0] - watch.times[processes - 1][0]) if later else None
    return {"all": count / seconds, "painting": painting, "first": watch.times[0][0] - begun, "busy": busy.mean(), "cpu": cpu}


def by_hand(folder: Path, model: str, recipe: dict, count: int, *, naive: bool = False) -> dict:
    """The bare loop (or the naive one) in a process of its own, on as many threads as our worker."""
    job = {"path": json.loads(Path(model).read_text())["path"], "recipe": recipe, "count": count, "naive": naive}
    job["folder"] = str(folder)
    begun, used = time.perf_counter(), _children()
    environment = os.environ | {
        "PYTHONPATH": f"{HOME}:{HOME / 'workflow/scripts'}",
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled-bare"),
    }
    command = [sys.executable, "-m", "benchmarks.bare_loop", json.dumps(job)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - begun
    return {"all": count / seconds, "cpu": (_children() - used) / count} | json.loads(done.stdout.splitlines()[-1])


def photographs(folder: Path, side: int) -> None:
    """Pictures to reconstruct, in a zip, and the receipt of the origin that they are."""
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for number in range(PHOTOS):
            data = io.BytesIO()
            Image.effect_noise((side, side), 64).convert("RGB").save(data, "JPEG", quality=90)
            archive.writestr(f"{number}.jpg", data.getvalue())
    write_json(folder / "photos.json", {"files": [{"name": "photos.zip", "path": str(folder / "photos.zip")}]})


def _children() -> float:
    """Processor seconds of processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_turns(rounds: int, *works: Callable[[], dict]) -> list[dict]:
    """The best rates and times of each work, called in turns so that a busy machine hinders all alike."""
    made = [[work() for work in works] for _ in range(rounds)]
    best = []
    for runs in zip(*made, strict=True):
        whole = {key: [run[key] for run in runs if run[key] is not None] for key in runs[0]}
        best.append({key: (min if key in ("cpu", "first") else max)(told, default=None) for key, told in whole.items()})
    return best


class _Busy:
    """Asks nvidia-smi how busy the first GPU is, where there is one."""

    gpu = bool(shutil.which("nvidia-smi"))

    def __enter__(self) -> _Busy:
        command = ["nvidia-smi", "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200", "-i", "0"]
        self.asked = subprocess.Popen(command, stdout=subprocess.PIPE, text=True) if self.gpu else None
        return self

    def __exit__(self, *_: object) -> None:
        if self.asked:
            self.asked.terminate()
            self.told = [int(line) for line in self.asked.communicate()[0].split() if line.isdigit()]

    def mean(self) -> float | None:
        """Mean in percent from the first time that it was busy at all."""
        told = self.told if self.asked else []
        begun = next((number for number, value in enumerate(told) if value), len(told))
        return sum(told[begun:]) / len(told[begun:]) if told[begun:] else None


def line(name: str, ours_: dict, bare: dict) -> str:
    """One row of the table."""
    ratios = [_number(ours_[key] / bare[key] if ours_[key] and bare[key] else None) for key in ("all", "painting")]
    rates = [_number(made[key]) for key in ("all", "painting") for made in (ours_, bare)]
    cpu = f"{ours_['cpu']:.2f} / {bare['cpu']:.2f} s"
    busy = "" if ours_["busy"] is None else f"{ours_['busy']:.0f} %"
    cells = [*rates[:2], ratios[0], *rates[2:], ratios[1], cpu, f"{ours_['first']:.1f} s", busy]
    return f"| {name} | {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def on_cpu(folder: Path) -> list[str]:
    """Rows for the small model on one thread."""
    models.build("stable_diffusion", folder / "small")
    model = receipt("small", folder / "small")
    lines = [compared(f"batch {batch}", 1, folder, model, CPU | {"batch": batch}, count) for batch, count in CPU_BATCHES]
    compiled = (folder, model, CPU | {"batch": 8, "compile": "full"}, 32)
    lines.append(compared("batch 8, compiled", ROUNDS, *compiled))
    naive = (folder, model, CPU | {"batch": 4}, 24)
    lines.append(line("batch 4, against naive", *in_turns(1, partial(ours, *naive), partial(by_hand, *naive, naive=True))))
    photographs(folder, 256)
    lines.append(compared("reconstruction, 256 px, batch 16", 1, folder, model, ALIGNED | {"size": [256, 256]}, 96))
    return lines


def on_gpu(folder: Path) -> list[str]:
    """Rows for full-size architectures in bfloat16, without and with compiling, and with two processes."""
    lines = []
    for name, steps, side, batches, count in GPU_CASES:
        model = save(name, folder / name, "bfloat16", "cuda")
        fast = {"dtype": "bfloat16", "channels_last": True, "size": [side, side]}
        for batch in batches:
            for compiled in ("off", "regional"):
                recipe = BASE | fast | {"steps": steps, "batch": batch, "compile": compiled}
                about = f"{name}, {side} px, {steps} steps, batch {batch}, compile {compiled}"
                lines.append(compared(about, 1 if compiled == "off" else ROUNDS, folder, model, recipe, count))
        two = (folder, model, BASE | fast | {"steps": steps, "batch": batches[0]}, count)
        lines.append(line(f"{name}, batch {batches[0]}, two processes", ours(*two, processes=2), by_hand(*two)))
        lines.append(line(f"{name}, batch {batches[0]}, against naive", ours(*two), by_hand(*two, naive=True)))
        photographs(folder, side)
        lines.append(compared(f"{name}, reconstruction, {side} px", 1, folder, model, ALIGNED | fast, 2 * count))
        shutil.rmtree(folder / name)
    return lines


def compared(about: str, rounds: int, *arguments: object) -> str:
    """The row of ours against the bare loop."""
    return line(about, *in_turns(rounds, partial(ours, *arguments), partial(by_hand, *arguments)))


def results() -> str:
    """Measure everything; a Markdown section."""
    import torch

    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as name:
        lines = on_gpu(Path(name)) if gpu else on_cpu(Path(name))
    device = torch.cuda.get_device_name() if gpu else "no GPU, one thread"
    head = "| images/s | all: ours | bare | ratio | painting: ours | bare | ratio | CPU: ours / bare | first image | busy |"
    return "\n".join(
        [ABOUT.format(date=date.today(), machine=machine(), device=device, rounds=ROUNDS), head, "|---|" + "--:|" * 9, *lines]
    )


if __name__ == "__main__":
    main("generating-gpu" if shutil.which("nvidia-smi") else "generating", __doc__, results)
