"""job.py: an error is a message on the terminal and a traceback in the log, and the process says so."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, sys
from touchstone.errors import TouchstoneError
from touchstone.job import job
with job(sys.argv[1], "take", "mine/real-00000") as progress:
    progress.start(10)
    {body}
    progress.advance(10)
    progress.finish("well")
print("after")
"""


@pytest.fixture
def run(tmp_path):
    """``run(body)`` → exit status, what went to stdout and to stderr, and the log."""

    def run(body: str) -> tuple[int, str, str, str]:
        log = tmp_path / "logs/deep/er/job.log"
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(body=body), str(log)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout, done.stderr, log.read_text(encoding="utf-8")

    return run


def test_progress_goes_to_the_terminal_and_the_log(run):
    status, out, terminal, log = run("pass")
    assert (status, out) == (0, "after\n")
    assert terminal == log
    assert terminal.startswith("take     mine/real-00000")
    assert "10 of 10 items" in terminal
    assert terminal.endswith("well\n")


def test_a_users_error_is_its_message_and_the_traceback_is_in_the_log(run):
    status, out, terminal, log = run("raise TouchstoneError('the file is gone', where='a.zip', mend='fetch it')")
    assert (status, out) == (1, "")
    assert terminal.strip() == "take mine/real-00000: the file is gone\n  where: a.zip\n  mend:  fetch it"
    assert "Traceback" in log
    assert "the file is gone" in log


def test_a_full_disk_is_told_as_such(run):
    status, _, terminal, log = run("open('/dev/full', 'w', buffering=1).write('x\\n')")
    assert status == 1
    assert "No space left on device" in terminal
    assert "Traceback" not in terminal
    assert "report" not in terminal
    assert "Traceback" in log


def test_a_lack_of_memory_is_told_as_such(run):
    status, _, terminal, log = run("bytearray(1 << 60)")
    assert status == 1
    assert "take mine/real-00000: there is not enough memory" in terminal
    assert "mem_mb" in terminal
    assert "report" not in terminal
    assert "Traceback" in log


def test_a_defect_is_one_line_and_where_the_traceback_is(run):
    status, out, terminal, log = run("{}['key']")
    assert (status, out) == (1, "")
    assert "take mine/real-00000: stopped by KeyError: 'key'" in terminal
    assert "job.log" in terminal
    assert "please report it" in terminal
    assert "Traceback" not in terminal
    assert log.rstrip().endswith("KeyError: 'key'")


def test_the_log_of_the_last_run_replaces_the_one_before(run):
    run("raise TouchstoneError('once')")
    assert "once" not in run("pass")[3]


@pytest.mark.parametrize("body", ["raise KeyboardInterrupt", "sys.exit(3)", "os.kill(os.getpid(), 15)"])
def test_being_stopped_is_no_defect(run, body):
    status, out, terminal, _ = run(body)
    assert status != 0
    assert out == ""
    assert "please report" not in terminal
