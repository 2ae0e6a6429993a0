"""The demo with every form of export, protocols and one encoding, by the real Snakemake."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from pathlib import Path

import pytest
import yaml

from touchstone.exports.outputs import FORMS

pytestmark = pytest.mark.slow
PROTOCOLS = {"unseen": {"by": "generator"}, "five": {"by": "group", "folds": 5}}


@pytest.fixture(scope="module")
def place(demo, tmp_path_factory):
    place = demo.copy(tmp_path_factory.mktemp("exports") / "place")
    images = {"encoding": "JPEG", "quality": 90, "longest": 64}
    place.edit("datasets/demo.yaml", exports=list(FORMS), protocols=PROTOCOLS, images=images)
    place.run()
    return place


@pytest.fixture
def exports(place) -> Path:
    return place.work / "results/demo/exports"


def test_all_forms_are_made_and_a_second_run_has_nothing_to_do(place, exports):
    assert {path.name for path in exports.iterdir()} == set(FORMS) - {"robustness"}
    assert place.dry_run() == Counter()


def test_every_form_holds_every_image(place, exports):
    manifest = place.table("manifest.parquet").to_pylist()
    for split in ("train", "test"):
        count = sum(row["split"] == split for row in manifest)
        fakes = sum(row["split"] == split and row["label"] for row in manifest)
        assert len((exports / "imagefolder" / split / "metadata.csv").read_text(encoding="utf-8").splitlines()) == count + 1
        assert len((exports / "imaginet" / split / "annotations.txt").read_bytes().splitlines()) == count
        parts = [json.loads(path.read_text(encoding="utf-8")) for path in (exports / "elsa" / split).glob("fake-images/*/*.json")]
        assert sum(map(len, parts)) == fakes
        ai, original = ({path.name for path in (exports / "nyu" / split / kind).iterdir()} for kind in ("ai", "original"))
        assert ai == original
        assert len(ai) > 5


def test_one_encoding_leaves_one_format_and_the_card_says_so(place):
    manifest = place.table("manifest.parquet").to_pylist()
    assert {(row["format"], row["jpeg_quality"]) for row in manifest} == {("JPEG", 90)}
    assert max(max(row["width"], row["height"]) for row in manifest) <= 64
    card = (place.work / "results/demo/README.md").read_text(encoding="utf-8")
    assert "encoded as JPEG of quality 90, longer sides shrunk to 64 pixels" in card


def test_the_example_in_the_card_gives_a_fold(place):
    card = (place.work / "results/demo/README.md").read_text(encoding="utf-8")
    (code,) = [block for block in re.findall(r"```python\n(.*?)```", card, re.DOTALL) if "protocols.csv" in block]
    found: dict = {}
    before = Path.cwd()
    os.chdir(place.work / "results/demo")
    try:
        exec(compile(code, "README.md", "exec"), found)  # noqa: S102 - our own example
    finally:
        os.chdir(before)
    assert found["protocol"] == "unseen"
    sides = found["sides"]
    generators = {role: set(sides[(sides["role"] == role) & (sides["label"] == 1)]["generator"]) for role in ("train", "test")}
    assert len(generators["train"]) == len(generators["test"]) == 1
    assert generators["train"] != generators["test"]
    assert found["train"] == set(sides[sides["role"] == "train"]["id"])


def test_one_form_is_made_by_its_name(demo, tmp_path):
    place = demo.copy(tmp_path / "place")
    place.run("export_webdataset")
    assert len(list((place.work / "results/demo/exports/webdataset").glob("*.tar"))) == 2
    assert not (place.work / "results/demo/exports/elsa").exists()


def test_mistakes_in_the_new_keys_are_told(demo, tmp_path):
    place = demo.copy(tmp_path / "place")
    original = yaml.safe_load((place.folder / "config/datasets/demo.yaml").read_text(encoding="utf-8"))
    for changes, told in (
        ({"exports": ["tfrecord"]}, "webdataset"),
        ({"images": {"encoding": "JPEG"}}, "quality"),
        ({"protocols": {"x": {"by": "released"}}}, "window"),
        ({"protocols": {"split": {"by": "generator"}}}, "split"),
        ({"scored": ["nowhere"]}, "nowhere"),
        ({"protocols": {"x": {"by": "generator", "train": ["nowhere"]}}}, "nowhere"),
    ):
        (place.folder / "config/datasets/demo.yaml").write_text(yaml.safe_dump(original | changes), encoding="utf-8")
        text = place.run("-n", fails=True)
        assert told in text
        assert "Traceback" not in text
