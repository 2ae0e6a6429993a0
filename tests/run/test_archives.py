"""An archive that was replaced: only what is read of it is made anew, by the real Snakemake."""

from __future__ import annotations

import re

import pyarrow.parquet as pq
import yaml
from tests.archives import archive
from tests.building import Workplace, remade
from tests.pictures import drawing, encode

SHARDS = {f"two/origins/two/{name}-0000{number}.parquet" for name in ("adm", "midjourney") for number in range(2)}


def pictures(folder: str, first: int) -> dict[str, bytes]:
    return {f"{folder}/{number}.png": encode(drawing((64, 64), seed=first + number), "PNG") for number in range(8)}


def is_shard(name: str) -> bool:
    return re.fullmatch(r"two/origins/two/[a-z]+-\d{5}\.parquet", name) is not None


def test_of_two_archives_the_one_that_changed_is_read_anew(tmp_path):
    place = Workplace(tmp_path / "place")
    shelf = tmp_path / "shelf"
    for number, name in enumerate(("adm", "midjourney")):
        (shelf / name).mkdir(parents=True)
        archive(shelf / name, ".zip", pictures(name, 100 * number)).rename(shelf / f"{name}.zip")
    generators = ["adm", "midjourney"]
    card = {
        "title": "Two",
        "homepage": "https://example.org",
        "licence": "CC0-1.0",
        "access": "manual",
        "instructions": "make it",
        "kind": "archive",
        "files": [{"path": "adm.zip"}, {"path": "midjourney.zip"}],
        "generators": generators,
        "recipe": {"revision": 1, "reader": {"name": "folders", "generators": {name: name for name in generators}}},
        "examples": [{"given": "adm/1.png", "expect": {"label": 1}}],
    }
    dataset = {"title": "Two", "seed": 3, "splits": {"all": 1}, "shard_items": 4}
    dataset["fakes"] = {"two": {"quota": dict.fromkeys(generators, 8), "margin": 1}}
    (place.folder / "config/origins/two.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    (place.folder / "config/datasets/two.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    place.edit("config.yaml", dataset="two", paths={"two": str(shelf)})
    place.run("two")
    assert set(filter(is_shard, place.made())) == SHARDS

    # the same images are other bytes of an archive, and so is another image of a name
    before, others = place.made(), pictures("midjourney", 100) | {"midjourney/3.png": encode(drawing((64, 64), seed=999), "PNG")}
    archive(shelf / "midjourney", ".zip", others).rename(shelf / "midjourney.zip")
    place.run("two", "--forcerun", "fetch_origin")
    assert set(filter(is_shard, remade(before, place.made()))) == {name for name in SHARDS if "midjourney" in name}
    taken = [row for name in SHARDS for row in pq.read_table(place.work / "results" / name).to_pylist()]
    assert {row["source_member"]: row["image"]["bytes"] for row in taken} == pictures("adm", 0) | others
    assert place.dry_run("two") == {}

    # raised on purpose, all of them
    before = place.made()
    place.edit("origins/two.yaml", recipe__revision=2)
    place.run("two")
    assert set(filter(is_shard, remade(before, place.made()))) == SHARDS
