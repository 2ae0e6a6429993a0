"""Killed builds go on, and a build does not depend on cores or workers: the root hash says so."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest
from benchmarks.faults import series
from tests.building import Workplace

pytestmark = pytest.mark.slow

GENERATED = "results/demo/origins/demo_sd/demo_stable_diffusion-00000.parquet"


def forget_generated(place: Workplace) -> None:
    (place.work / GENERATED).unlink()


def batches(place: Workplace) -> dict[str, int]:
    """Finished batches of a shard in work, and when each was made."""
    return {str(path): path.stat().st_mtime_ns for path in (place.work / "results").rglob("batch-*.parquet")}


def wait_for(what, process: subprocess.Popen) -> None:
    """Until ``what()`` is true; fails if the process ends before."""
    while not what():
        assert process.poll() is None, "Snakemake ended before the test could kill it"
        time.sleep(0.01)  # polls the folder; there is nothing to be told by


def test_killed_while_generating_and_run_again(demo, copy):
    forget_generated(copy)
    with open(copy.folder / "output.txt", "wb") as output:
        process = subprocess.Popen(copy.command("--cores", "2"), stdout=output, stderr=output)
        wait_for(lambda: len(batches(copy)) >= 3, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    copy.run()
    assert (copy.work / GENERATED).exists()  # by the job that outlived Snakemake, or by another
    assert copy.root_hash() == demo.root_hash()
    assert not list((copy.work / "results").rglob("*.partial*"))


def test_killed_with_its_jobs_loses_only_the_batches_in_hand(demo, copy):
    forget_generated(copy)
    with open(copy.folder / "output.txt", "wb") as output:
        process = subprocess.Popen(copy.command("--cores", "2"), stdout=output, stderr=output, start_new_session=True)
        wait_for(lambda: len(batches(copy)) >= 3, process)
        os.killpg(process.pid, signal.SIGKILL)  # Snakemake, its job, and the workers
        process.wait()
    there = batches(copy)
    assert there
    text = copy.run()
    assert "images are there from an earlier try" in text
    assert copy.root_hash() == demo.root_hash()


def test_a_short_series_of_kills_leaves_no_trace(demo, tmp_path):
    """The long one is ``python -m benchmarks.faults``."""
    told = series(tmp_path, seed=5, kills=8, reference=lambda name: demo)
    assert told["faults"] == []
    assert told["kills"].total() == 8


@pytest.mark.parametrize(("cores", "workers"), [(1, 1), (2, 3)])
def test_cores_and_workers_do_not_change_the_dataset(demo, copy, cores, workers):
    forget_generated(copy)
    (copy.work / "results/demo/screen.parquet").unlink()
    copy.run("--set-threads", f"generate_shard={workers}", cores=max(cores, workers))
    assert copy.root_hash() == demo.root_hash()


def test_a_whole_build_on_one_core_is_the_same(demo, tmp_path):
    place = Workplace(tmp_path / "place")
    place.run(cores=1)
    assert place.root_hash() == demo.root_hash()


def test_a_flipped_bit_in_a_take_shard_stops_the_pack_and_says_what_to_do(copy):
    packed = copy.work / "results/demo/data/train/demo_photos-real-00000.parquet"
    row = pq.read_table(packed, columns=["image", "id"]).to_pylist()[7]
    drawn = pq.read_table(copy.work / "results/demo/origins/demo_photos/draw.parquet").to_pylist()
    name = next(f"results/demo/origins/demo_photos/{pick['shard']}.parquet" for pick in drawn if pick["id"] == row["id"])
    shard = copy.work / name
    data, stat = bytearray(shard.read_bytes()), shard.stat()
    data[data.index(row["image"]["bytes"]) + 99] ^= 1
    shard.write_bytes(data)
    os.utime(shard, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    packed.unlink()
    text = copy.run(fails=True)
    assert f"a take shard is damaged: the image of {row['id']} is not the one that was taken" in text
    assert f"mend:  remake it: snakemake --forcerun {name}" in text
    copy.run("--forcerun", name)
    assert hashlib.sha256(shard.read_bytes()).hexdigest() != hashlib.sha256(data).hexdigest()
    assert packed.exists()
