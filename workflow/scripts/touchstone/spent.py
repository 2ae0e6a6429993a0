"""What the jobs of a build asked for and what they used, from the files that Snakemake's benchmarks leave."""

from __future__ import annotations

import json
from pathlib import Path

from touchstone.files import read_json

OF_ORIGINS = ("fetch_origin", "fetch_model", "list_origin")  # shared by all datasets


def spent(benchmarks: str | Path, dataset: str) -> list[dict]:
    """One row for each rule, in the order of their names, of the last run of every job.

    ``jobs``; ``hours`` of wall time, summed; ``cpu``, used core-hours as a share of the requested ones;
    ``memory``, the most that a job held as a share of what it had asked for; ``gpu_hours``, GPUs asked
    for times wall time; ``gpu``, the share of it in which they had work. A share is None where nothing was asked for,
    and that of the GPUs where nothing was told (``gpus.watched``). What waited in a queue, and
    tries that failed, are not in it: Slurm's accounting knows those.

    Args:
        benchmarks: The folder ``logs/benchmarks``, written with ``benchmark-extended``.
        dataset: Jobs of other datasets are left out.
    """
    rows = []
    for folder in sorted(path for path in Path(benchmarks).glob("*") if path.is_dir()):
        all_runs = {path: last_run(path) for path in sorted(folder.rglob("*.jsonl")) if _counts(path, folder, dataset)}
        runs = [run for run in all_runs.values() if run]
        if not runs:
            continue
        asked = sum(run["s"] * run["threads"] for run in runs)
        memory = [run["max_rss"] / limit for run in runs if (limit := run["resources"].get("mem_mib"))]
        row = {"rule": folder.name, "jobs": len(runs), "hours": sum(run["s"] for run in runs) / 3600}
        row["cpu"] = sum(run["cpu_time"] for run in runs) / asked if asked else None
        row["memory"] = max(memory, default=None)
        row["gpu_hours"] = sum(run["s"] * run["resources"].get("gpu", 0) for run in runs) / 3600
        row["gpu"] = _busy(
            {path.relative_to(folder): run for path, run in all_runs.items() if run}, Path(benchmarks).parent / "gpus"
        )
        rows.append(row)
    return rows


def last_run(path: Path) -> dict | None:
    """The last line of a benchmark with its numbers; None of one that a job is writing, or without what was asked for."""
    try:
        run = json.loads(path.read_text(encoding="utf-8").splitlines()[-1])
        numbers = {name: float(run[name]) for name in ("s", "max_rss", "cpu_time")}  # "NA" of a job under half a second
        return {**numbers, "threads": run["threads"], "resources": run["resources"]}
    except (OSError, ValueError, IndexError, KeyError, TypeError):
        return None


def _busy(runs: dict[Path, dict], folder: Path) -> float | None:
    """Mean share of time in which GPUs had work, of the jobs that were told it."""
    files = [(run["s"], folder / path.with_suffix(".json")) for path, run in runs.items() if run["resources"].get("gpu")]
    told = [(seconds, file) for seconds, file in files if file.exists() and file.stat().st_size]  # Snakemake makes empty logs
    shares = [(seconds, read_json(file)["busy"]) for seconds, file in told]
    total = sum(seconds for seconds, _ in shares)
    return sum(seconds * share for seconds, share in shares) / total if total else None


def _counts(path: Path, folder: Path, dataset: str) -> bool:
    first = path.relative_to(folder).parts[0]
    return folder.name in OF_ORIGINS or first in (dataset, f"{dataset}.jsonl")
