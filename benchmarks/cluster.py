"""What Slurm and Snakemake add to the work of short shards: as single jobs, as arrays, and in the profile's groups.

Run it from the repository's folder, as root on a machine with Debian's Slurm: ``python -m benchmarks.cluster
[--write]``. It starts the cluster of ``make cluster``, takes photographs of the demo in shards of one image,
which is next to no work, and asks accounting, the shards' logs and Snakemake's benchmarks what happened when.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from statistics import mean
from time import perf_counter

from benchmarks.measuring import machine, main
from tests.building import HOME
from tests.cluster.place import SOON, ClusterPlace, ask

AT_A_TIME = 3  # shards: single jobs and an array's get a node's memory each, of three nodes; three groups get a core each
ALONE = ["--groups", "nothing=nothing", "--set-resources", "adopt_shard:mem_mb=300000"]
FORMS = {
    "single jobs": ALONE,
    "an array": [*ALONE, "--slurm-array-jobs", "adopt_shard"],
    "groups": ["--cores", "1", "--jobs", str(AT_A_TIME)],
}
PATIENCE = 500  # seconds for each
RUNS = (("single jobs", 20), ("an array", 20), ("groups", 20), ("groups", 200))  # form, shards

ABOUT = """\
`python -m benchmarks.cluster`, {date}, on {machine}, real Slurm of `make cluster`, {at_a_time} shards at a time.
*Jobs*: of Slurm. *Waits*: from sbatch to the start on the node, in an array also for others of it. *First line*: from the start
on the node to the first line of a shard's log: Slurm's step, and Snakemake reading the workflow twice. *Work*: the shards'
own, as Snakemake's benchmarks measure it, all together. *Charged*: core-seconds of all jobs. *Whole*: from the command to
its end.
"""


def prepare(folder: Path) -> ClusterPlace:
    """The demo's photographs listed and drawn, in shards of one image, none of them taken."""
    place = ClusterPlace(folder)
    place.edit("datasets/demo.yaml", shard_items=1, reals__demo_photos__margin=2.2)
    place.run("results/demo/origins/demo_photos/draw.parquet", cores=4)
    return place


def measure(place: ClusterPlace, form: str, shards: int) -> dict[str, float] | None:
    """Take so many shards on the cluster: number of Slurm's jobs, and seconds. None if they were not all taken in time."""
    names = [f"real-{number:05d}" for number in range(shards)]
    targets = [f"results/demo/origins/demo_photos/{name}.parquet" for name in names]
    command = [*place.command(*targets), *SOON, "--profile", str(HOME / "profiles/slurm"), *FORMS[form]]
    start = perf_counter()
    with open(place.folder / "output.txt", "w") as output, suppress(subprocess.TimeoutExpired):
        subprocess.run(command, cwd=HOME, stdout=output, stderr=output, timeout=PATIENCE)
    whole = perf_counter() - start
    for job in place.jobs("PENDING,RUNNING"):
        ask("scancel", job["id"])
    jobs = place.accounted()
    if not all((place.work / target).exists() for target in targets):
        print("\n".join(place.words().splitlines()[-30:]), file=sys.stderr)
        return None
    assert all(job["State"] == "COMPLETED" for job in jobs), jobs
    begun = defaultdict(list)  # of the shards of each job
    for name in names:
        begun[name[:-1] if form == "groups" else name].append(_born(place.work / f"logs/adopt_shard/demo/demo_photos/{name}.log"))
    assert len(begun) == len(jobs), (len(begun), jobs)
    runs = sorted((place.work / "logs/benchmarks/adopt_shard").rglob("*.jsonl"))
    return {
        "jobs": len(jobs),
        "waits": mean(_when(job["Start"]) - _when(job["Submit"]) for job in jobs),
        "first": mean(min(times) for times in begun.values()) - mean(_when(job["Start"]) for job in jobs),
        "work": sum(float(json.loads(path.read_text(encoding="utf-8").splitlines()[-1])["s"]) for path in runs),
        "charged": sum(int(job["AllocCPUS"]) * (_when(job["End"]) - _when(job["Start"])) for job in jobs),
        "whole": whole,
    }


def _when(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _born(path: Path) -> float:
    """When a file was made; Python does not tell."""
    return float(subprocess.run(["stat", "--format=%.3W", path], capture_output=True, text=True, check=True).stdout)


def results() -> str:
    """Measure everything; a Markdown section."""
    lines = [
        "| as | shards | jobs | waits | first line | work | charged | charged / work | whole |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    subprocess.run([sys.executable, str(HOME / "cluster/cluster.py"), "start"], check=True, stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory() as folder:
        drawn = prepare(Path(folder, "drawn"))
        for number, (form, shards) in enumerate(RUNS):
            found = measure(drawn.copy(Path(folder, str(number))), form, shards)
            if not found:
                lines.append(f"| {form} | {shards} | not all taken within {PATIENCE} s | | | | | | |")
                continue
            cells = [f"{found[key]:.1f} s" for key in ("waits", "first")] + [f"{found[key]:.0f} s" for key in ("work", "charged")]
            cells += [f"{found['charged'] / found['work']:.1f}", f"{found['whole']:.0f} s"]
            lines.append(f"| {form} | {shards} | {found['jobs']} | {' | '.join(cells)} |")
            print(lines[-1], file=sys.stderr)
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), at_a_time=AT_A_TIME), *lines])


if __name__ == "__main__":
    main("cluster", __doc__, results)
