"""audit/distributions.py: every count is that of the manifest, and lies in the bin that its value names."""

import csv
from collections import Counter

import numpy as np
import pytest
from tests.manifests import rows_alike, write_manifest

from touchstone.audit.distributions import count_facts, guess, write_distributions


@pytest.fixture
def rows() -> list[dict]:
    made = rows_alike(400)
    for row in made[:40]:
        row |= {"frames": 3, "mode": "RGBA", "bit_depth": 16, "width": 2000, "height": 100}
    return made


def counted(tmp_path, rows: list[dict]) -> Counter:
    """``{(property, bin, label, split, origin, generator): images}`` as written."""
    found = count_facts(write_manifest(tmp_path / "manifest.parquet", rows))
    write_distributions(found, str(tmp_path / "found.csv"))
    with open(tmp_path / "found.csv", newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    cells = [tuple(row[key] for key in ("property", "bin", "label", "split", "origin", "generator")) for row in read]
    assert len(set(cells)) == len(cells)
    return Counter({cell: int(row["images"]) for cell, row in zip(cells, read, strict=True)})


def cell(row: dict) -> tuple:
    return (str(row["label"]), row["split"], row["origin"], row["generator"])


def test_counts_are_those_of_the_manifest(tmp_path, rows):
    found = counted(tmp_path, rows)
    carried = {(True, True): "EXIF and ICC", (True, False): "EXIF", (False, True): "ICC", (False, False): "none"}
    plain = {
        "format": lambda row: row["format"],
        "mode": lambda row: row["mode"],
        "bit_depth": lambda row: str(row["bit_depth"]),
        "size": lambda row: f"{row['width']} x {row['height']}",
        "frames": lambda row: "1" if row["frames"] == 1 else "2 and more",
        "progressive": lambda row: "progressive" if row["progressive"] else "sequential",
        "metadata": lambda row: carried[row["has_exif"], row["has_icc"]],
    }
    for name, value in plain.items():
        expected = Counter((name, value(row), *cell(row)) for row in rows)
        assert {key: images for key, images in found.items() if key[0] == name} == expected


def test_values_lie_in_the_range_that_is_named(tmp_path, rows):
    found = counted(tmp_path, rows)
    values = {
        "width": lambda row: row["width"],
        "aspect": lambda row: row["width"] / row["height"],
        "bytes_per_pixel": lambda row: row["n_bytes"] / row["width"] / row["height"],
        "jpeg_quality": lambda row: row["jpeg_quality"],
    }
    for name, value in values.items():
        have = [row for row in rows if value(row) is not None]
        bins = {key[1] for key in found if key[0] == name}
        assert sum(images for key, images in found.items() if key[0] == name) == len(have)
        for entry in bins:
            low, _, high = entry.removeprefix("below ").removesuffix(" and more").partition("-")
            lower = -np.inf if entry.startswith("below") else float(low)
            upper = np.inf if entry.endswith("more") else float(high or low) + (name in ("width", "jpeg_quality"))
            images = sum(count for key, count in found.items() if key[:2] == (name, entry))
            assert images == sum(lower <= value(row) < upper for row in have), entry


def test_rare_sizes_share_a_bin(tmp_path):
    rows = rows_alike(41)
    for number, row in enumerate(rows):
        row |= {"width": 100 + number % 20, "height": 512}
    sizes = [key[1] for key in counted(tmp_path, rows) if key[0] == "size"]
    assert len(set(sizes)) == 9
    assert "other" in sizes


def test_an_empty_manifest_has_no_counts(tmp_path):
    assert counted(tmp_path, []) == {}


@pytest.mark.parametrize(
    ("one", "other", "expected"), [([1, 1], [5, 5], 0.5), ([3, 0], [0, 1], 1), ([2, 2], [1, 3], 0.625), ([0, 0], [1, 1], None)]
)
def test_guess_is_half_of_one_and_the_total_variation(one, other, expected):
    assert guess(np.array(one), np.array(other)) == expected
