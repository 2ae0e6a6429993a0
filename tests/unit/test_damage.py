"""damage.py: a table that was damaged on the disk is named, whichever step reads it, and nothing else is blamed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchstone.damage import damaged_table

JOB = """
import sys
import pyarrow.parquet as pq
from touchstone.job import job
with job(sys.argv[1], "split", "") as progress:
    pq.read_table(sys.argv[2])
"""
WAYS = {
    "read_table": pq.read_table,
    "read": lambda path: pq.ParquetFile(Path(path)).read(),
    "batches": lambda path: list(pq.ParquetFile(path).iter_batches()),
    "column": lambda path: pq.read_table(path, columns=["id"]),
}


@pytest.fixture
def table(tmp_path) -> Path:
    path = tmp_path / "screen.parquet"
    pq.write_table(pa.table({"id": [f"{number * 7919 % 10_007:05d}" for number in range(9_000)]}), path, compression="zstd")
    pq.write_table(pa.table({"id": ["a"]}), tmp_path / "good.parquet")
    return path


def spoil(path: Path, damage: str) -> None:
    data = bytearray(path.read_bytes())
    if damage == "middle":
        data[2_000:2_100] = bytes(100)
    elif damage == "end":
        data[-60:-20] = b"\xff" * 40
    else:
        del data[len(data) // 2 if damage == "cut" else 0 :]
    path.write_bytes(data)


@pytest.mark.parametrize("damage", ["middle", "end", "cut", "empty"])
@pytest.mark.parametrize("how", WAYS)
def test_a_damaged_table_is_named_with_its_mend(table, how, damage):
    def step(good: Path, bad: str) -> None:
        pq.read_table(good)
        WAYS[how](bad)

    spoil(table, damage)
    with pytest.raises(Exception) as caught:
        step(table.with_name("good.parquet"), str(table))
    told = damaged_table(caught.value)
    assert told.what.startswith("a table is damaged: ")
    assert str(told.where) == str(table)
    assert told.mend.endswith(f"rm {table}")


def test_other_failures_blame_no_table(table):
    with pytest.raises(KeyError) as caught:
        pq.read_table(table)["no such column"]
    assert damaged_table(caught.value) is None


def test_a_job_says_it_without_a_traceback(table, tmp_path):
    spoil(table, "cut")
    done = subprocess.run(
        [sys.executable, "-c", JOB, str(tmp_path / "job.log"), str(table)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "split : a table is damaged: " in done.stderr
    assert f"where: {table}" in done.stderr
    assert "Traceback" not in done.stderr
