"""The demo published: its recipe builds it again elsewhere, what may be passed on stands alone, and it can be checked."""

from __future__ import annotations

import subprocess
import sys

import datasets
import mlcroissant
import pyarrow.parquet as pq
import pytest
import yaml
from tests.building import HOME, Workplace

from touchstone.difference import difference
from touchstone.marks import MARKS
from touchstone.verify import verify

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(demo, tmp_path_factory) -> Workplace:
    """The demo, one origin of which does not say whether its images may be passed on."""
    place = demo.copy(tmp_path_factory.mktemp("publish") / "place")
    card = place.folder / "config/origins/demo_sd.yaml"
    content = yaml.safe_load(card.read_text(encoding="utf-8"))
    del content["redistribution"]
    card.write_text(yaml.safe_dump(content), encoding="utf-8")
    place.run("export_redistributable", "export_recipe")
    return place


def test_the_recipe_builds_the_same_dataset_elsewhere(place, tmp_path):
    recipe = place.work / "results/demo/exports/recipe"
    other = Workplace(tmp_path / "other")
    other.run("--config", f"recipe={recipe}")
    assert other.root_hash() == place.root_hash()
    assert not len(difference(str(recipe), str(other.work / "results/demo")))
    assert "redistribution" not in yaml.safe_load((recipe / "config/origins/demo_sd.yaml").read_text(encoding="utf-8"))
    assert not [path for path in recipe.rglob("*") if path.suffix in (".png", ".jpg", ".zip")]


def test_what_may_be_passed_on_is_a_dataset_of_its_own(place, progress, tmp_path):
    folder = place.work / "results/demo/exports/redistributable"
    whole, part = place.table("manifest.parquet").to_pylist(), pq.read_table(folder / "manifest.parquet").to_pylist()
    assert {row["id"] for row in part} == {row["id"] for row in whole if row["origin"] != "demo_sd"}
    assert verify(folder=str(folder), progress=progress) != place.root_hash()
    assert "| `demo_sd` | not stated, so no |  |  | 64 |" in (folder / "README.md").read_text(encoding="utf-8")
    assert not mlcroissant.Dataset(str(folder / "croissant.json")).metadata.ctx.issues.errors
    assert sum(len(rows) for rows in datasets.load_dataset(str(folder), cache_dir=str(tmp_path)).values()) == 248 - 64


def test_the_published_files_are_what_their_users_read(place, tmp_path):
    folder = place.work / "results/demo"
    assert not mlcroissant.Dataset(str(folder / "croissant.json")).metadata.ctx.issues.errors
    assert (folder / "citations.bib").read_text(encoding="utf-8").count("@") >= 4
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path))["test"]
    assert {mark for row in loaded.select_columns(["marks"]) for mark in row["marks"]} <= set(MARKS)


def test_the_finished_dataset_is_verified_by_a_target_that_builds_nothing(place, tmp_path):
    copy = place.copy(tmp_path / "copy")
    before = copy.made()
    assert f"root hash {place.root_hash()}" in copy.run("verify")
    shard = next((copy.work / "results/demo/data/test").glob("demo_photos-*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    text = copy.run("verify", fails=True)
    assert "the dataset is not the one of its manifest" in text
    assert shard.name in text
    assert "Traceback" not in text
    assert {name for name in before if "/data/" not in name} <= set(copy.made())


def test_every_image_tells_its_way(place):
    rows = place.table("manifest.parquet").to_pylist()
    fake = next(row for row in rows if row["origin"] == "demo_variations")
    command = [sys.executable, "-m", "touchstone.lineage", str(place.work / "results/demo"), fake["id"]]
    told = subprocess.run(command, cwd=HOME / "workflow/scripts", capture_output=True, text=True, check=True).stdout
    for word in (fake["generation"]["model_sha256"], fake["paired_real_images"][0], "touchstone 0.", place.root_hash()):
        assert word in told


def test_a_build_of_an_older_version_is_told_what_to_make_again_and_that_does_it(place, tmp_path):
    copy = place.copy(tmp_path / "copy")
    for path in [*(copy.work / "results/demo/data").rglob("*.parquet"), copy.work / "results/demo/manifest.parquet"]:
        table = pq.read_table(path)
        metadata = {key: value for key, value in table.schema.metadata.items() if key != b"touchstone"}
        pq.write_table(table.drop_columns(["marks"]).replace_schema_metadata(metadata), path)
    text = copy.run("export_webdataset", fails=True)
    assert "its columns have changed since" in text
    assert "snakemake --forcerun pack_shard" in text
    assert "Traceback" not in text
    shards = {name: when for name, when in copy.made().items() if "/origins/" in name}
    copy.run("export_webdataset", "--forcerun", "pack_shard")
    assert copy.root_hash() == place.root_hash()
    assert {name: when for name, when in copy.made().items() if name in shards} == shards, "no image is taken anew"
