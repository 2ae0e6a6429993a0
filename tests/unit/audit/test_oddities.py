"""audit/oddities.py: planted odd pictures are counted where they are, the oddest as examples."""

import csv

import pyarrow.parquet as pq
import pytest
from tests.manifests import rows_alike, write_manifest

from touchstone.audit.oddities import KINDS, find_oddities, write_oddities
from touchstone.record import SELECTED, table_of


def found(tmp_path, rows: list[dict], rejected: list[dict]) -> list[dict]:
    manifest = write_manifest(tmp_path / "manifest.parquet", rows)
    pq.write_table(
        table_of([{"state": "rejected", "origin": "o", "generator": ""} | row for row in rejected], SELECTED),
        tmp_path / "s.parquet",
    )
    return find_oddities(manifest, str(tmp_path / "s.parquet"))


@pytest.mark.parametrize(
    ("kind", "facts", "seen"),
    [
        ("nearly_one_colour", [{"luma_std": 1.9}, {"luma_std": 0.5}], ["0.5", "1.9"]),
        ("tiny", [{"width": 63}, {"height": 16}], ["640 x 16", "63 x 480"]),
        ("extreme_aspect", [{"width": 1921}, {"width": 6000}], ["6000 x 480", "1921 x 480"]),
        ("animated", [{"frames": 2}, {"frames": 70}], ["70 frames", "2 frames"]),
    ],
)
def test_the_odd_are_counted_the_oddest_first(tmp_path, kind, facts, seen):
    rows = [row | {"width": 640, "height": 480} for row in rows_alike(100)]
    for row, planted in zip((rows[7], rows[3]), facts, strict=True):
        row |= planted
    (entry,) = [entry for entry in found(tmp_path, rows, []) if entry["kind"] == kind]
    assert (entry["state"], entry["origin"], entry["images"]) == ("kept", "painter", 2)
    assert entry["examples"] == [(rows[3]["id"], seen[0]), (rows[7]["id"], seen[1])]


def test_ordinary_pictures_are_not_odd(tmp_path):
    assert found(tmp_path, rows_alike(200), []) == []


def test_faults_are_shown_with_those_drawn_first(tmp_path):
    rejected = [{"id": f"o/{n}", "reason": "truncated", "detail": "cut", "rank": 9 - n} for n in range(5)]
    rejected += [{"id": "o/spare", "reason": "spare", "rank": 1}]
    (entry,) = found(tmp_path, [], rejected)
    assert (entry["kind"], entry["state"], entry["images"]) == ("truncated", "rejected", 5)
    assert entry["examples"] == [("o/4", "cut"), ("o/3", "cut"), ("o/2", "cut")]


def test_each_origin_and_generator_has_a_row_of_its_own(tmp_path):
    rows = [row | {"frames": 2} for row in rows_alike(40)]
    entries = [entry for entry in found(tmp_path, rows, []) if entry["kind"] == "animated"]
    assert {(entry["origin"], entry["generator"]): entry["images"] for entry in entries} == {
        ("photos", ""): 20,
        ("painter", "Painter"): 10,
        ("painter", "Sculptor"): 10,
    }
    write_oddities(entries, str(tmp_path / "odd.csv"))
    with open(tmp_path / "odd.csv", newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [row["images"] for row in written] == ["20", "10", "10"]
    assert written[0]["examples"].split("; ") == [name for name, _ in entries[0]["examples"]]
    assert set(KINDS) >= {row["kind"] for row in written}
