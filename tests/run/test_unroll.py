"""Archives that can only be read from front to back: read once for all shards, by the real Snakemake."""

from __future__ import annotations

import re

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from tests.archives import archive
from tests.building import Workplace, remade
from tests.pictures import encode

MEMBERS, DRAWN, PER_SHARD = 100, 60, 20
UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
OVERHEAD = 1e6  # bytes of headers, and of modules that are loaded with the first image


def noise(number: int) -> bytes:
    """An image that no archive makes smaller."""
    pixels = np.random.default_rng(number).integers(0, 256, (220, 200, 3), np.uint8)
    return encode(Image.fromarray(pixels), "PNG")


@pytest.fixture(scope="module")
def members() -> dict[str, bytes]:
    return {f"{number:03}.png": noise(number) for number in range(MEMBERS)}


@pytest.fixture(scope="module")
def place(members, tmp_path_factory) -> Workplace:
    """An origin called ``solid`` in one stream of 13 MB, of which shards of twenty images are taken."""
    place = Workplace(tmp_path_factory.mktemp("unroll") / "place")
    shelf = place.folder / "shelf"
    shelf.mkdir()
    path = archive(shelf, ".7z", members)
    card = {
        "title": "Solid",
        "homepage": "https://example.org",
        "licence": "CC0-1.0",
        "access": "manual",
        "instructions": "make it",
        "kind": "archive",
        "files": [{"path": path.name}],
        "cost": {"bytes": 130_000},
        "recipe": {"revision": 1, "reader": {"name": "folders"}},
        "examples": [{"given": "1.png", "expect": {"label": 0}}],
    }
    dataset = {
        "title": "Solid",
        "seed": 3,
        "splits": {"all": 1},
        "shard_items": PER_SHARD,
        "reals": {"solid": {"quota": DRAWN, "margin": 1}},
    }
    (place.folder / "config/origins/solid.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    (place.folder / "config/datasets/solid.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    place.edit("config.yaml", dataset="solid", paths={"solid": str(shelf)})
    return place


def bytes_read(place: Workplace, rule: str) -> list[float]:
    """What the kernel counted for each job of the rule."""
    texts = [path.read_text() for path in sorted((place.work / f"logs/{rule}/solid").rglob("*.log"))]
    found = [re.search(r"([\d.]+) (\w+) read$", text, re.MULTILINE) for text in texts]
    return [float(number[1]) * UNITS[number[2]] for number in found]


def is_take_shard(name: str) -> bool:
    return re.fullmatch(r"solid/origins/solid/real-\d{5}\.parquet", name) is not None


@pytest.mark.slow
def test_one_pass_for_all_shards_whatever_happens_to_them(place, members):
    stream = (place.folder / "shelf").iterdir().__next__().stat().st_size
    drawn = DRAWN / MEMBERS * stream
    assert re.search(rf"^unroll +solid +1 +{DRAWN} +[\d.]+ MB", place.run("plan"), re.MULTILINE)
    assert place.dry_run()["unroll_origin"] == 1  # though nothing is drawn yet
    place.run("solid")

    passes, takes = bytes_read(place, "unroll_origin"), bytes_read(place, "adopt_shard")
    assert len(passes) == 1
    assert len(takes) == DRAWN // PER_SHARD
    assert 0.9 * drawn < passes[0] < stream + OVERHEAD  # the archive once
    assert max(takes) < drawn / len(takes) + OVERHEAD  # a shard what is its own, not the archive again
    for name in filter(is_take_shard, place.made()):
        for row in pq.read_table(place.work / "results" / name).to_pylist():
            assert row["image"]["bytes"] == members[row["source_member"]]
    assert place.dry_run("solid") == {}

    # a lost shard comes back without the archive
    before = place.made()
    lost = place.work / "results/solid/origins/solid/real-00001.parquet"
    data = lost.read_bytes()
    lost.unlink()
    place.run("solid")
    assert remade(before, place.made()) == {"solid/origins/solid/real-00001.parquet"}
    assert lost.read_bytes() == data

    # a larger quota reads the archive once more, and only for the new shards
    before = place.made()
    place.edit("datasets/solid.yaml", reals__solid__quota=DRAWN + PER_SHARD)
    place.run("solid")
    again = set(filter(is_take_shard, remade(before, place.made())))
    assert again == {"solid/origins/solid/real-00003.parquet"}
    assert place.dry_run("solid") == {}

    # lists that are drawn anew and are the same make nothing run
    before = place.made()
    place.run("solid", "--forcerun", "draw_origin")
    assert all("/draw.parquet" in name or "/picks/" in name for name in remade(before, place.made()))
    assert place.dry_run("solid") == {}


@pytest.mark.slow
def test_photographs_that_are_varied_are_read_in_one_pass_too(place, tmp_path):
    place = place.copy(tmp_path / "place")
    shelf = place.folder / "shelf"
    card = yaml.safe_load((place.folder / "config/origins/demo_variations.yaml").read_text(encoding="utf-8"))
    card["recipe"]["reader"]["origin"] = "solid"
    card["recipe"] |= {"batch": 2, "steps": 1}
    (place.folder / "config/origins/varied.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    place.edit("datasets/solid.yaml", fakes={"varied": {"quota": 6, "margin": 1}}, shard_items=3)
    place.edit("config.yaml", paths={"solid": str(shelf)})
    jobs = place.dry_run()
    assert (jobs["unroll_origin"], jobs["generate_shard"]) == (2, 2)
    place.run("varied")
    (log,) = (place.work / "logs/unroll_origin/solid").glob("varied.log")
    assert "6 of 6 members" in log.read_text()
    shards = sorted((place.work / "results/solid/origins/varied").glob("demo_image_variation-*.parquet"))
    assert [pq.read_table(shard)["state"].to_pylist() for shard in shards] == [["taken"] * 3] * 2
    assert place.dry_run("varied") == {}
