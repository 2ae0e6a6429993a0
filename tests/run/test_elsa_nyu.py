"""A dataset of ELSA and NYU origins, by the real Snakemake, from the files as their publishers lay them out."""

from __future__ import annotations

import json
from collections import defaultdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tests.building import Workplace
from tests.trees_elsa_nyu import nyu_pairs, parquet, picture, saved, scraped_row, tarred, track1, with_images

pytestmark = pytest.mark.slow
ROWS = 40


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Workplace:
    """ELSA1M with its reals as AI-GenBench's scripts scrape them, and the indoor pairs of NYU beside their raw photographs."""
    place = Workplace(tmp_path_factory.mktemp("elsa") / "place")
    data = place.folder / "data"
    parquet(data / "elsa/data/train-00000-of-00892-0123456789abcdef.parquet", with_images(map(track1, range(ROWS // 2))))
    saved(data / "elsa/data/more", with_images(map(track1, range(ROWS // 2, ROWS))))
    rows = [scraped_row(number, "success" if number % 8 else "failed_to_download") for number in range(ROWS)]
    members = {}
    for number, row in enumerate(rows):
        if row["status"] == "success":
            texts = {"png": picture(2000 + number), "json": json.dumps(row).encode(), "txt": b"Lake"}
            members |= {f"{row['key']}.{suffix}": content for suffix, content in texts.items()}
    tarred(data / "reals/train/00000.tar", members)
    parquet(data / "reals/train/00000.parquet", pa.Table.from_pylist(rows))
    names = [f"kitchen_{number:04d}" for number in range(16)]
    nyu_pairs(data / "nyu/NYU_CV_RVAP_dataset_1.0.0.zip", names)
    dataset = {
        "title": "ELSA and NYU",
        "seed": 5,
        "splits": {"train": 0.75, "test": 0.25},
        "fakes": {"elsa_1m": {"quota": 28, "margin": 1.4}, "nyu_indoor_sd": {"quota": 12, "margin": 1.4}},
        "reals": {"laion_400m_scraped": {"quota": 28, "margin": 1.2}, "nyu_indoor_sd": {"quota": 12, "margin": 1.3}},
        "shard_items": 16,
    }
    (place.folder / "config/datasets/demo.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    paths = {"elsa_1m": data / "elsa", "laion_400m_scraped": data / "reals", "nyu_indoor_sd": data / "nyu"}
    place.edit("config.yaml", paths={name: str(path) for name, path in paths.items()})
    place.run()
    return place


@pytest.fixture(scope="module")
def packed(built) -> list[dict]:
    return [
        row | {"split": path.parent.name}
        for path in sorted((built.work / "results/demo/data").rglob("*.parquet"))
        for row in pq.read_table(path).to_pylist()
    ]


def test_every_part_is_as_large_as_asked_for(packed):
    counts = defaultdict(int)
    for row in packed:
        counts[row["origin"], row["generator"], row["split"]] += 1
    assert counts == {
        ("elsa_1m", "Stable Diffusion 2.1", "train"): 21,
        ("elsa_1m", "Stable Diffusion 2.1", "test"): 7,
        ("laion_400m_scraped", "", "train"): 21,
        ("laion_400m_scraped", "", "test"): 7,
        ("nyu_indoor_sd", "Stable Diffusion Image Variations", "train"): 9,
        ("nyu_indoor_sd", "Stable Diffusion Image Variations", "test"): 3,
        ("nyu_indoor_sd", "", "train"): 9,
        ("nyu_indoor_sd", "", "test"): 3,
    }


def test_what_an_elsa_row_said_is_in_the_finished_dataset(packed):
    rows = [row for row in packed if row["origin"] == "elsa_1m"]
    for row in rows:
        told = track1(int(row["paired_real_images"][0].rpartition("/")[2]) - 26131007000)
        assert row["id"] == "ELSA1M_track1/" + told["filepath"].removesuffix(".png")
        for name in ("original_prompt", "positive_prompt", "negative_prompt", "nsfw"):
            assert row[name] == told[name]
        assert row["source_url"] == told["url_real_image"]
        assert row["image"]["bytes"] == picture(int(told["id"]) % 1000)


def test_a_photograph_and_what_was_made_of_it_are_in_one_split(packed):
    splits = defaultdict(set)
    origins = defaultdict(set)
    for row in packed:
        for group in row["groups"]:
            splits[group].add(row["split"])
            origins[group].add((row["origin"], row["label"]))
    assert all(len(found) == 1 for found in splits.values())
    assert {("elsa_1m", 1), ("laion_400m_scraped", 0)} in origins.values()  # groups that two origins share
    assert {("nyu_indoor_sd", 1), ("nyu_indoor_sd", 0)} in origins.values()


def test_nothing_of_the_origins_folders_was_changed(built):
    names = {path.name for path in (built.folder / "data").rglob("*") if path.is_file()}
    assert not [name for name in names if name.endswith((".tmp", ".part")) or name.startswith(".")]
    assert "Nothing to be done" in built.run()
