"""audit/shortcuts.py: every planted difference is found and named, and none where the classes are alike."""

import numpy as np
import pytest
from tests.manifests import rows_alike, write_manifest

from touchstone.audit.shortcuts import probe_shortcuts
from touchstone.files import read_json


def measured(tmp_path, progress, rows: list[dict]) -> dict:
    out = tmp_path / "shortcuts.json"
    probe_shortcuts(manifest=write_manifest(tmp_path / "manifest.parquet", rows), seed=1, out=str(out), progress=progress)
    return read_json(out)


def plant(rows: list[dict], label: int, generator: str | None = None, **facts: object) -> list[dict]:
    chosen = [row for row in rows if row["label"] == label and (generator is None or row["generator"] == generator)]
    for row in chosen:
        row |= facts
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_classes_drawn_alike_give_no_alarm(tmp_path, progress, seed):
    found = measured(tmp_path, progress, rows_alike(1600, seed))
    probes = [found["overall"], *found["generators"].values(), *found["facts"]]
    assert all(probe["low"] < 0.55 for probe in probes), probes


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({"format": "PNG", "jpeg_quality": None, "chroma_subsampling": None}, {"format", "jpeg_quality", "chroma_subsampling"}),
        ({"has_exif": False}, {"has_exif"}),
        ({"mode": "RGBA"}, {"mode"}),
        ({"marks": ["c2pa", "prompt"]}, {"mark_c2pa", "mark_prompt"}),
        ({"width": 512, "height": 512}, {"width", "height", "aspect", "multiple_of"}),
    ],
)
def test_a_planted_shortcut_is_found_and_named_first(tmp_path, progress, facts, named):
    found = measured(tmp_path, progress, plant(rows_alike(800), 1, **facts))
    assert found["overall"]["low"] > 0.65
    assert found["facts"][0]["fact"] in named
    assert {entry["fact"] for entry in found["facts"] if entry["low"] > 0.6} >= named & {found["facts"][0]["fact"]}


def test_another_jpeg_quality_is_found(tmp_path, progress):
    rows = rows_alike(800)
    for row in rows:
        if row["jpeg_quality"]:
            row["jpeg_quality"] = 75 if row["label"] else 92
    found = measured(tmp_path, progress, rows)
    assert found["facts"][0]["fact"] == "jpeg_quality"
    assert found["facts"][0]["auroc"] > 0.75  # three images in five are JPEG


def test_only_the_generator_that_differs_is_named(tmp_path, progress):
    found = measured(tmp_path, progress, plant(rows_alike(1600), 1, "Painter", width=512, height=512))
    assert found["generators"]["Painter"]["low"] > 0.8
    assert found["generators"]["Painter"]["fact"] in ("width", "height", "aspect", "multiple_of")
    assert found["generators"]["Sculptor"]["low"] < 0.55


def test_what_a_policy_would_leave_is_measured(tmp_path, progress):
    found = measured(tmp_path, progress, plant(rows_alike(800), 1, format="PNG", jpeg_quality=None))
    assert found["without"]["encoding"]["low"] < 0.55  # the sizes are alike
    assert found["without"]["size"]["low"] > 0.65


def test_groups_do_not_help_the_probe(tmp_path, progress):
    """Pairs of the same size, one label per pair: a probe that saw one of a group knows the other."""
    rows = rows_alike(800)
    sizes = np.random.default_rng(3).permutation(400)
    for number, row in enumerate(rows):
        twin = number // 4 * 2 + number % 2
        row |= {"group": twin, "width": 400 + int(sizes[twin]), "height": 300, "n_bytes": 10_000 + int(sizes[twin])}
    assert measured(tmp_path, progress, rows)["overall"]["low"] < 0.58


def test_too_few_images_are_no_verdict(tmp_path, progress):
    found = measured(tmp_path, progress, rows_alike(30))
    assert found["overall"] is not None
    assert found["generators"] == {"Painter": None, "Sculptor": None}
    assert measured(tmp_path, progress, rows_alike(8))["overall"] is None


def test_only_one_class_is_no_verdict(tmp_path, progress):
    found = measured(tmp_path, progress, [row for row in rows_alike(100) if not row["label"]])
    assert found["overall"] is None
    assert found["generators"] == {}
