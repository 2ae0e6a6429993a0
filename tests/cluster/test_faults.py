"""What goes wrong on a cluster, one by one, on shards of generated images; the dataset is the same afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from cluster.cluster import FOLDER, end, running, start, start_node
from tests.cluster.place import GENERATED, ask, wait_for

SHARD = GENERATED[0]
RESUMED = "images are there from an earlier try"


def same(copy, both) -> None:
    """The shards are byte for byte what they were, and so is the dataset that is made of them."""
    for shard in GENERATED:
        path = f"results/demo/origins/{shard}.parquet"
        assert (copy.work / path).read_bytes() == (both[1].work / path).read_bytes()
    copy.run()
    assert copy.root_hash() == both[1].root_hash()
    assert not list((copy.work / "results").rglob("*.partial*"))


def states(copy) -> list[str]:
    """How each generate job ended, in the order of their starts."""
    jobs = [job for job in copy.accounted() if job["Comment"].startswith("rule_generate_shard")]
    return [job["State"].split()[0] for job in sorted(jobs, key=lambda job: job["Start"])]


def log_of(copy, shard: str = SHARD) -> str:
    return (copy.work / f"logs/generate_shard/demo/{shard}.log").read_text(encoding="utf-8")


def processes_of(job: str) -> list[int]:
    """Processes that belong to a job: by their environment, and the job's own slurmstepd."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment, command = (folder / "environ").read_bytes(), (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"SLURM_JOB_ID={job}".encode() in environment.split(b"\0") or command.startswith(f"slurmstepd: [{job}.".encode()):
            found.append(int(folder.name))
    return found


def workers_of(job: str) -> list[int]:
    return [pid for pid in processes_of(job) if b"touchstone.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_a_cancelled_shard_is_made_again_from_its_batches(both, copy):
    with copy.start(*copy.forget(SHARD)) as process:
        job = wait_for(copy.generating(SHARD, batches=2), process)
        ask("scancel", job["id"])
        copy.finish(process)
    assert states(copy) == ["CANCELLED", "COMPLETED"]
    assert RESUMED in log_of(copy)
    same(copy, both)


def test_over_its_time_a_job_gets_more_and_goes_on(both, copy):
    with copy.start(*copy.forget(SHARD), runtime="attempt") as process:
        job = wait_for(copy.generating(SHARD, batches=2), process)
        for pid in workers_of(job["id"]):
            os.kill(pid, signal.SIGSTOP)  # as slow as can be
        copy.finish(process)
    assert states(copy) == ["TIMEOUT", "COMPLETED"]
    limits = [job["Timelimit"] for job in copy.accounted()]
    assert limits == ["00:01:00", "00:02:00"]
    assert RESUMED in log_of(copy)
    same(copy, both)


def test_over_its_memory_a_job_gets_more(both, copy):
    with copy.start(*copy.forget(SHARD), mem_mb="500 * 16 ** (attempt - 1)") as process:
        copy.finish(process)
    assert states(copy)[-1] == "COMPLETED"
    assert set(states(copy)[:-1]) <= {"FAILED", "OUT_OF_MEMORY", "CANCELLED"}
    assert [job["ReqMem"] for job in copy.accounted()] == ["500M", "8000M"]
    same(copy, both)


def test_a_lost_node_is_avoided(both, copy):
    with copy.start(*copy.forget(SHARD)) as process:
        job = wait_for(copy.generating(SHARD, batches=2), process)
        for pid in (running(f"slurmd-{job['node']}"), *processes_of(job["id"])):
            os.kill(pid, signal.SIGKILL)
        try:
            wait_for(lambda: copy.jobs("PENDING"), process)
            ask("scontrol", "update", f"jobid={job['id']}", "starttime=now")  # Slurm would wait two minutes
            copy.finish(process)
        finally:
            start_node(job["node"])
    assert states(copy) == ["NODE_FAIL", "COMPLETED"]
    first, second = sorted(copy.accounted(), key=lambda job: job["Start"])
    assert first["NodeList"] != second["NodeList"]
    assert RESUMED in log_of(copy)
    same(copy, both)


def test_slurm_and_its_accounting_may_go_away_for_a_while(both, copy):
    with copy.start(*copy.forget(SHARD)) as process:
        wait_for(copy.generating(SHARD), process)
        end("slurmctld", signal.SIGKILL)
        end("slurmdbd", signal.SIGKILL)
        done = copy.work / f"results/demo/origins/{SHARD}.parquet"
        wait_for(done.exists, process)  # the job goes on, and nobody hears of its end
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(30)  # many questions without an answer
        start()
        copy.finish(process)
    assert states(copy) == ["COMPLETED"]
    same(copy, both)


def test_a_preempted_job_comes_back(both, copy):
    with copy.start(*copy.forget(SHARD)) as process:
        job = wait_for(copy.generating(SHARD, batches=2), process)
        urgently = f"--account=research --partition=urgent --exclusive --nodelist={job['node']} --output=/dev/null"
        urgent = ask("sbatch", "--parsable", *urgently.split(), "--wrap=sleep 5").strip()
        copy.finish(process)
    assert ask("sacct", "-X", "-n", "-j", urgent, "-o", "State").strip() == "COMPLETED"
    assert states(copy)[-1] == "COMPLETED"
    assert "PREEMPTED" in states(copy)
    assert RESUMED in log_of(copy)
    same(copy, both)


def test_a_killed_snakemake_is_started_again_and_takes_over(both, copy):
    paths = copy.forget(*GENERATED[1:])
    with copy.start(*paths, build=True, slurm_extra="'--exclusive --nodelist=node1'") as process:
        wait_for(lambda: len(copy.jobs("PENDING")) == 1 and any(copy.generating(shard)() for shard in GENERATED[1:]), process)
        (snakemake,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(snakemake), signal.SIGKILL)
        text = copy.finish(process)
    assert "Snakemake was killed; starting it again" in text
    assert "waiting for jobs of an earlier start" in text
    assert sorted(states(copy)) == ["CANCELLED", "COMPLETED", "COMPLETED"]  # the one that waited; each shard once
    same(copy, both)


def test_a_full_disk_for_scratch_on_the_node_does_not_matter(both, copy):
    scratch = FOLDER / "scratch/node1"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", scratch], capture_output=True).returncode:
        pytest.skip("this container may not mount a small disk")
    try:
        with pytest.raises(OSError, match="No space"):
            (scratch / "full").write_bytes(b"0" * 100_000)
        with copy.start(*copy.forget(SHARD), slurm_extra="'--exclusive --nodelist=node1'") as process:
            copy.finish(process)
    finally:
        subprocess.run(["umount", scratch], check=True)
    assert states(copy) == ["COMPLETED"]
    same(copy, both)
