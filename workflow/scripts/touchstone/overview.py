"""How far a build is, from the files that are there: ``snakemake progress``, also while the build runs."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from touchstone.catalogue import GPUS_PER_NODE, Catalogue
from touchstone.parts import numbered
from touchstone.progress import clock
from touchstone.spent import last_run, spent

WINDOW = 6 * 3600  # seconds that the pace is taken from, so that a break of days does not count


@dataclass
class Row:
    """One line: shards or tables, and items, done and wanted; GPU-hours spent and, as far as known, to come."""

    step: str
    subject: str
    files: int
    wanted_files: int
    items: int = 0
    wanted_items: int = 0
    gpu_hours: float = 0
    left_gpu_hours: float = 0
    seconds_left: float | None = None


def overview(catalogue: Catalogue, folder: str | Path = ".", now: float | None = None) -> list[Row]:
    """The rows, in the order of the data flow.

    An origin's pace is that of its shards which were finished in the last hours; batches of a shard in
    work count as items, too. GPU-hours to come are those of the shards that are done, for each item;
    without any, the card's guess.

    Args:
        folder: Where the workflow runs.
        now: Seconds since 1970; the clock, if not given.
    """
    work, now = Path(folder), time.time() if now is None else now
    results = work / "results" / catalogue.dataset_name
    receipts = [work / f"resources/receipts/{name}.json" for name, card in catalogue.cards.items() if card.get("files")]
    receipts += [work / f"resources/receipts/models/{model}.json" for model in catalogue.models_used()]
    rows = [
        _count("fetch", receipts),
        _count("list", [work / f"results/origins/{name}/index.parquet" for name in catalogue.cards]),
        _count("draw", [results / f"origins/{name}/draw.parquet" for name in catalogue.origins]),
    ]
    rows += [_take(catalogue, origin, work, now) for origin in catalogue.origins]
    rows.append(_count("screen", [results / "screen.parquet", results / "selection.parquet"], "screen and split"))
    rows.append(_count("pack", [results / f"data/{split}/{shard}.parquet" for split, shard in catalogue.packed()]))
    published = ("manifest.parquet", "gates.json", "report.html", "README.md", "croissant.json", "summary.txt")
    rows.append(_count("publish", [results / name for name in published]))
    return rows


def _count(step: str, paths: list[Path], subject: str = "all origins") -> Row:
    return Row(step, subject, sum(path.exists() for path in paths), len(paths))


def _take(catalogue: Catalogue, origin: str, work: Path, now: float) -> Row:
    card, per_shard = catalogue.card(origin), catalogue.dataset["shard_items"]
    name = catalogue.dataset_name
    row = Row("take", origin, 0, 0)
    recent, first, done_items, seconds = 0, now, 0, 0.0
    for part in catalogue.parts_of(origin):
        for number, shard in enumerate(numbered(part.drawn, per_shard, part.generator)):
            items = min(per_shard, part.drawn - number * per_shard)
            path = work / f"results/{name}/origins/{origin}/{shard}.parquet"
            row.wanted_files, row.wanted_items = row.wanted_files + 1, row.wanted_items + items
            if not path.exists():
                batches = len(list(Path(f"{path}.partial").glob("batch-*.parquet")))
                row.items += min(batches * card["recipe"].get("batch", 0), items)
                continue
            row.files, row.items = row.files + 1, row.items + items
            run = last_run(work / f"logs/benchmarks/{_rule(card['kind'])}/{name}/{origin}/{shard}.jsonl")
            if run:
                done_items, seconds, made = done_items + items, seconds + run["s"], path.stat().st_mtime
                if made > now - WINDOW:
                    recent, first = recent + items, min(first, made - run["s"])
    left = row.wanted_items - row.items
    if recent and left:
        row.seconds_left = left * (now - first) / recent
    if card["kind"] == "generate":
        row.gpu_hours = seconds * GPUS_PER_NODE / 3600
        per_item = seconds * GPUS_PER_NODE / done_items if done_items else card.get("cost", {}).get("seconds", 0)
        row.left_gpu_hours = left * per_item / 3600
    return row


def _rule(kind: str) -> str:
    rules = {"archive": "adopt_shard", "urls": "scrape_shard", "generate": "generate_shard", "api": "request_shard"}
    return rules[kind]


def print_progress(catalogue: Catalogue, log: str) -> None:
    """Print how far the catalogue's dataset is and what it took so far; the same into ``log``."""
    lines = [*lines_of(overview(catalogue)), "", *lines_of_spent(spent("logs/benchmarks", catalogue.dataset_name))]
    Path(log).parent.mkdir(parents=True, exist_ok=True)
    Path(log).write_text("\n".join(lines) + "\n", encoding="utf-8")
    print("\n".join(lines), flush=True)


def lines_of(rows: list[Row]) -> list[str]:
    """The rows as text, with GPU-hours and the expected end of the step that takes longest."""
    lines = [f"{'step':<9}{'of':<28}{'files':>15}{'items':>23}{'GPU-hours':>12}{'left':>10}  time left"]
    for row in rows:
        items = f"{row.items:,} of {row.wanted_items:,}" if row.wanted_items else ""
        hours = (f"{row.gpu_hours:,.2f}", f"{row.left_gpu_hours:,.2f}") if row.gpu_hours or row.left_gpu_hours else ("", "")
        left = clock(row.seconds_left) if row.seconds_left is not None else ""
        files = f"{row.files:,} of {row.wanted_files:,}"
        lines.append(f"{row.step:<9}{row.subject:<28}{files:>15}{items:>23}{hours[0]:>12}{hours[1]:>10}  {left}".rstrip())
    longest = max((row.seconds_left for row in rows if row.seconds_left), default=None)
    if longest:
        end = time.strftime("%F %H:%M", time.localtime(time.time() + longest))
        lines += ["", f"at this pace the shards are done in {clock(longest)}, {end}"]
    return lines


def lines_of_spent(rows: list[dict]) -> list[str]:
    """What the jobs used of what they had asked for, as text."""
    lines = [f"{'rule':<18}{'jobs':>7}{'hours':>10}{'of CPU':>9}{'of memory':>11}{'GPU-hours':>11}{'of GPU':>9}"]
    for row in rows:
        shares = (f"{100 * row[name]:.0f} %" if row[name] is not None else "" for name in ("cpu", "memory", "gpu"))
        cpu, memory, busy = shares
        gpu = f"{row['gpu_hours']:,.2f}" if row["gpu_hours"] else ""
        lines.append(f"{row['rule']:<18}{row['jobs']:>7,}{row['hours']:>10,.2f}{cpu:>9}{memory:>11}{gpu:>11}{busy:>9}".rstrip())
    return lines
