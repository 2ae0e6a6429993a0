"""What goes wrong on a cluster, while shards of generated images are made; the dataset is the same afterwards."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from cluster.cluster import FOLDER, end, running, start, start_node
from tests.building import HOME
from tests.cluster.place import GENERATED, SOON, ask, wait_for

SHARD, SECOND, THIRD = GENERATED


def same(copy, both) -> None:
    """The shards are byte for byte what they were, and so is the dataset that is made of them."""
    for shard in GENERATED:
        path = f"results/demo/origins/{shard}.parquet"
        assert (copy.work / path).read_bytes() == (both[1].work / path).read_bytes()
    copy.run()
    assert copy.root_hash() == both[1].root_hash()
    assert not list((copy.work / "results").rglob("*.partial*"))


def runs(copy, shard: str) -> list[dict]:
    """What accounting has of each run of a shard's jobs, in the order of their starts."""
    mine = [job for job in copy.accounted() if job["Comment"].endswith(shard.replace("/", "_"))]
    return sorted(mine, key=lambda job: (job["Start"], job["JobIDRaw"]))


def states(copy, shard: str) -> list[str]:
    return [job["State"].split()[0] for job in runs(copy, shard)]


def resumed(copy, shard: str) -> bool:
    """Whether the last run of the shard went on from batches of an earlier one."""
    log = copy.work / f"logs/generate_shard/demo/{shard}.log"
    return "images are there from an earlier try" in log.read_text(encoding="utf-8")


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


def batches(copy, shard: str) -> list[Path]:
    return list((copy.work / f"results/demo/origins/{shard}.parquet.partial").glob("batch-*.parquet"))


def seconds_left(job: str) -> int:
    """Until Slurm ends a running job; 0 if it has ended."""
    left = ask("squeue", "--noheader", f"--jobs={job}", "--states=RUNNING", "--format=%L").strip()
    return sum(int(part) * unit for part, unit in zip(reversed(left.split(":")), (1, 60), strict=False)) if left else 0


def come_back(copy, process, job: dict) -> None:
    """Wait until Slurm has queued the job again, and spare us the two minutes it would let pass."""
    wait_for(lambda: job["id"] in {waiting["id"] for waiting in copy.jobs("PENDING")}, process)
    ask("scontrol", "update", f"jobid={job['id']}", "starttime=now")


def test_cancelled_preempted_and_on_a_node_that_is_lost(both, copy):
    with copy.start(*copy.forget(*GENERATED)) as process:
        cancelled = wait_for(copy.generating(SHARD, batches=2), process)
        ask("scancel", cancelled["id"])
        preempted = wait_for(copy.generating(SECOND, batches=2), process)
        urgently = f"--account=research --partition=urgent --exclusive --nodelist={preempted['node']} --output=/dev/null"
        urgent = ask("sbatch", "--parsable", *urgently.split(), "--wrap=sleep 1").strip()
        lost = wait_for(copy.generating(THIRD, batches=1), process)
        for pid in (running(f"slurmd-{lost['node']}"), *processes_of(lost["id"])):
            os.kill(pid, signal.SIGKILL)
        try:
            come_back(copy, process, preempted)
            come_back(copy, process, lost)
            copy.finish(process)
        finally:
            start_node(lost["node"])
    assert ask("sacct", "-X", "-n", "-j", urgent, "-o", "State").strip() == "COMPLETED"
    assert states(copy, SHARD) == ["CANCELLED", "COMPLETED"]
    assert states(copy, SECOND) == ["PREEMPTED", "COMPLETED"]
    assert states(copy, THIRD) == ["NODE_FAIL", "COMPLETED"]
    first, second = runs(copy, THIRD)
    assert first["NodeList"] != second["NodeList"]
    assert all(resumed(copy, shard) for shard in GENERATED)
    same(copy, both)


