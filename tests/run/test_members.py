"""Published lists and the encodings of the reals, by the real Snakemake: what is drawn, split and packed follows them."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter

import pytest

pytestmark = pytest.mark.slow


def lists_of(place, swapped: int) -> tuple[dict[str, list[str]], list[dict]]:
    """The demo's own images as lists, some in the other split, and one id that nobody has."""
    lists: dict[str, list[str]] = {"train": [], "test": ["demo_photos/lost"]}
    fakes = [row for row in place.table("manifest.parquet").to_pylist() if row["label"]]
    for number, row in enumerate(sorted(fakes, key=lambda row: row["id"])):
        other = "test" if row["split"] == "train" else "train"
        lists[other if number % 13 < swapped else row["split"]].append(row["id"])
    entries = []
    folder = place.work / "resources/lists/demo"
    folder.mkdir(parents=True)
    for split, ids in lists.items():
        content = "\n".join([*ids, ""]).encode()
        (folder / f"{split}.txt").write_bytes(content)
        entries.append({"file": f"{split}.txt", "split": split, "sha256": hashlib.sha256(content).hexdigest()})
    return lists, entries


def test_a_build_by_published_lists_holds_what_they_name(demo, tmp_path):
    place = demo.copy(tmp_path / "place")
    lists, entries = lists_of(place, swapped=2)
    counts = {
        origin: {split: sum(key.startswith(f"{origin}/") for key in ids) for split, ids in lists.items()}
        for origin in ("demo_sd", "demo_variations")
    }
    fakes = {
        "demo_sd": {"quota": {"demo_stable_diffusion": counts["demo_sd"]}, "margin": 1},
        "demo_variations": {"quota": {"demo_image_variation": counts["demo_variations"]}, "margin": 1.6},
    }
    gates = {
        "rejected": {"limit": 0.5},
        "shortfall": {"limit": 0.5},
        "torn_groups": {"action": "warn"},
        "leaks": {"action": "warn"},
    }
    place.edit("datasets/demo.yaml", members=entries, fakes=fakes, gates=gates)
    place.run()
    kept = {row["id"]: row["split"] for row in place.table("manifest.parquet").to_pylist() if row["label"]}
    assert kept == {key: split for split, ids in lists.items() for key in ids if key != "demo_photos/lost"}
    with open(place.work / "results/demo/membership.csv", newline="", encoding="utf-8") as file:
        told = Counter(row["status"] for row in csv.DictReader(file) if not row["id"].startswith("demo_urls"))
    assert (told["found"], told["missing"]) == (len(kept), 1)
    assert place.dry_run() == Counter()
    (place.work / "resources/lists/demo/train.txt").write_text("changed\n", encoding="utf-8")
    text = place.run("--forcerun", "read_members", fails=True)
    assert "not the published one" in text
    assert "Traceback" not in text


def test_fakes_are_encoded_like_the_reals(demo, tmp_path):
    place = demo.copy(tmp_path / "place")
    place.edit("datasets/demo.yaml", images={"encoding": "match"})
    place.run()
    rows = place.table("manifest.parquet").to_pylist()
    before = {row["id"]: row["sha256"] for row in demo.table("manifest.parquet").to_pylist()}
    reals = {(row["format"], row["jpeg_quality"]) for row in rows if not row["label"]}
    fakes = {(row["format"], row["jpeg_quality"]) for row in rows if row["label"]}
    assert len(fakes) > 1
    assert fakes <= reals | {("PNG", None)}
    assert all(row["sha256"] == before[row["id"]] for row in rows if not row["label"])
    card = (place.work / "results/demo/README.md").read_text(encoding="utf-8")
    assert "Fakes were encoded like the real images" in card
