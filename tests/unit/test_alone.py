"""alone.py: one build of a folder, what a killed one leaves, and jobs that outlive it; by processes that are really killed."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager

import pytest

BEGIN = "import sys; from touchstone import alone; {}; print('here', flush=True); sys.stdin.readline()"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".snakemake/locks").mkdir(parents=True)
    (tmp_path / ".snakemake/locks/0.output.lock").write_text("a.parquet\n")
    (tmp_path / ".snakemake/scripts").mkdir()
    (tmp_path / ".snakemake/scripts/tmpabc.take.py").touch()
    return tmp_path


@contextmanager
def at_work(folder, what: str):
    """A process that has done ``what`` in ``folder``; it is killed at the end."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", BEGIN.format(what)], cwd=folder, env=environment, **streams) as process:
        try:
            yield process
        finally:
            process.kill()


def look(folder) -> str:
    with at_work(folder, "print(alone.look())") as process:
        return process.stdout.readline().strip()


def test_a_second_build_is_told_who_is_at_work_and_when_that_ends_the_next_begins(folder):
    with at_work(folder, "alone.begin()") as first:
        assert first.stdout.readline() == "here\n"
        assert f"process {first.pid} on " in look(folder)
        with at_work(folder, "alone.begin()") as second:
            message = second.communicate(timeout=60)[1]
        assert f"another build is at work in this folder: process {first.pid} on " in message
        assert f"where: {folder}" in message
        assert (folder / ".snakemake/locks").exists(), "of one that lives"
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert look(folder) == ""
    assert not list((folder / ".snakemake").glob("[ls]*")), "of one that is dead"
    with at_work(folder, "alone.begin()") as third:
        assert third.stdout.readline() == "here\n"


def test_locks_that_another_machine_left_are_for_a_person_to_judge(folder):
    (folder / ".snakemake/build").write_text(json.dumps({"host": "login02", "pid": 1, "since": "2026-11-21 17:00"}))
    assert look(folder) == ""
    assert (folder / ".snakemake/locks/0.output.lock").exists()


def test_where_nobody_ever_built_there_is_nothing_to_say_and_nothing_is_made(tmp_path):
    assert look(tmp_path) == ""
    with at_work(tmp_path, "alone.at_work()") as process:
        assert process.stdout.readline() == "here\n"
    assert not list(tmp_path.iterdir())


def test_jobs_that_outlive_their_build_are_let_finish_and_then_it_starts_over(folder):
    with at_work(folder, "alone.at_work()") as one, at_work(folder, "alone.at_work()") as other:
        assert [one.stdout.readline(), other.stdout.readline()] == ["here\n"] * 2  # they do not shut each other out
        with at_work(folder, "print('start', flush=True); alone.begin()") as build:
            assert build.stdout.readline() == "start\n"
            assert "waiting for jobs that an earlier build left at work" in build.stderr.readline()
            look(folder)
            assert (folder / ".snakemake/scripts").exists()
            one.kill()
            one.wait()
            other.communicate("\n")
            assert [build.stdout.readline(), build.stdout.readline()] == ["start\n", "here\n"]


def test_a_shard_that_was_finished_when_nobody_noted_it_is_kept_and_a_table_is_not(folder):
    """Snakemake marks what a job is about to make, and has all that is marked made again after a kill."""
    made, half, table = (f"results/demo/origins/mine/{name}.parquet" for name in ("real-00000", "real-00001", "draw"))
    long = f"results/demo/origins/mine/{'x' * 220}-00000.parquet"
    marks = {name: folder / ".snakemake/incomplete" / marker(name) for name in (made, half, table, long)}
    marks[".nfs"] = folder / ".snakemake/incomplete/.nfs00000000c1"  # a file system's, not Snakemake's: no base64
    for name, mark in marks.items():
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        if name != half:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    (folder / ".snakemake/build").write_text(json.dumps({"host": "login02", "pid": 1, "since": "2026-11-21 17:00"}))
    with at_work(folder, "alone.begin()") as living:
        assert living.stdout.readline() == "here\n"
        look(folder)
        assert all(mark.exists() for mark in marks.values()), "somebody is at work on them"
    look(folder)
    assert {name for name, mark in marks.items() if mark.exists()} == {half, table, ".nfs"}


def marker(path: str) -> str:
    """Where Snakemake 9.27 marks a file as incomplete, below its folder for that (``persistence/file.py``)."""
    text = base64.urlsafe_b64encode(path.encode()).decode()
    pieces = [text[start : start + 254] for start in range(0, len(text), 254)]
    return "/".join([*(f"@{piece}" for piece in pieces[:-1]), pieces[-1]])
