"""What Slurm and Snakemake add to the work of shards, each a job, as the profile submits them.

Run it from the repository's folder, as root on a machine with Debian's Slurm: ``python -m benchmarks.cluster
[--write]``. It starts the cluster of ``make cluster``, takes photographs of the demo in shards of one image,
which is next to no work, and asks accounting and Snakemake's benchmarks when each job began and what it did.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from datetime import date, datetime
from pathlib import Path
from time import perf_counter

from benchmarks.measuring import machine, main
from tests.building import HOME
from tests.cluster.place import SOON, ClusterPlace

SIZES = (20, 200)  # shards, each a job
AT_A_TIME = 4  # jobs, one for each core of this machine

ABOUT = """\
`python -m benchmarks.cluster`, {date}, on {machine}, real Slurm of `make cluster`, {jobs} jobs at a time.
*Waits*: from sbatch to the start on the node. *Starts*: what a job takes on its node besides its shards' own
work, nearly all of it before the first line: Slurm's step, and Snakemake reading the workflow twice.
*Work*: the shards' own, as Snakemake's benchmarks measure it. *On nodes*: what all jobs were charged, against a shard.
*Whole*: from the command to its end.
"""


def prepare(folder: Path) -> ClusterPlace:
    """The demo's photographs listed and drawn, in shards of one image, none of them taken."""
    place = ClusterPlace(folder)
    place.edit("datasets/demo.yaml", shard_items=1, reals__demo_photos__margin=2.2)
    place.run("results/demo/origins/demo_photos/draw.parquet", cores=4)
    return place


def measure(place: ClusterPlace, shards: int) -> dict:
    """Take so many shards on the cluster; sums over all jobs, in seconds."""
    names = [f"results/demo/origins/demo_photos/real-{number:05d}.parquet" for number in range(shards)]
    command = [*place.command(*names), *SOON, "--profile", str(HOME / "profiles/slurm"), "--jobs", str(AT_A_TIME)]
    start = perf_counter()
    done = subprocess.run(command, cwd=HOME, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    whole = perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stdout[-6000:])
    jobs = place.accounted()
    runs = sorted((place.work / "logs/benchmarks/adopt_shard").rglob("*.jsonl"))
    work = sum(float(json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["s"]) for path in runs)
    on_nodes = sum(_seconds(job["Start"], job["End"]) for job in jobs)
    waits = sum(_seconds(job["Submit"], job["Start"]) for job in jobs)
    return {"jobs": len(jobs), "waits": waits / len(jobs), "starts": (on_nodes - work) / len(jobs),
            "work": work, "on_nodes": on_nodes, "whole": whole}  # fmt: skip


def _seconds(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()


def results() -> str:
    """Measure everything; a Markdown section."""
    lines = [
        "| shards | waits | starts | work | on nodes | a shard | whole |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    subprocess.run([sys.executable, str(HOME / "cluster/cluster.py"), "start"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as folder:
        drawn = prepare(Path(folder, "drawn"))
        for shards in SIZES:
            found = measure(drawn.copy(Path(folder, str(shards))), shards)
            cells = [f"{found[key]:.1f} s" for key in ("waits", "starts", "work")]
            cells += [f"{found['on_nodes']:.0f} s", f"{found['on_nodes'] / shards:.1f} s", f"{found['whole']:.0f} s"]
            lines.append(f"| {shards} | {' | '.join(cells)} |")
            print(lines[-1], file=sys.stderr)
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), jobs=AT_A_TIME), *lines])


if __name__ == "__main__":
    main("cluster", __doc__, results)
