"""hub_metadata.py: what the hub accepts of a card's front matter, by its own libraries and without asking it."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
import yaml
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData

from touchstone.hub_metadata import HUB_LICENCES, hub_metadata

STEPS = ("1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")
SIZES = ["n<1K", *(f"{low}<n<{high}" for low, high in pairwise(STEPS)), "n>1T"]


def made(images: int = 10, licences: tuple[str, ...] = ("CC0-1.0",), title: str = "T") -> dict:
    text = hub_metadata(title, {"licences": dict.fromkeys(licences, 1), "images": images, "splits": ["train", "test"]})
    DatasetCard(f"---\n{text}---\n\n# T\n")  # parses, or raises
    return yaml.safe_load(text)


@pytest.mark.parametrize("images", [0, 1, 999, 1000, 9_999, 10_000, 10**6 - 1, 10**6, 10**9, 10**12 - 1, 10**12])
def test_sizes_are_the_hubs_own(images):
    (size,) = made(images)["size_categories"]
    assert size in SIZES
    low = ([0] + [1000 * 10**power for power in range(10)])[SIZES.index(size)]
    assert low <= images


@pytest.mark.parametrize("licences", [("CC0-1.0",), ("MIT", "CC0-1.0"), ("not stated",), ("", "MIT"), ("a: b # c\n- d",)])
def test_licences_are_known_ones_or_other_with_a_name_the_hub_allows(licences):
    metadata = made(licences=licences)
    assert metadata["license"] in (*HUB_LICENCES, "other")
    if metadata["license"] == "other":
        assert re.fullmatch(r"[a-z0-9.-]+", metadata["license_name"])
        assert isinstance(metadata["license_details"], str)


def test_its_own_library_takes_every_field_and_finds_the_files():
    data = DatasetCardData(**made())
    assert data.task_categories == ["image-classification"]
    assert data.pretty_name == "T"
    configs = MetadataConfigs.from_dataset_card_data(data)
    files = [{"split": split, "path": f"data/{split}/*.parquet"} for split in ("train", "test")]
    assert configs["default"]["data_files"] == files


@pytest.mark.parametrize("title", ["a: b", "- x", "'", "a\n---\nb", "yes", "1"])
def test_titles_stay_texts(title):
    assert made(title=title)["pretty_name"] == " ".join(title.split())
