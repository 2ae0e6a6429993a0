"""Real pictures with known generators, as an origin of a user's own: its card lies outside the repository."""

from __future__ import annotations

import csv
import re

import pytest
import yaml
from tests.building import Workplace


@pytest.fixture(scope="module")
def pictures(shared_data) -> list[dict]:
    with open(shared_data / "images.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def built(shared_data, pictures, tmp_path_factory) -> Workplace:
    """A dataset of all of them, from a card, a list and a generators file in a folder of its own."""
    place = Workplace(tmp_path_factory.mktemp("real") / "place")
    cards = place.folder / "my_cards"
    cards.mkdir()
    keys = {row["generator"]: key_of(row["generator"]) for row in pictures if row["generator"]}
    generators = {key: {"name": name, "released": "2022-08-22"} for name, key in keys.items()}
    (cards / "generators.yaml").write_text(yaml.safe_dump(generators), encoding="utf-8")
    with open(cards / "pictures.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["name", "generator", "repository", "note"])
        for row in pictures:
            writer.writerow([row["file"], keys.get(row["generator"], ""), row["repository"], row["note"]])
    columns = {"id": "name", "member": "name", "generator": "generator", "description": "note", "group": "repository"}
    card = {
        "title": "Sample pictures of generators' repositories",
        "homepage": "https://github.com",
        "licence": "various",
        "access": "manual",
        "instructions": "collect them",
        "kind": "archive",
        "files": [{"path": "images/"}, {"path": "pictures.csv", "source": "card:pictures.csv"}],
        "generators": sorted(generators),
        "recipe": {"revision": 1, "reader": {"name": "table", "file": "pictures.csv", "columns": columns}},
        "examples": [{"given": {"name": "a.png", "generator": "", "repository": "r", "note": ""}, "expect": {"label": 0}}],
    }
    (cards / "pictures.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    counts = {keys[name]: sum(row["generator"] == name for row in pictures) for name in keys}
    reals = sum(row["label"] == "real" for row in pictures)
    dataset = {
        "title": "Real pictures",
        "seed": 3,
        "splits": {"all": 1},
        "fakes": {"pictures": {"quota": counts, "margin": 1}},
        "reals": {"pictures": {"quota": reals, "margin": 1}},
    }
    (place.folder / "config/datasets/demo.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    place.edit("config.yaml", cards=[str(place.folder / "config/origins"), str(cards)], paths={"pictures": str(shared_data)})
    place.run()
    return place


def key_of(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_")


def test_all_pictures_are_in_it_with_the_facts_of_the_list(built, pictures):
    manifest = {row["id"].removeprefix("pictures/"): row for row in built.table("manifest.parquet").to_pylist()}
    assert len(manifest) == len(pictures) == 35
    for row in pictures:
        ours = manifest[row["file"]]
        assert (ours["format"], ours["width"], ours["height"]) == (row["format"], int(row["width"]), int(row["height"]))
        assert (ours["n_bytes"], ours["sha256"]) == (int(row["bytes"]), row["sha256"])
        assert (ours["label"], ours["generator"]) == (int(row["label"] == "fake"), row["generator"])


def test_its_bytes_are_those_of_the_files(built, shared_data):
    import pyarrow.parquet as pq

    for path in (built.work / "results/demo/data").rglob("*.parquet"):
        for row in pq.read_table(path, columns=["id", "image"]).to_pylist():
            assert row["image"]["bytes"] == (shared_data / "images" / row["id"].removeprefix("pictures/")).read_bytes()


def test_its_folder_was_only_read(built, shared_data):
    assert not [path for path in shared_data.rglob("*") if path.name.startswith(".") or path.suffix in (".tmp", ".part")]
    assert set(built.table("ledger.parquet")["state"].to_pylist()) == {"kept"}
