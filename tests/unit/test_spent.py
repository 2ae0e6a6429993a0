"""spent.py: what benchmarks say was asked for and used, rule by rule."""

from __future__ import annotations

import json

import pytest

from touchstone.spent import last_run, spent


def write(path, *runs, **changes):
    run = {"s": 1800.0, "max_rss": 500.0, "cpu_time": 3600.0, "threads": 4, "resources": {"mem_mib": 1000, "gpu": 4}} | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{json.dumps(each)}\n" for each in (*runs, run)), encoding="utf-8")
    return path


def test_shares_are_of_what_was_asked_for(tmp_path):
    write(tmp_path / "generate_shard/mine/origin/a-00000.jsonl")
    write(tmp_path / "generate_shard/mine/origin/a-00001.jsonl", max_rss=900.0, cpu_time=0.0)
    (row,) = spent(tmp_path, "mine")
    assert row == {"rule": "generate_shard", "jobs": 2, "hours": 1.0, "cpu": 0.25, "memory": 0.9, "gpu_hours": 4.0, "gpu": None}


def test_how_busy_gpus_were_is_weighed_by_time_and_only_of_jobs_that_know(tmp_path):
    write(tmp_path / "benchmarks/generate_shard/mine/origin/a-00000.jsonl", s=300.0)
    write(tmp_path / "benchmarks/generate_shard/mine/origin/a-00001.jsonl", s=100.0)
    write(tmp_path / "benchmarks/generate_shard/mine/origin/a-00002.jsonl", s=999.0)
    (tmp_path / "gpus/mine/origin").mkdir(parents=True)
    for number, busy in enumerate((0.9, 0.5)):
        (tmp_path / f"gpus/mine/origin/a-0000{number}.json").write_text(json.dumps({"busy": busy}), encoding="utf-8")
    (tmp_path / "gpus/mine/origin/a-00002.json").touch()  # Snakemake makes an empty log where a job made none
    (row,) = spent(tmp_path / "benchmarks", "mine")
    assert row["gpu"] == pytest.approx(0.8)


def test_other_datasets_are_left_out_and_shared_steps_are_not(tmp_path):
    write(tmp_path / "pack_shard/other/train/a-00000.jsonl")
    write(tmp_path / "screen/mine.jsonl")
    write(tmp_path / "screen/other.jsonl")
    write(tmp_path / "list_origin/photos.jsonl")
    assert [(row["rule"], row["jobs"]) for row in spent(tmp_path, "mine")] == [("list_origin", 1), ("screen", 1)]


def test_the_last_of_several_runs_counts(tmp_path):
    assert last_run(write(tmp_path / "a.jsonl", {"s": 5}, s=7.0))["s"] == 7.0


def test_what_is_not_whole_does_not_count(tmp_path):
    assert last_run(tmp_path / "none.jsonl") is None
    for number, text in enumerate(["", '{"s": 1.0, "max_', '{"s": 1.0}', '{"s": "NA"}\n']):
        path = tmp_path / f"{number}.jsonl"
        path.write_text(text, encoding="utf-8")
        assert last_run(path) is None
    assert last_run(write(tmp_path / "na.jsonl", max_rss="NA")) is None


def test_nothing_asked_for_is_no_share(tmp_path):
    write(tmp_path / "screen/mine.jsonl", s=0.0, resources={})
    (row,) = spent(tmp_path, "mine")
    assert (row["cpu"], row["memory"], row["gpu_hours"]) == (None, None, 0.0)
