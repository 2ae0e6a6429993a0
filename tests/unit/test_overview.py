"""overview.py: what is done, what it took, and when the rest will be, from files alone."""

from __future__ import annotations

import json
import os

import pytest
import yaml
from tests.building import HOME

from touchstone.catalogue import Catalogue
from touchstone.overview import lines_of, overview

NOW = 1_800_000_000
SHARD = "results/demo/origins/demo_sd/demo_stable_diffusion-0000{}.parquet"


@pytest.fixture
def catalogue(tmp_path):
    config = yaml.safe_load((HOME / "config/config.yaml").read_text(encoding="utf-8"))
    catalogue = Catalogue(config, HOME)
    catalogue.dataset["shard_items"] = 16  # of 64: four shards
    return catalogue


def finish(folder, number, made, seconds):
    """A finished shard and its benchmark."""
    shard = folder / SHARD.format(number)
    benchmark = folder / f"logs/benchmarks/generate_shard/demo/demo_sd/{shard.stem}.jsonl"
    for path in (shard, benchmark):
        path.parent.mkdir(parents=True, exist_ok=True)
    shard.touch()
    os.utime(shard, (made, made))
    run = {"s": seconds, "max_rss": 1.0, "cpu_time": 1.0, "threads": 1, "resources": {"gpu": 4}}
    benchmark.write_text(json.dumps(run), encoding="utf-8")


def row(catalogue, folder, subject="demo_sd"):
    return next(row for row in overview(catalogue, folder, now=NOW) if row.subject == subject)


def test_before_anything_is_done_all_is_to_come(catalogue, tmp_path):
    found = row(catalogue, tmp_path)
    assert (found.files, found.wanted_files, found.items, found.wanted_items) == (0, 4, 0, 64)
    cost = catalogue.card("demo_sd").get("cost", {}).get("seconds", 0)
    assert found.left_gpu_hours == pytest.approx(64 * cost / 3600)
    assert found.seconds_left is None


def test_pace_and_gpu_hours_are_those_of_finished_shards(catalogue, tmp_path):
    finish(tmp_path, 0, NOW - 1800, 1800)  # began an hour ago
    finish(tmp_path, 1, NOW, 1800)
    found = row(catalogue, tmp_path)
    assert (found.files, found.items) == (2, 32)
    assert found.gpu_hours == pytest.approx(4.0)  # two shards, half an hour on four GPUs
    assert found.left_gpu_hours == pytest.approx(4.0)
    assert found.seconds_left == pytest.approx(3600)


def test_batches_of_a_shard_in_work_count(catalogue, tmp_path):
    partial = tmp_path / f"{SHARD.format(0)}.partial"
    partial.mkdir(parents=True)
    for number in range(3):
        (partial / f"batch-{number:05d}.parquet").touch()
    assert row(catalogue, tmp_path).items == 3 * catalogue.card("demo_sd")["recipe"]["batch"]


def test_a_break_of_days_does_not_slow_the_pace(catalogue, tmp_path):
    finish(tmp_path, 0, NOW - 5 * 86400, 1800)
    finish(tmp_path, 1, NOW, 1800)
    assert row(catalogue, tmp_path).seconds_left == pytest.approx(3600)  # 16 items in half an hour, 32 to go


def test_the_lines_say_when_it_ends(catalogue, tmp_path):
    finish(tmp_path, 0, NOW, 1800)
    text = "\n".join(lines_of(overview(catalogue, tmp_path, now=NOW)))
    assert "16 of 64" in text
    assert "at this pace the shards are done in 1:30:00" in text
