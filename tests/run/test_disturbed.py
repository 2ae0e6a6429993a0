"""Builds that are disturbed otherwise than by kills: a full disk, a clock that jumps, a second build, a shared folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time

import pytest
from benchmarks.faults import names
from tests import disks
from tests.building import Workplace

pytestmark = pytest.mark.slow

INDEX = "results/origins/demo_photos/index.parquet"


def started(place: Workplace, *arguments: str) -> subprocess.Popen:
    """A build that has begun its first job."""
    with open(place.folder / "output.txt", "ab") as output:
        process = subprocess.Popen(place.command(*arguments, "--cores", "2"), stdout=output, stderr=output)
    while not (place.work / ".snakemake/jobs").exists():
        assert process.poll() is None
        time.sleep(0.01)  # polls the folder; there is nothing to be told by
    return process


def test_a_disk_that_fills_up_under_a_build(demo, tmp_path):
    with disks.full(tmp_path / "place/work", 2 << 30) as resize:
        place = Workplace(tmp_path / "place")
        place.run("--until", "fetch_origin", "fetch_model")
        resize(shutil.disk_usage(place.work).used + 1_000_000)
        text = place.run("--keep-going", fails=True)
        assert "the disk is full (No space left on device)" in text
        assert "mend:  make room and run again" in text
        assert "report it" not in text
        resize()
        place.run()
        assert place.root_hash() == demo.root_hash()
        assert names(place.work) == names(demo.work)


@pytest.mark.parametrize("days", [-400, 3])
def test_a_clock_that_jumps_makes_nothing_again_and_stops_nothing(demo, copy, days):
    """All that was made is of another year, as after a dead battery; then a part of it is made anew."""
    for path in (copy.work / "results").rglob("*"):
        when = path.lstat().st_mtime_ns + days * 86_400 * 10**9
        os.utime(path, ns=(when, when), follow_symlinks=False)
    made = copy.made()
    (copy.work / "results/demo/screen.parquet").unlink()
    copy.run()
    assert copy.root_hash() == demo.root_hash()
    assert not copy.dry_run(), "what was made is taken for older than what it was made from"
    again = {name for name in made if "/data/" in name or name.startswith("demo/origins/")}
    if days < 0:
        assert {name: copy.made()[name] for name in again} == {name: made[name] for name in again}


def test_a_node_that_is_ahead_does_not_stop_the_steps_after_it(demo, copy):
    shard = copy.work / "results/demo/origins/demo_sd/demo_stable_diffusion-00000.parquet"
    ahead = time.time() + 3600
    os.utime(shard, (ahead, ahead))
    (copy.work / "results/demo/manifest.parquet").unlink()
    (copy.work / "results/demo/screen.parquet").unlink()
    assert "1 files were from the future" in copy.run()
    assert copy.root_hash() == demo.root_hash()
    assert not copy.dry_run()


def test_a_second_build_is_told_and_takes_nothing_from_the_first(tmp_path):
    place = Workplace(tmp_path)
    first = started(place)
    for arguments in ([], ["--unlock"], ["results/demo/README.md"], ["--nolock"]):
        text = place.run(*arguments, fails="--unlock" not in arguments)
        assert f"process {first.pid} on " in text
        assert first.poll() is None
    text = place.run("--nolock", fails=True)
    assert f"another build is at work in this folder: process {first.pid} on " in text
    assert "mend:  let it finish" in text
    place.run("plan")
    assert first.wait(580) == 0


def test_after_a_kill_the_same_command_goes_on_and_waits_for_what_is_still_at_work(demo, copy):
    """Only Snakemake is killed; its job lives on, and what it makes is not made twice."""
    shard = copy.work / "results/demo/origins/demo_sd/demo_stable_diffusion-00000.parquet"
    shard.unlink()
    process = started(copy)
    while not list(shard.parent.glob("*.partial/batch-*.parquet")):
        assert process.poll() is None
        time.sleep(0.01)  # polls the folder; there is nothing to be told by
    process.send_signal(signal.SIGKILL)
    process.wait()
    text = copy.run()
    assert "waiting for jobs that an earlier build left at work" in text
    assert "rule generate_shard" not in text, "its job had made the shard"
    assert copy.root_hash() == demo.root_hash()
    assert names(copy.work) == names(demo.work)


def test_two_builds_at_once_that_share_what_they_fetch(demo, tmp_path):
    """Archives and models lie in one folder, to which both builds' `resources` lead; nothing is there yet."""
    shared = tmp_path / "shared"
    places = [Workplace(tmp_path / name) for name in ("one", "other")]
    builds = []
    for place in places:
        (place.work / "resources").mkdir()
        for name in ("archives", "models"):
            (shared / name).mkdir(parents=True, exist_ok=True)
            (place.work / "resources" / name).symlink_to(shared / name)
        with open(place.folder / "output.txt", "wb") as output:
            builds.append(subprocess.Popen(place.command("--cores", "1"), stdout=output, stderr=output))
    for place, build in zip(places, builds, strict=True):
        assert build.wait(580) == 0, (place.folder / "output.txt").read_text()[-4000:]
        assert place.root_hash() == demo.root_hash()
    alone = demo.work / "resources"
    assert {str(path.relative_to(shared)) for path in shared.rglob("*")} == {
        str(path.relative_to(alone)) for name in ("archives", "models") for path in [alone / name, *(alone / name).rglob("*")]
    }
