"""Partial rebuilds: what changes reruns its own jobs, and nothing else does."""

from __future__ import annotations

import hashlib
import os
import re
import shutil

import pytest
from tests.building import HOME, Workplace, remade

TABLES = re.compile(
    r"demo/(picks/.*|audit/.*|citations|croissant|screen|selection|ledger|manifest|protocols|gates|README|report|contact_sheets/.*|summary)\b"
)


def shards_of(origin, names):
    """Of these result files, those that are the origin's own or hold its rows."""
    return {name for name in names if f"/{origin}/" in name or f"/{origin}-" in name}


def is_shard(name):
    """Whether a result file is a take shard or a packed one."""
    return re.fullmatch(r"demo/(origins|data)/\w+/[\w-]+-\d{5}\.parquet", name) is not None


def test_one_origin_is_built_alone(tmp_path):
    place = Workplace(tmp_path / "place")
    place.run("demo_photos")
    made = {name.split("/picks")[0] for name in place.made()}
    assert made >= {"origins/demo_photos/index.parquet", "demo/origins/demo_photos/draw.parquet"}
    assert {name for name in made if "real-" in name} == {f"demo/origins/demo_photos/real-{n:05d}.parquet" for n in range(3)}
    assert all("/demo_photos" in name for name in made)


def test_a_changed_recipe_reruns_that_card_its_packed_shards_and_the_tables(copy):
    copy.edit("origins/demo_sd.yaml", recipe__steps=3)
    before, hash_before = copy.made(), copy.root_hash()
    copy.run()
    again = remade(before, copy.made())
    assert {name for name in again if name.startswith("demo/data/")} == {
        "demo/data/train/demo_sd-demo_stable_diffusion-00000.parquet",
        "demo/data/test/demo_sd-demo_stable_diffusion-00000.parquet",
    }
    assert "demo/origins/demo_sd/demo_stable_diffusion-00000.parquet" in again
    others = again - shards_of("demo_sd", again)
    assert {name for name in others if not TABLES.match(name)} == set()
    assert copy.root_hash() != hash_before
    assert copy.dry_run() == {}


@pytest.mark.slow
def test_a_raised_quota_adds_shards_and_keeps_the_old_ones(copy):
    copy.edit("datasets/demo.yaml", fakes__demo_sd__quota=80)
    before = copy.made()
    copy.run()
    again = remade(before, copy.made())
    folder = "demo/origins/demo_sd/demo_stable_diffusion-"
    assert f"{folder}00001.parquet" in again
    assert f"{folder}00000.parquet" not in again
    assert len(copy.table("manifest.parquet")) == 2 * (80 + 60)


@pytest.mark.slow
def test_a_dropped_origin_reruns_nothing_of_the_others_and_leaves_no_shard_behind(copy):
    copy.edit("datasets/demo.yaml", fakes={"demo_sd": {"quota": 64, "margin": 1}})
    before = copy.made()
    copy.run()
    after = copy.made()
    takes = {name for name in remade(before, after) if name.startswith("demo/origins/") and "/picks/" not in name}
    assert takes <= {"demo/origins/demo_photos/draw.parquet", "demo/origins/demo_urls/draw.parquet", *takes_of_last(takes)}
    assert not [name for name in after if name.startswith("demo/data/") and "demo_variations" in name]
    assert len(copy.table("manifest.parquet")) == 128


def takes_of_last(takes):
    """Fewer fakes mean fewer reals: only an origin's last shard can be cut shorter."""
    return {
        max(shards) for origin in ("demo_photos", "demo_urls") if (shards := [name for name in takes if f"{origin}/real" in name])
    }


def test_touched_scripts_a_fresh_checkout_and_touched_archives_rerun_nothing(demo, tmp_path):
    home = tmp_path / "checkout"
    shutil.copytree(HOME, home, ignore=shutil.ignore_patterns(".venv", ".git", "results", "resources", ".snakemake"))
    copy = demo.copy(tmp_path / "place", home=home)
    for path in [*home.rglob("*"), *copy.folder.joinpath("config").rglob("*"), *copy.work.joinpath("resources").rglob("*")]:
        if not path.is_symlink():
            os.utime(path)
    before = copy.made()
    copy.run()
    assert {name for name in remade(before, copy.made()) if not TABLES.match(name)} == set()


def test_deleted_shards_come_back_byte_for_byte(copy):
    shards = [
        "demo/origins/demo_sd/demo_stable_diffusion-00000.parquet",
        "demo/origins/demo_photos/real-00002.parquet",
        "demo/data/train/demo_photos-real-00000.parquet",
    ]
    paths = [copy.work / "results" / shard for shard in shards]
    before = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    made = copy.made()
    for path in paths:
        path.unlink()
    copy.run()
    assert [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths] == before
    again = remade(made, copy.made())
    assert {name for name in again if is_shard(name)} == set(shards)


@pytest.mark.slow
def test_moving_an_origins_files_remakes_no_shard(copy, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(copy.work / "resources/archives/demo_photos/photos.zip", elsewhere / "photos.zip")
    copy.edit("config.yaml", paths={"demo_photos": str(elsewhere)})
    before = copy.made()
    copy.run()
    assert not [name for name in remade(before, copy.made()) if is_shard(name)]
    assert (copy.work / "resources/archives/demo_photos/photos.zip").resolve() == elsewhere / "photos.zip"
    (copy.work / "results/demo/origins/demo_photos/real-00000.parquet").unlink()
    copy.run()
