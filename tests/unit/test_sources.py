"""sources.py: what a pick list says of the files that it reads."""

from __future__ import annotations

import pyarrow as pa
import pytest

from touchstone.sources import Sources

A = {"name": "a.zip", "path": "x/a.zip", "size": 1, "sha256": "aa"}
B = {"name": "b.zip", "path": "x/b.zip", "size": 2, "sha256": "bb"}
LIST = {"name": "names.csv", "path": "x/names.csv", "size": 3, "sha256": "cc"}


def told(files: list[dict], *picks: tuple[str, str]) -> list[dict]:
    table = pa.table({"source_file": pa.array([file for file, _ in picks], pa.string())})
    table = table.append_column("source_member", pa.array([member for _, member in picks], pa.string()))
    return Sources(files).read_by(table)


def test_only_files_that_are_read_count_and_not_where_they_lie():
    assert told([A, B, LIST], ("b.zip", "1.png"), ("b.zip", "2.png")) == [{"name": "b.zip", "size": 2, "sha256": "bb"}]
    assert told([A | {"path": "elsewhere"}, B], ("a.zip", "1.png")) == told([A], ("a.zip", "1.png"))
    assert told([A, B], ("b.zip", "1"), ("a.zip", "1")) == told([B, A], ("a.zip", "1"), ("b.zip", "1"))
    assert told([A, B]) == []


def test_without_a_name_it_is_the_first_container():
    assert told([LIST, B, A], ("", "1.png")) == told([B], ("b.zip", "1.png"))


@pytest.mark.parametrize("names", [("d/x.z01", "d/x.z02", "d/x.zip"), ("d/x.7z.001", "d/x.7z.002")])
def test_volumes_count_together(names):
    files = [{"name": name, "path": name, "size": 1, "sha256": name} for name in (*names, "d/y.zip", "e/x.zip")]
    assert [file["name"] for file in told(files, (names[-1], "1.png"))] == sorted(names)


def test_of_a_folder_its_size_counts_or_the_checksums_of_what_is_read():
    folder = {"name": "images/", "path": "x/images", "size": 9, "items": 3}
    assert told([folder, A], ("images/", "1.png")) == [{"name": "images/", "size": 9, "items": 3}]
    assert told([folder, A], ("images/below.zip", "1.png")) == [{"name": "images/", "size": 9, "items": 3}]
    beside = {"name": "images/below.csv", "path": "x/below.csv", "size": 1, "sha256": "dd"}  # no volume of it, but who knows
    assert told([beside, folder], ("images/below.zip", "1.png")) == [
        told([folder], ("images/", "1.png"))[0],
        told([beside], (beside["name"], ""))[0],
    ]
    before, after = (
        folder | {"contents": {"1.png": "git:a", "2.png": f"git:{each}", "p.parquet": f"sha256:{each}"}} for each in "bc"
    )
    assert told([before], ("images/", "1.png")) == told([after], ("images/", "1.png"))
    assert told([before], ("images/", "2.png")) != told([after], ("images/", "2.png"))
    assert told([before], ("images/p.parquet", "0")) != told([after], ("images/p.parquet", "0"))
    assert told([before], ("images/", "row 7 of a saved dataset")) == [{"name": "images/", "size": 9, "items": 3}]
