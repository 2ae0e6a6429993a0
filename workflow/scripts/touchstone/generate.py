"""Making one shard of generated images: what is to be painted in which batch, and the shard out of the batches.

A batch is published by rename, so a killed job loses at most the batches in hand, and the next run makes only those that
are missing. Who paints them is the business of ``supervisor`` and ``worker``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa

from touchstone.errors import TouchstoneError
from touchstone.files import read_json, sha256_of, sole_owner, write_text
from touchstone.gpus import watched
from touchstone.painting import mode_of
from touchstone.painting.batches import cut, sizes_of
from touchstone.painting.families import EMBEDDED, class_of
from touchstone.progress import Progress
from touchstone.record import TAKEN
from touchstone.shards import ShardWriter, open_shard, read_picks, read_shard, shard_writer
from touchstone.supervisor import Supervisor, devices

ATTEMPTS = 3  # at an image that the safety checker withholds, or that is blank
AGAIN = ("flagged", "blank")  # reasons that another seed may mend


def generate_shard(
    *,
    picks: str,
    model: str,
    recipe: dict,
    shard: str,
    workers: int,
    source: str | None = None,
    unrolled: str | None = None,
    prior: str | None = None,
    cache: str | None = None,
    gpus: str | None = None,
    progress: Progress,
) -> None:
    """Generate the images of one pick list; rows of the shard are in the order of the list.

    An image depends on its row, the recipe, the models' files, the batch size, the number of threads and the libraries,
    and on no worker, order or restart: its noise comes from a generator seeded with the hash of (run seed, item id,
    attempt), and short batches are padded to full size.

    Args:
        picks: Pick list that ``draw_origin`` wrote.
        model: Receipt of the staged model.
        recipe: The card's recipe.
        shard: The shard to write. Finished batches live beside it in ``<shard>.partial`` until then.
        workers: Worker processes where there is no GPU; with GPUs there is one for each.
        source: Receipt of the origin whose images are varied.
        unrolled: What ``unroll_origin`` wrote of that origin's archives that are one stream.
        prior: Receipt of the model that works before, if the recipe has one.
        cache: Folder in which compiled kernels outlive the job.
        gpus: JSON file for what ``gpus.watched`` is told, if anything.

    Raises:
        TouchstoneError: All workers died, one batch killed two of them, or the job was told to stop.
    """
    wanted = read_picks(picks)
    receipts = [model, *([prior] if prior else [])]
    for receipt in receipts:
        _require_model(read_json(receipt))
    partial = Path(f"{shard}.partial")
    work = _digest([picks, *receipts, *([source] if source else [])], recipe)
    with sole_owner(partial):
        if _made_meanwhile(shard, work):  # by a job that outlived a killed Snakemake
            _remove(partial)
            return
        _forget_other_work(partial, work)
        job = {"picks": str(picks), "models": list(map(str, receipts)), "source": source, "unrolled": unrolled, "recipe": recipe}
        supervisor = Supervisor(job | {"partial": str(partial)}, devices(workers), partial, cache)
        plan = _Plan(sizes_of(wanted, recipe, source, unrolled), recipe, read_json(receipts[-1]))
        with watched(gpus):
            places = _paint_all(supervisor, plan, partial, progress)
        with shard_writer(shard, TAKEN.with_metadata({"work": work})) as writer:
            _assemble(writer, [places[row] for row in range(len(wanted))], partial)
        _remove(partial)
    progress.finish()


class _Plan:
    """Tasks of a shard, which follow from its pick list and recipe alone."""

    def __init__(self, sizes: list[tuple[int, int]], recipe: dict, reads: dict):
        self.sizes = sizes
        self.batch = recipe["batch"]
        self.rows = range(len(sizes))
        self.attempts = recipe.get("attempts", ATTEMPTS)
        self.embeds: dict[int, tuple[str, int]] = {}  # row → where its embeddings will lie
        if mode_of(recipe).TEXT and class_of(reads) in EMBEDDED:
            for number, rows in enumerate(cut(self.rows, self.sizes, self.batch)):
                self.embeds |= {row: (f"embeds-{number:05d}.safetensors", place) for place, row in enumerate(rows)}

    def painting(self, rows: list[int], attempt: int) -> list[dict]:
        """Tasks that paint these rows."""
        return [
            {
                "kind": "paint",
                "file": batch_file(attempt, number),
                "attempt": attempt,
                "rows": few,
                "size": self.sizes[few[0]],
                "embeds": [self.embeds[row] for row in few] if self.embeds else [],
            }
            for number, few in enumerate(cut(rows, self.sizes, self.batch))
        ]

    def embedding(self, painting: list[dict]) -> list[dict]:
        """Tasks that embed what ``painting`` will ask for."""
        asked = {file for task in painting for file, _ in task["embeds"]}
        rows: dict[str, list[int]] = {file: [] for file in sorted(asked)}
        for row, (file, _) in self.embeds.items():
            if file in asked:
                rows[file].append(row)
        return [{"kind": "embed", "file": file, "rows": few} for file, few in rows.items()]


def _paint_all(supervisor: Supervisor, plan: _Plan, partial: Path, progress: Progress) -> dict[int, tuple[str, int]]:
    """Paint every row, those with a reason of ``AGAIN`` once more; the file and place of each row's last attempt."""
    places: dict[int, tuple[str, int]] = {}
    rows = list(plan.rows)
    progress.start(len(rows), "images")
    with supervisor.working():
        for attempt in range(plan.attempts):
            tasks = plan.painting(rows, attempt)
            places |= {row: (task["file"], place) for task in tasks for place, row in enumerate(task["rows"])}
            todo = [task for task in tasks if not (partial / task["file"]).exists()]
            if not attempt:
                progress.start(len(rows), "images", done=len(rows) - sum(len(task["rows"]) for task in todo))
                if progress.done:
                    progress.say(f"{progress.done:>7,} images are there from an earlier try")
            embeds = [task for task in plan.embedding(todo) if not (partial / task["file"]).exists()]
            if embeds:
                supervisor.do(embeds, lambda task: None)
            if todo:
                supervisor.do(todo, lambda task: progress.advance(0 if task["attempt"] else len(task["rows"])))
            rows = [
                row
                for task in tasks
                for row, reason in zip(task["rows"], _reasons(partial / task["file"]), strict=True)
                if reason in AGAIN
            ]
            if not rows:
                break
            progress.say(f"{len(rows):>7,} images were withheld or blank at attempt {attempt + 1} of {plan.attempts}")
    return places


def _reasons(file: Path) -> list[str]:
    return read_shard(file, ["reason"])["reason"].to_pylist()


def _assemble(writer: ShardWriter, places: list[tuple[str, int]], partial: Path) -> None:
    """Append the rows at ``places``, each file read once and kept until its last row is written."""
    last = {file: number for number, (file, _) in enumerate(places)}
    tables: dict[str, pa.Table] = {}
    for number, (file, place) in enumerate(places):
        if file not in tables:
            tables[file] = read_shard(partial / file)
        writer.append(tables[file].slice(place, 1))
        if last[file] == number:
            del tables[file]


def batch_file(attempt: int, number: int) -> str:
    """Name of a finished batch in the folder where it lies until its shard is whole."""
    return f"batch-{attempt}-{number:05d}.parquet"


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


def _digest(files: list[str], recipe: dict) -> str:
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
        for old in [*partial.glob("batch-*"), *partial.glob("embeds-*")]:
            old.unlink()
        write_text(note, work)