def test_over_its_time_or_its_memory_a_job_gets_more(both, copy):
    time = "attempt if 'sd' in wildcards.origin else 31"
    memory = "64000 if 'sd' in wildcards.origin else 500 * 16 ** (attempt - 1)"
    with copy.start(*copy.forget(SHARD, SECOND), runtime=time, mem_mb=memory) as process:
        job = wait_for(copy.generating(SHARD, batches=2), process)
        for pid in workers_of(job["id"]):
            os.kill(pid, signal.SIGSTOP)  # as slow as can be
        copy.finish(process)
    assert states(copy, SHARD) == ["TIMEOUT", "COMPLETED"]
    assert [job["Timelimit"] for job in runs(copy, SHARD)] == ["00:01:00", "00:02:00"]
    assert resumed(copy, SHARD)
    assert states(copy, SECOND) in (["FAILED", "COMPLETED"], ["OUT_OF_MEMORY", "COMPLETED"])
    assert [job["ReqMem"] for job in runs(copy, SECOND)] == ["500M", "8000M"]
    same(copy, both)


def test_a_group_whose_memory_was_short_is_made_again_and_no_shard_twice(both, copy):
    paths = copy.forget(*(f"demo_photos/real-0000{number}" for number in range(3)))
    with copy.start(*paths, "--set-resources", "adopt_shard:mem_mb=20 * 100 ** (attempt - 1)") as process:
        copy.finish(process)
    jobs = sorted(copy.accounted(), key=lambda job: job["Start"])
    assert {job["Comment"] for job in jobs} == {"rule_adopt_demo_photos_real_0000_adopt_shard"}
    assert [job["ReqMem"] for job in jobs] == ["60M", "6000M"]
    assert [job["State"] for job in jobs] in (["FAILED", "COMPLETED"], ["OUT_OF_MEMORY", "COMPLETED"])
    same(copy, both)


def test_slurm_and_its_accounting_may_go_away_for_a_while(both, copy):
    with copy.start(*copy.forget(SHARD)) as process:
        wait_for(copy.generating(SHARD), process)
        end("slurmctld", signal.SIGKILL)
        end("slurmdbd", signal.SIGKILL)
        done = copy.work / f"results/demo/origins/{SHARD}.parquet"
        wait_for(done.exists, process)  # the job goes on, and nobody hears of its end
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(10)  # questions without an answer
        start()
        copy.finish(process)
    assert states(copy, SHARD) == ["COMPLETED"]
    same(copy, both)


def test_told_before_the_end_of_its_time_a_job_keeps_the_batches_in_hand(both, copy):
    early = "'--exclusive --signal=TERM@40'"  # the profile's two minutes ask for a longer job; Slurm may be 30 s early
    with copy.start(*copy.forget(SHARD), runtime="2 * attempt", slurm_extra=early) as process:
        job = wait_for(copy.generating(SHARD), process)
        workers = workers_of(job["id"])
        for pid in workers:
            os.kill(pid, signal.SIGSTOP)  # so that it is at work until it is told
        before = len(batches(copy, SHARD))
        wait_for(lambda: seconds_left(job["id"]) <= 38, process)
        for pid in workers:
            with suppress(ProcessLookupError):  # Slurm has them go on, too, when it warns, half a minute early at most
                os.kill(pid, signal.SIGCONT)
        wait_for(lambda: states(copy, SHARD)[:1] == ["FAILED"], process)  # and not TIMEOUT
        (log,) = (copy.work / "logs/slurm").rglob(f"{job['id']}.log")
        told = log.read_text(encoding="utf-8")
        copy.finish(process)
    assert "the job was told to stop (SIGTERM)" in told
    assert 0 < int(re.search(r"(\d+) batches are not made", told)[1]) <= 16 - before - len(workers)  # of 16
    assert states(copy, SHARD) == ["FAILED", "COMPLETED"]
    assert resumed(copy, SHARD)
    same(copy, both)


