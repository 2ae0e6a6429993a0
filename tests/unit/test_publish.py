"""publish.py: one hash of what the dataset is, and numbers that are the tables'."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchstone import __version__
from touchstone.errors import TouchstoneError
from touchstone.publish import root_hash, version_of_code, write_manifest, write_summary
from touchstone.record import LEDGER, MANIFEST, PACKED, SELECTED, hub_schema, table_of
from touchstone.shards import shard_writer


def image(number: int, **fields: object) -> dict:
    data = bytes([number]) * 50  # nothing here decodes them
    row = {"id": f"a/{number}", "origin": "a", "label": number % 2, "generator": ["", "Painter"][number % 2]}
    row |= {"licence": "MIT", "format": "PNG", "width": 8, "height": 9, "n_bytes": 50, "sha256": f"{number:064x}"}
    return row | {"groups": [], "paired_real_images": [], "image": {"bytes": data, "path": "x"}} | fields


def count(state: str, items: int, origin: str = "a", part: str = "real", reason: str = "", split: str = "", **fields) -> dict:
    row = {"origin": origin, "part": part, "generator": "" if part == "real" else part.title(), "wanted": 10, "state": state}
    return row | {"step": "take" if reason else "", "reason": reason, "split": split, "items": items} | fields


class Place:
    def __init__(self, folder: Path, progress):
        self.folder, self.progress, self.packed = folder, progress, []

    def pack(self, split: str, name: str, rows: list[dict]) -> Path:
        path = self.folder / "data" / split / f"{name}.parquet"
        with shard_writer(path, hub_schema()) as writer:
            if rows:
                writer.append(table_of(rows, PACKED))
        self.packed.append(str(path))
        return path

    def ledger(self, *rows: dict) -> str:
        pq.write_table(table_of(rows, LEDGER), self.folder / "ledger.parquet")
        return str(self.folder / "ledger.parquet")

    def selection(self) -> str:
        """All images that were packed, each in a group of its own number."""
        ids = [number for path in self.packed if Path(path).exists() for number in pq.read_table(path)["id"].to_pylist()]
        rows = [{"id": name, "group": int(name.split("/")[1]) + 100, "state": "kept"} for name in dict.fromkeys(ids)]
        pq.write_table(table_of(rows, SELECTED), self.folder / "selection.parquet")
        return str(self.folder / "selection.parquet")

    def manifest(self, kept: int, packed: list[str] | None = None) -> pa.Table:
        write_manifest(
            packed=packed or self.packed,
            folder=str(self.folder),
            selection=self.selection(),
            code="0.1.0 (abc)",
            ledger=self.ledger(count("kept", kept, split="train")),
            manifest=str(self.folder / "manifest.parquet"),
            progress=self.progress,
        )
        return pq.read_table(self.folder / "manifest.parquet")

    def said(self) -> str:
        return self.progress.streams[0].getvalue()


@pytest.fixture
def place(tmp_path, progress):
    return Place(tmp_path, progress)


def hash_of(table: pa.Table) -> str:
    return table.schema.metadata[b"root_hash"].decode()


# -- manifest ----------------------------------------------------------------------------------------


def test_every_image_is_a_row_that_says_where_it_lies(place):
    place.pack("train", "a-real-00000", [image(0), image(2)])
    place.pack("test", "a-real-00000", [])
    place.pack("train", "a-painter-00000", [image(1)])
    table = place.manifest(3)
    assert table.schema.remove_metadata().equals(MANIFEST)
    assert [(row["file"], row["row"], row["id"], row["split"]) for row in table.to_pylist()] == [
        ("data/train/a-painter-00000.parquet", 0, "a/1", "train"),
        ("data/train/a-real-00000.parquet", 0, "a/0", "train"),
        ("data/train/a-real-00000.parquet", 1, "a/2", "train"),
    ]
    for row in table.to_pylist():
        assert row["group"] == int(row["id"].split("/")[1]) + 100
        there = pq.read_table(place.folder / row["file"]).slice(row["row"], 1).to_pylist()[0]
        assert {name: there[name] for name in MANIFEST.names if name in there} == {
            name: row[name] for name in row if name in there
        }


def test_the_root_hash_is_that_of_its_definition(place):
    place.pack("train", "a-real-00000", [image(3), image(0)])
    lines = [f"a/0\t{0:064x}\ttrain\t0\t\n", f"a/3\t{3:064x}\ttrain\t1\tPainter\n"]
    assert hash_of(place.manifest(2)) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_root_hash_does_not_depend_on_the_order_or_cut_of_the_files(place, tmp_path, progress):
    place.pack("train", "a-real-00000", [image(number) for number in range(5)])
    place.pack("test", "a-real-00000", [image(9)])
    first = place.manifest(6)
    assert place.manifest(6, place.packed[::-1]).equals(first)
    other = Place(tmp_path / "other", progress)
    for number in (4, 2, 0, 3, 1):
        other.pack("train", f"a-real-{9 - number:05d}", [image(number)])
    other.pack("test", "b-real-00000", [image(9)])
    assert hash_of(other.manifest(6)) == hash_of(first)


ROW = {"id": "a/1", "sha256": "1" * 64, "split": "train", "label": 1, "generator": "Painter"}


@pytest.mark.parametrize(
    ("field", "value"), [("id", "a/2"), ("sha256", "2" * 64), ("split", "test"), ("label", 0), ("generator", "")]
)
def test_the_root_hash_changes_with_each_of_its_fields(field, value):
    def hash_with(*changed: dict) -> str:
        return root_hash(
            table_of([image(7) | {"split": "test"} | row for row in changed], pa.schema([*PACKED, ("split", pa.string())]))
        )

    before = hash_with(ROW, {"id": "a/9"})
    assert hash_with(ROW | {field: value}, {"id": "a/9"}) != before
    assert hash_with({"id": "a/9"}, ROW) == before
    assert hash_with(ROW | {"licence": "other", "width": 77}, {"id": "a/9"}) == before
    assert hash_with(ROW) != before


def test_the_manifest_names_the_code_that_made_it(place):
    place.pack("train", "a-real-00000", [image(0)])
    assert place.manifest(1).schema.metadata[b"code"] == b"0.1.0 (abc)"


def test_the_version_of_the_code_names_its_commit(tmp_path):
    assert version_of_code(str(tmp_path / "script.py")) == __version__
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    (tmp_path / "script.py").write_text("1", encoding="utf-8")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout[:12]
    assert version_of_code(str(tmp_path / "script.py")) == f"{__version__} ({commit})"
    (tmp_path / "script.py").write_text("2", encoding="utf-8")
    assert version_of_code(str(tmp_path / "script.py")) == f"{__version__} ({commit}-dirty)"


def test_remains_of_an_earlier_configuration_are_deleted_and_named(place):
    place.pack("train", "a-real-00000", [image(0)])
    remains = [place.pack("train", "a-real-00001", [image(2)]), place.pack("val", "b-real-00000", [image(4)])]
    unrelated = place.folder / "data/train/notes.txt"
    unrelated.write_text("mine", encoding="utf-8")
    table = place.manifest(1, place.packed[:1])
    assert table["id"].to_pylist() == ["a/0"]
    assert not any(path.exists() for path in remains)
    assert unrelated.exists()
    assert all(f"deleted {path}" in place.said() for path in remains)


@pytest.mark.parametrize("kept", [1, 3])
def test_a_ledger_that_says_otherwise_stops_the_manifest(place, kept):
    place.pack("train", "a-real-00000", [image(0), image(1)])
    with pytest.raises(TouchstoneError, match=rf"ledger says {kept} images were kept, the shards hold 2[\s\S]*rm -r .*data"):
        place.manifest(kept)
    assert not (place.folder / "manifest.parquet").exists()


def test_a_missing_shard_is_named(place):
    place.pack("train", "a-real-00000", [image(0)])
    place.packed.append(str(place.folder / "data/train/a-real-00001.parquet"))
    with pytest.raises(TouchstoneError, match=r"missing[\s\S]*a-real-00001"):
        place.manifest(1)


# -- summary -----------------------------------------------------------------------------------------


def gates(folder: Path, warned: bool = True) -> str:
    entries = [("shortcut", "all: told apart"), ("shortcut", "Painter: told apart"), ("mirrored", "5 images are mirrored")]
    verdicts = [{"gate": gate, "what": what, "verdict": "warned" if warned else "passed"} for gate, what in entries]
    (folder / "gates.json").write_text(json.dumps(verdicts), encoding="utf-8")
    return str(folder / "gates.json")


def test_the_summary_has_the_numbers_of_the_ledger(place, capsys):
    ledger = [
        count("kept", 1200, split="train"),
        count("kept", 300, split="test"),
        count("kept", 1100, part="painter", split="train"),
        count("rejected", 4, reason="truncated"),
        count("rejected", 5, origin="b", reason="truncated"),
        count("rejected", 70, part="painter", reason="spare"),
    ]
    place.pack("train", "a-real-00000", [image(0)])
    digest = hash_of(place.manifest(1))
    write_summary(
        ledger=place.ledger(*ledger),
        manifest=str(place.folder / "manifest.parquet"),
        gates=gates(place.folder),
        folder="results/mine",
        summary=str(place.folder / "summary.txt"),
    )
    text = (place.folder / "summary.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    assert lines == [
        ["kept", "real", "fake"],
        ["train", "1,200", "1,100"],
        ["test", "300", "0"],
        ["2,679", "items", "drawn", "=", "2,600", "kept", "+", "79", "rejected"],
        ["rejected", "real", "fake"],
        ["spare", "0", "70"],
        ["truncated", "9", "0"],
        ["warnings", "(the", "report", "tells", "how", "to", "mend", "them)"],
        ["shortcut", "all:", "told", "apart", "(and", "1", "more)"],
        ["mirrored", "5", "images", "are", "mirrored"],
        ["dataset", "results/mine"],
        ["report", "results/mine/report.html"],
        ["root", "hash", digest],
    ]
    assert capsys.readouterr().out == f"\n{text}\n"


def test_a_summary_of_nothing_rejected(place):
    place.pack("train", "a-real-00000", [image(0)])
    place.manifest(1)
    write_summary(
        ledger=str(place.folder / "ledger.parquet"),
        manifest=str(place.folder / "manifest.parquet"),
        gates=gates(place.folder, warned=False),
        folder="x",
        summary=str(place.folder / "summary.txt"),
    )
    text = (place.folder / "summary.txt").read_text(encoding="utf-8")
    assert "1 items drawn = 1 kept + 0 rejected\n\n    dataset" in text
