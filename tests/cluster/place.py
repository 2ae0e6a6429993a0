"""A folder to build in on the test cluster, and what one asks Slurm."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.building import HOME, Workplace

# Asked sooner than the profile does, so that tests are short; all else is as users run it.
SOON = ("--slurm-init-seconds-before-status-checks", "2", "--max-status-checks-per-second", "0.5", "--latency-wait", "10")
GENERATED = (
    "demo_sd/demo_stable_diffusion-00000",
    "demo_variations/demo_image_variation-00000",
    "demo_variations/demo_image_variation-00001",
)
COLUMNS = "JobIDRaw,Partition,NNodes,NodeList,AllocTRES,AllocCPUS,State,Submit,Start,End,Timelimit,ReqMem,Comment"


class ClusterPlace(Workplace):
    """A workplace whose ``start`` builds with ``profiles/slurm``; ``run`` still builds on this machine."""

    def copy(self, folder: Path, home: Path = HOME) -> ClusterPlace:
        super().copy(folder, home)
        return ClusterPlace(folder, home)

    @contextmanager
    def start(self, *arguments: str, build: bool = False, **generate: str) -> Iterator[subprocess.Popen]:
        """Snakemake at work with the profile, its words in ``output.txt``; by ``profiles/slurm/build`` if so asked for.

        ``generate`` are other resources of generate_shard, as expressions.
        """
        command = [*self.command(*arguments), *SOON, "--profile", str(HOME / "profiles/slurm")]
        if generate:  # which replaces what the profile sets
            resources = {"slurm_partition": "'gpu'", "slurm_extra": "'--exclusive'"} | generate
            command += ["--set-resources", *(f"generate_shard:{name}={value}" for name, value in resources.items())]
        if build:
            command = [str(HOME / "profiles/slurm/build"), *command[3:]]
        environment = os.environ | {"NO_COLOR": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        with open(self.folder / "output.txt", "ab") as output:
            process = subprocess.Popen(command, cwd=HOME, stdout=output, stderr=output, env=environment)
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            for job in self.jobs("PENDING,RUNNING"):
                ask("scancel", job["id"])

    def finish(self, process: subprocess.Popen, fails: bool = False) -> str:
        """Wait for the end, which must be a success, or a failure if ``fails``; all that was printed."""
        status = process.wait(timeout=600)
        assert (status != 0) == fails, self.words()[-6000:]
        return self.words()

    def forget(self, *shards: str) -> tuple[str, ...]:
        """Delete take shards, and what is made of all; the paths of the shards, to ask for."""
        paths = tuple(f"results/demo/origins/{shard}.parquet" for shard in shards)
        for path in (*paths, "results/demo/screen.parquet", "results/demo/manifest.parquet"):
            (self.work / path).unlink()
        return paths

    def words(self) -> str:
        """What Snakemake has said so far."""
        return (self.folder / "output.txt").read_text(encoding="utf-8")

    def jobs(self, states: str) -> list[dict]:
        """Jobs of this folder that Slurm has in these states."""
        text = ask("squeue", "--noheader", f"--states={states}", "--format=%i|%N|%k|%Z")
        rows = [line.split("|") for line in text.splitlines()]
        return [{"id": row[0], "node": row[1], "comment": row[2]} for row in rows if row[3] == str(self.work)]

    def accounted(self) -> list[dict]:
        """What accounting says of all jobs of this folder, requeued ones once for each run."""
        text = ask(*f"sacct -X -D --noheader --parsable2 --format={COLUMNS},WorkDir".split())
        rows = [line.split("|") for line in text.splitlines()]
        return [dict(zip(COLUMNS.split(","), row[:-1], strict=True)) for row in rows if row[-1] == str(self.work)]

    def generating(self, shard: str, batches: int = 1) -> Callable[[], dict | None]:
        """A question to wait for: the running job of a shard that has so many batches, else None."""

        def job() -> dict | None:
            folder = self.work / f"results/demo/origins/{shard}.parquet.partial"
            if len(list(folder.glob("batch-*.parquet"))) < batches:
                return None
            return next((job for job in self.jobs("RUNNING") if job["comment"].endswith(shard.replace("/", "_"))), None)

        return job


def ask(*command: str) -> str:
    """What a command of Slurm prints; it must succeed."""
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout


def wait_for(what: Callable, process: subprocess.Popen | None = None, seconds: float = 120) -> object:
    """What ``what()`` gives once it is true; fails if the process ends before, or after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert process is None or process.poll() is None, "Snakemake ended before"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)  # polls Slurm; there is nothing to be told by
    return found
