"""The finished demo: what is in it is what was asked for, and every number agrees."""

from __future__ import annotations

import json
import re
import zipfile

import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from touchstone.publish import root_hash
from touchstone.record import KEPT, REASONS, REJECTED


def test_quotas_are_exact_and_reals_match_fakes(demo):
    counts = demo.table("manifest.parquet").group_by(["split", "label"]).aggregate([("id", "count")]).to_pylist()
    assert {(row["split"], row["label"]): row["id_count"] for row in counts} == {
        ("train", 0): 99,
        ("train", 1): 99,
        ("test", 0): 25,
        ("test", 1): 25,
    }


def test_every_drawn_item_is_kept_or_rejected_with_one_reason(demo):
    selection, ledger = demo.table("selection.parquet"), demo.table("ledger.parquet")
    drawn = [
        row
        for path in (demo.work / "results/demo/origins").glob("*/draw.parquet")
        for row in pq.read_table(path)["id"].to_pylist()
    ]
    assert sorted(selection["id"].to_pylist()) == sorted(drawn)
    for row in selection.select(["state", "step", "reason", "split"]).to_pylist():
        if row["state"] == KEPT:
            assert (row["step"], row["reason"]) == ("", "")
            assert row["split"]
        else:
            assert row["state"] == REJECTED
            assert row["reason"] in REASONS
            assert row["step"] in ("take", "screen", "split")
            assert not row["split"]
    assert pc.sum(ledger["items"]).as_py() == len(drawn)


def test_no_group_is_torn(demo):
    kept = demo.table("selection.parquet").filter(pc.field("state") == KEPT)
    splits = {}
    for row in kept.select(["groups", "paired_real_images", "id", "split"]).to_pylist():
        for key in (*row["groups"], *row["paired_real_images"], row["id"]):
            splits.setdefault(key, set()).add(row["split"])
    assert not [key for key, where in splits.items() if len(where) > 1]


def test_the_misbehaving_web_ends_in_the_ledger(demo):
    reasons = set(demo.table("ledger.parquet").filter(pc.field("origin") == "demo_urls")["reason"].to_pylist())
    assert reasons >= {"http_error", "not_reached", "opted_out", "refused_address", "truncated", "unreadable", "exact_duplicate"}


def test_a_picture_cut_short_in_the_archive_is_rejected_with_its_variation(demo):
    selection = demo.table("selection.parquet").select(["id", "reason"]).to_pylist()
    reasons = {row["id"]: row["reason"] for row in selection}
    assert reasons["demo_photos/moon/17"] == "truncated"
    assert reasons["demo_variations/demo_photos/moon/17"] == "unusable_source"


def test_bytes_of_packed_reals_are_those_in_the_zip(demo):
    archive = zipfile.ZipFile(demo.work / "resources/archives/demo_photos/photos.zip")
    members = {member.rsplit(".", 1)[0]: member for member in archive.namelist()}
    compared = 0
    for path in (demo.work / "results/demo/data").glob("*/demo_photos-*.parquet"):
        for row in pq.read_table(path, columns=["id", "image"]).to_pylist():
            assert row["image"]["bytes"] == archive.read(members[row["id"].removeprefix("demo_photos/")])
            compared += 1
    assert compared == 93


def test_load_dataset_opens_it_as_it_is(demo, tmp_path):
    import datasets

    folder = demo.work / "results/demo"
    by_card = datasets.load_dataset(str(folder), cache_dir=str(tmp_path))
    files = {split: [str(path) for path in sorted((folder / "data" / split).glob("*.parquet"))] for split in ("train", "test")}
    by_files = datasets.load_dataset("parquet", data_files=files, cache_dir=str(tmp_path))
    manifest = demo.table("manifest.parquet")
    for loaded in (by_card, by_files):
        assert isinstance(loaded["train"].features["image"], datasets.Image)
        assert loaded["train"].features["label"].names == ["real", "fake"]
        assert {split: len(rows) for split, rows in loaded.items()} == {"train": 198, "test": 50}
    sizes = {row["id"]: (row["width"], row["height"]) for row in manifest.to_pylist()}
    for row in by_card["test"]:
        row["image"].load()
        assert row["image"].size == sizes[row["id"]]


def test_manifest_ledger_card_and_report_agree(demo):
    folder = demo.work / "results/demo"
    manifest, ledger = demo.table("manifest.parquet"), demo.table("ledger.parquet")
    kept = pc.sum(ledger.filter(pc.field("state") == KEPT)["items"]).as_py()
    rows = sum(pq.read_metadata(path).num_rows for path in (folder / "data").rglob("*.parquet"))
    assert len(manifest) == kept == rows == 248
    assert root_hash(manifest) == demo.root_hash()
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert demo.root_hash() in readme
    assert yaml.safe_load(readme.split("---")[1])["pretty_name"] == "Touchstone demo"
    assert demo.root_hash() in (folder / "report.html").read_text(encoding="utf-8")
    assert demo.root_hash() in (folder / "summary.txt").read_text(encoding="utf-8")
    gates = {
        (entry["gate"], entry["subject"]): entry for entry in json.loads((folder / "gates.json").read_text(encoding="utf-8"))
    }
    assert gates["torn_groups", ""]["value"] == 0
    assert gates["shortcut", "all generators"]["verdict"] == "warned"  # its fakes are small PNGs


def test_generated_images_say_how_they_were_made(demo):
    shards = sorted((demo.work / "results/demo/origins/demo_variations").glob("demo_*.parquet"))
    rows = [row for path in shards for row in pq.read_table(path).to_pylist() if row["state"] == "taken"]
    assert len({row["generation"]["seed"] for row in rows}) == len(rows)
    for row in rows:
        assert row["generation"]["pipeline"] == "StableDiffusionImageVariationPipeline"
        assert row["generation"]["scheduler"] == "DDIMScheduler"
        assert (row["generation"]["steps"], row["generation"]["batch"]) == (4, 4)
        assert re.fullmatch("[0-9a-f]{64}", row["generation"]["model_sha256"])
        assert (row["width"], row["height"], row["format"], row["label"]) == (64, 64, "PNG", 1)
        assert row["paired_real_images"] == [row["id"].removeprefix("demo_variations/")]


def test_nothing_half_made_is_left(demo):
    left = [path for path in demo.work.rglob("*") if ".partial" in path.name or path.name.endswith(".tmp")]
    assert not [path for path in left if ".snakemake" not in path.parts]


def test_a_second_build_finds_nothing_to_do(demo):
    before = demo.made()
    assert "Nothing to be done" in demo.run()
    assert demo.made() == before
