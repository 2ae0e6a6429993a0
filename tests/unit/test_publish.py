"""publish.py: one hash of what the dataset is, gates that name all that is wrong, numbers that are the tables'."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchstone.errors import TouchstoneError
from touchstone.publish import check_gates, root_hash, write_manifest, write_summary
from touchstone.record import LEDGER, MANIFEST, PACKED, SELECTED, hub_schema, table_of
from touchstone.shards import shard_writer

LIMITS = {"max_rejected": 0.2, "max_shortfall": 0, "survival": {"old_list": 0.5}}


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

    def manifest(self, kept: int, packed: list[str] | None = None) -> pa.Table:
        write_manifest(
            packed=packed or self.packed,
            folder=str(self.folder),
            ledger=self.ledger(count("kept", kept, split="train")),
            manifest=str(self.folder / "manifest.parquet"),
            progress=self.progress,
        )
        return pq.read_table(self.folder / "manifest.parquet")

    def gates(self, ledger: list[dict], selected: list[tuple[int, str]] = (), **limits: float) -> dict:
        rows = [{"id": str(number), "group": group, "split": split} for number, (group, split) in enumerate(selected)]
        for row in rows:
            row["state"] = "kept" if row["split"] else "rejected"
        pq.write_table(table_of(rows, SELECTED), self.folder / "selection.parquet")
        check_gates(
            selection=str(self.folder / "selection.parquet"),
            ledger=self.ledger(*ledger),
            limits=LIMITS | limits,
            dataset_file="config/datasets/mine.yaml",
            gates=str(self.folder / "gates.json"),
            progress=self.progress,
        )
        return json.loads((self.folder / "gates.json").read_text(encoding="utf-8"))

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


# -- gates -------------------------------------------------------------------------------------------

GOOD = [count("kept", 8, split="train"), count("kept", 2, split="test"), count("rejected", 2, reason="truncated")]


def test_a_good_dataset_passes_and_what_was_measured_is_written(place):
    measured = place.gates(GOOD, [(1, "train"), (1, "train"), (2, "test"), (1, "")])
    assert measured == {
        "origins": {"a": {"drawn": 12, "faulty": 2, "reasons": {"truncated": 2}, "share": 2 / 12}},
        "parts": {"a real": {"wanted": 10, "kept": 10, "missing": 0}},
        "torn_groups": 0,
        "limits": LIMITS,
    }
    assert "all gates passed" in place.said()


def test_items_that_the_dataset_chose_to_leave_out_are_no_fault(place):
    choices = [count("rejected", 90, reason=reason) for reason in ("spare", "too_small", "exact_duplicate")]
    assert place.gates([*GOOD[:2], *choices])["origins"]["a"]["faulty"] == 0


def test_the_limits_themselves_pass(place):
    place.gates([count("kept", 8, split="train"), count("rejected", 2, reason="blank")], max_shortfall=0.2)


def refusal(place, *arguments, **limits) -> str:
    with pytest.raises(TouchstoneError) as error:
        place.gates(*arguments, **limits)
    assert not (place.folder / "gates.json").exists()
    assert "config/datasets/mine.yaml" in error.value.where
    assert "selection.parquet" in error.value.where
    assert "margin" in error.value.mend
    return error.value.what


def test_too_many_rejected_items_are_named_with_their_reasons(place):
    text = refusal(
        place, [*GOOD, count("rejected", 1234, reason="http_error"), count("rejected", 5, part="p", reason="truncated")]
    )
    assert "a: 1,241 of 1,251 items are rejected (99.2%, gates.max_rejected allows 20%)" in text
    assert "1,234 http_error (the server answered with an error status)" in text
    assert "7 truncated (the image ends before its last pixel)" in text


def test_links_that_were_expected_to_be_dead_are_no_reason_to_stop(place):
    rows = [
        count("kept", 45, origin="old_list", split="train", wanted=45),
        count("rejected", 55, "old_list", reason="http_error"),
    ]
    text = refusal(place, [*rows, count("rejected", 20, "old_list", reason="not_reached")])
    assert "old_list: 75 of 120 items are rejected (62.5%, gates.max_rejected allows 60%)" in text
    place.gates(rows)


def test_small_limits_are_told_as_they_are(place):
    text = refusal(place, [count("kept", 997, split="train"), count("rejected", 3, reason="blank")], max_rejected=0.002)
    assert "3 of 1,000 items are rejected (0.3%, gates.max_rejected allows 0.2%)" in text


def test_a_shortfall_is_named_with_its_part_and_the_mend(place):
    text = refusal(place, [*GOOD, count("kept", 7, part="painter", split="train")])
    assert "a painter: 3 of 10 images are missing (gates.max_shortfall allows 0%): raise its margin, or lower its quota" in text
    assert "a real" not in text


def test_a_part_of_which_nothing_is_kept_is_missing_as_a_whole(place):
    assert "a painter: 10 of 10 images are missing" in refusal(
        place, [*GOOD, count("rejected", 1, part="painter", reason="spare")]
    )


def test_a_torn_group_is_counted(place):
    text = refusal(place, GOOD, [(1, "train"), (1, "test"), (2, "train"), (2, ""), (3, "test"), (3, "train"), (3, "train")])
    assert "2 groups are torn between splits" in text


def test_all_that_is_wrong_is_named_at_once(place):
    ledger = [count("kept", 1, split="train"), count("rejected", 9, reason="truncated")]
    ledger += [count("rejected", 9, origin="b", part="painter", reason="not_reached")]
    text = refusal(place, ledger, [(1, "train"), (1, "test")])
    assert [line.split(":")[0] for line in text.splitlines()[1:]] == [
        "  - a",
        "  - b",
        "  - a real",
        "  - b painter",
        "  - 1 groups are torn between splits",
    ]


# -- summary -----------------------------------------------------------------------------------------


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
        folder="x",
        summary=str(place.folder / "summary.txt"),
    )
    assert "1 items drawn = 1 kept + 0 rejected" in (place.folder / "summary.txt").read_text(encoding="utf-8")