@pytest.fixture
def small_disk(copy):
    """The folder of one origin's shards lies on a disk of its own, with room for a batch or two; ``grow()`` adds some."""
    folder = copy.work / "results/demo/origins/demo_sd"
    copy.forget(SHARD)
    folder.rename(folder.with_suffix(".old"))
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=250k", "none", folder], capture_output=True).returncode:
        pytest.skip("this container may not mount a small disk")
    try:
        subprocess.run(["cp", "-a", f"{folder.with_suffix('.old')}/.", folder], check=True)
        shutil.rmtree(folder.with_suffix(".old"))
        yield lambda: subprocess.run(["mount", "-o", "remount,size=100m", folder], check=True)
    finally:
        subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_named_and_with_room_the_next_try_goes_on(both, copy, small_disk):
    with copy.start(f"results/demo/origins/{SHARD}.parquet") as process:
        wait_for(lambda: states(copy, SHARD)[:1] == ["FAILED"], process)
        (log,) = (copy.work / "logs/slurm").rglob(f"{runs(copy, SHARD)[0]['JobIDRaw']}.log")
        assert "No space left on device" in log.read_text(encoding="utf-8")
        small_disk()
        copy.finish(process)
    tries = states(copy, SHARD)
    assert set(tries[:-1]) == {"FAILED"}
    assert tries[-1] == "COMPLETED"
    same(copy, both)


def test_without_accounting_a_build_goes_on_and_the_next_waits_for_it(both, copy):
    targets = (*copy.forget(SHARD), "results/demo/screen.parquet")  # the second is submitted when accounting is away
    with copy.start(*targets, build=True) as process:
        wait_for(copy.generating(SHARD), process)
        end("slurmdbd", signal.SIGKILL)
        try:
            copy.finish(process)
            with copy.start("results/demo/manifest.parquet", build=True) as process:
                wait_for(lambda: "Slurm does not answer" in copy.words(), process)
                start()
                copy.finish(process)
        finally:
            start()
    assert states(copy, SHARD) == ["COMPLETED"]
    same(copy, both)


@pytest.fixture
def full_scratch():
    """The scratch of node1 is a disk of 64 kB without room."""
    scratch = FOLDER / "scratch/node1"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", scratch], capture_output=True).returncode:
        pytest.skip("this container may not mount a small disk")
    try:
        with pytest.raises(OSError, match="No space"):
            (scratch / "full").write_bytes(b"0" * 100_000)
        yield
    finally:
        subprocess.run(["umount", scratch], check=True)


def test_a_killed_snakemake_starts_again_and_takes_over_what_runs_on_a_node_whose_scratch_is_full(both, copy, full_scratch):
    paths = copy.forget(SECOND, THIRD)
    with copy.start(*paths, build=True, slurm_extra="'--exclusive --nodelist=node1'") as process:
        wait_for(lambda: len(copy.jobs("PENDING")) == 1 and any(copy.generating(shard)() for shard in (SECOND, THIRD)), process)
        (snakemake,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        os.kill(int(snakemake), signal.SIGKILL)
        text = copy.finish(process)
    assert "Snakemake was killed; starting it again" in text
    assert "waiting for jobs of an earlier start" in text
    ended = sorted([*states(copy, SECOND), *states(copy, THIRD)])
    assert ended == ["CANCELLED", "COMPLETED", "COMPLETED"]  # the one that waited; then each shard once
    same(copy, both)


def test_the_head_may_be_a_small_job_of_its_own(both, copy):
    (path,) = copy.forget("demo_photos/real-00000")
    arguments = [*copy.command(path)[3:], *SOON]
    where = ("--account=research", "--partition=cpu", f"--chdir={HOME}", f"--output={copy.folder}/head.txt", "--wait")
    done = subprocess.run(["sbatch", *where, str(HOME / "profiles/slurm/build"), *arguments], timeout=240)
    assert done.returncode == 0, (copy.folder / "head.txt").read_text(encoding="utf-8")
    assert [job["State"] for job in copy.accounted()] == ["COMPLETED"]  # the shard's; the head runs elsewhere
    same(copy, both)
