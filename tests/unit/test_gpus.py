"""gpus.py: what is told is kept; what nobody tells is not made up. No GPU is needed: programs stand in for the driver's."""

from __future__ import annotations

import time

import pytest

from touchstone.files import read_json
from touchstone.gpus import watched


def program(path, *answers: str):
    """A program that gives one answer after the other, and the last one again; a line for each GPU."""
    for number, answer in enumerate(answers):
        (path.parent / f"answer-{number}").write_text(answer, encoding="utf-8")
    count = path.parent / "asked"
    path.write_text(
        f'#!/bin/sh\necho "$@" >> {count}\nn=$(($(wc -l < {count}) - 1))\n'
        f"[ -e {path.parent}/answer-$n ] || n={len(answers) - 1}\ncat {path.parent}/answer-$n\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return count


def asked(count, times: int) -> None:
    deadline = time.monotonic() + 30
    while not count.exists() or len(count.read_text(encoding="utf-8").splitlines()) < times:
        assert time.monotonic() < deadline, "it is not asked"
        time.sleep(0.01)  # another thread asks; there is nothing to be told by


def test_busy_is_the_mean_of_all_gpus_and_samples(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    count = program(tmp_path / "ask", "100, 4000\n50, 2000\n", "80, 1000\n10, 9000\n", "none\n")
    with watched(str(tmp_path / "told.json"), ask=(str(tmp_path / "ask"),), pause=0.01):
        asked(count, 3)
    assert read_json(tmp_path / "told.json") == {"busy": pytest.approx(0.6), "memory_mib": 9000.0, "samples": 2}
    assert count.read_text(encoding="utf-8").splitlines() == ["--id=0,1"] * 3


@pytest.mark.parametrize("answer", ["", "[N/A], [N/A]\n", "No devices were found\n"])
def test_without_a_number_there_is_no_file(tmp_path, answer):
    count = program(tmp_path / "ask", answer)
    with watched(str(tmp_path / "told.json"), ask=(str(tmp_path / "ask"),), pause=0.01):
        asked(count, 1)
    assert not (tmp_path / "told.json").exists()


def test_without_the_program_there_is_no_file_and_the_body_runs(tmp_path):
    with watched(str(tmp_path / "told.json"), ask=("/nowhere/nvidia-smi",), pause=0.001):
        made = "made"
    assert made == "made"
    assert not (tmp_path / "told.json").exists()


def test_what_failed_in_the_body_is_told_and_the_figures_are_kept(tmp_path):
    count = program(tmp_path / "ask", "30, 10\n")
    with (
        pytest.raises(ValueError, match="broken"),
        watched(str(tmp_path / "told.json"), ask=(str(tmp_path / "ask"),), pause=0.01),
    ):
        asked(count, 2)
        raise ValueError("broken")
    assert read_json(tmp_path / "told.json")["busy"] == pytest.approx(0.3)
