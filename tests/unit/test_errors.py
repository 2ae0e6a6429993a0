"""errors.py: what the system refuses ends in a message to act on, and once that is mended the same command makes the file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile

import pyarrow.parquet as pq
import pytest
from tests import disks

from touchstone.draw import PICK
from touchstone.errors import TouchstoneError, refused_by_system, writing
from touchstone.files import write_json
from touchstone.record import empty_item, table_of

IMAGES = 60
TAKE = """
import sys
import pyarrow.dataset  # which is else imported when a table is read, and could be what may not be opened
from touchstone.adopt import adopt_shard
from touchstone.job import job
here, out = sys.argv[1:]
with job(f"{out}/logs/take.log", "take", "mine/real-00000") as progress:
    adopt_shard(picks=f"{here}/picks.parquet", receipt=f"{here}/receipt.json", shard=f"{out}/shards/a.parquet", progress=progress)
"""


@pytest.fixture
def take(tmp_path, picture):
    """``take(folder, *limits)`` takes a shard of half a megabyte as a job does, its log beside it → status and terminal."""
    with zipfile.ZipFile(tmp_path / "files.zip", "w") as archive:
        for number in range(IMAGES):
            archive.writestr(f"{number}.jpg", picture(seed=number, size=(160, 120), quality=95))
    rows = [
        empty_item() | {"id": f"mine/{rank}", "source_file": "files.zip", "source_member": f"{rank}.jpg", "rank": rank}
        for rank in range(IMAGES)
    ]
    pq.write_table(table_of(rows, PICK), tmp_path / "picks.parquet")
    write_json(tmp_path / "receipt.json", {"files": [{"name": "files.zip", "path": str(tmp_path / "files.zip")}]})

    def take(folder, *limits: str) -> tuple[int, str]:
        done = subprocess.run(
            [*limits, sys.executable, "-c", TAKE, str(tmp_path), str(folder)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr

    return take


def names(folder) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def refused(answer: tuple[int, str], what: str, where: object) -> None:
    status, terminal = answer
    assert status == 1
    assert what in terminal
    assert re.search(f"where: .*{re.escape(str(where))}", terminal)
    assert "mend:" in terminal
    assert "Traceback" not in terminal
    assert "report it" not in terminal


@pytest.mark.parametrize(
    ("disk", "n_bytes", "what"),
    [
        (disks.full, 100_000, "the disk is full (No space left on device)"),
        pytest.param(disks.over_quota, 200_000, "your quota of bytes or files on this disk is used up", marks=pytest.mark.slow),
        (disks.read_only, 100_000, "this can only be read (Read-only file system)"),
    ],
    ids=["full", "quota", "read-only"],
)
def test_a_disk_that_takes_no_more(take, tmp_path, disk, n_bytes, what):
    assert take(tmp_path / "elsewhere")[0] == 0
    with disk(tmp_path / "disk", n_bytes) as mend:
        refused(take(tmp_path / "disk"), what, tmp_path / "disk")
        assert names(tmp_path / "disk") <= {"logs/take.log"}
        mend()
        assert take(tmp_path / "disk")[0] == 0
        assert names(tmp_path / "disk") == {"logs/take.log", "shards/a.parquet"}
        assert (tmp_path / "disk/shards/a.parquet").read_bytes() == (tmp_path / "elsewhere/shards/a.parquet").read_bytes()


def test_a_folder_that_is_not_ours_to_write(take, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    (tmp_path / "out").mkdir(mode=0o555)
    refused(take(tmp_path / "out"), "this is not permitted to you", tmp_path / "out")


@pytest.mark.parametrize(
    ("limit", "what"),
    [("--fsize=100000", "a file may not grow as large"), ("--nofile=5", "the process may open no more files")],
)
def test_limits_of_the_process(take, tmp_path, limit, what):
    refused(take(tmp_path / "out", "prlimit", limit), what, tmp_path)
    assert names(tmp_path / "out") <= {"logs/take.log"}
    assert take(tmp_path / "out")[0] == 0


def test_what_is_not_the_systems_refusal_stays_what_it_is():
    assert refused_by_system(FileNotFoundError(2, "No such file")) is None
    with pytest.raises(FileNotFoundError), writing("a"):
        raise FileNotFoundError(2, "No such file")
    with pytest.raises(TouchstoneError, match="where: b"), writing("a"):
        raise PermissionError(13, "Permission denied", "b")
