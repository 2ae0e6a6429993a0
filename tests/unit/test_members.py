"""members.py: published lists decide who is where, and every id of them is accounted for."""

from __future__ import annotations

import csv
import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchstone.draw import draw_origin, rank_keys
from touchstone.errors import TouchstoneError
from touchstone.members import MEMBERS, listed_split, read_members, write_membership
from touchstone.record import ITEM, SCREENED, SELECTED, empty_item, table_of
from touchstone.split import split


@pytest.fixture
def lists(tmp_path, progress):
    """``lists({file: (split, [ids])})`` → path of the members, as the step reads them."""

    def read(content: dict, **extra: str) -> str:
        for name, (_, ids) in content.items():
            (tmp_path / name).write_text("\n".join([*ids, ""]), encoding="utf-8")
        entries = [{"file": name, "split": place} | extra for name, (place, _) in content.items()]
        read_members(lists=entries, folder=str(tmp_path), members=str(tmp_path / "members.parquet"), progress=progress)
        return str(tmp_path / "members.parquet")

    return read


def test_ids_come_in_the_order_of_the_lists_whatever_they_hold(lists):
    ids = ["a/DALL·E 2022-10-23 19.07.49", "b: c", "d,e", 'f"g']
    table = pq.read_table(lists({"one.txt": ("train", ids), "two.txt": ("test", ["x"])}))
    assert table.to_pylist() == [{"id": name, "split": "train"} for name in ids] + [{"id": "x", "split": "test"}]


def test_imaginets_annotation_lists_are_lists_of_members(lists):
    lines = ["./wikiart/Cubism/a(1).jpg,0,1,4,8", "./dalle3/b.png,1,3,3,7"]
    table = pq.read_table(lists({"one.txt": ("test", lines)}, form="annotations", prefix="imaginet/"))
    assert table["id"].to_pylist() == ["imaginet/wikiart/Cubism/a(1).jpg", "imaginet/dalle3/b.png"]


def test_a_missing_a_changed_and_a_contradicting_list_are_refused(lists, tmp_path, progress):
    with pytest.raises(TouchstoneError, match="missing") as error:
        read_members(
            lists=[{"file": "gone.txt", "split": "train", "instructions": "ask them"}],
            folder=str(tmp_path),
            members=str(tmp_path / "m.parquet"),
            progress=progress,
        )
    assert error.value.mend == "ask them"
    with pytest.raises(TouchstoneError, match="not the published one"):
        lists({"one.txt": ("train", ["a"])}, sha256="0" * 64)
    lists({"one.txt": ("train", ["a"])}, sha256=hashlib.sha256(b"a\n").hexdigest())
    with pytest.raises(TouchstoneError, match="'a' stands in the lists more than once"):
        lists({"one.txt": ("train", ["a", "b"]), "two.txt": ("test", ["c", "a"])})
    (tmp_path / "odd.txt").write_bytes(b"\xff\n")
    with pytest.raises(TouchstoneError, match="UTF-8"):
        read_members(
            lists=[{"file": "odd.txt", "split": "train"}], folder=str(tmp_path), members=str(tmp_path / "m"), progress=progress
        )


def test_listed_items_are_drawn_before_all_others(lists, tmp_path, progress):
    names = [f"a/{number}" for number in range(50)]
    pq.write_table(table_of([empty_item() | {"id": name, "origin": "a"} for name in names], ITEM), tmp_path / "index.parquet")
    chosen = names[7::5]
    draw_origin(
        index=str(tmp_path / "index.parquet"),
        parts=[{"key": "real", "name": "", "drawn": 12}],
        shard_items=5,
        seed=3,
        drawn=str(tmp_path / "draw.parquet"),
        picks=str(tmp_path / "picks"),
        progress=progress,
        members=lists({"one.txt": ("train", [*chosen, "a/none"])}),
    )
    drawn = pq.read_table(tmp_path / "draw.parquet")["id"].to_pylist()
    assert set(drawn[: len(chosen)]) == set(chosen)
    assert len(set(drawn)) == 12


PLAN = [{"origin": "a", "part": "painter", "matched": False, "targets": {"train": 6, "test": 3}}]


def screened(tmp_path, names: list[str], rejected: set[str]) -> str:
    rows = [
        {
            "id": name,
            "origin": "a",
            "part": "painter",
            "label": 1,
            "generator": "Painter",
            "shard": "painter-00000",
            "row": rank,
            "rank": rank,
            "state": "rejected" if name in rejected else "taken",
            "reason": "truncated" if name in rejected else "",
            "step": "take" if name in rejected else "",
            "detail": "",
            "groups": ["all"],
            "paired_real_images": [],
            "sha256": f"{rank:064x}",
            "group": int(rank_keys(1, ["all"])[0]),
        }
        for rank, name in enumerate(names)
    ]
    pq.write_table(table_of(rows, SCREENED), tmp_path / "screen.parquet")
    return str(tmp_path / "screen.parquet")


def test_listed_images_go_where_they_are_listed_and_others_fill_what_is_missing(lists, tmp_path, progress):
    """All of one group: the published split tears it, and that is what was asked for."""
    train, test = [f"a/{number}" for number in range(6)], ["a/6", "a/7", "a/8"]
    members = lists({"one.txt": ("train", [*train[:5], "a/lost"]), "two.txt": ("test", test)})
    screen = screened(tmp_path, [*train[:5], *test, "a/spare1", "a/spare2", "a/spare3", "a/spare4"], {"a/2", "a/7"})
    files = {name: str(tmp_path / f"{name}.parquet") for name in ("selection", "ledger")}
    split(screen=screen, plan=PLAN, pack_items=5, picks=str(tmp_path / "picks"), progress=progress, members=members, **files)
    kept = {row["id"]: row["split"] for row in pq.read_table(files["selection"]).to_pylist() if row["state"] == "kept"}
    assert {name for name, where in kept.items() if where == "train"} >= {"a/0", "a/1", "a/3", "a/4"}
    assert {name for name, where in kept.items() if where == "test"} >= {"a/6", "a/8"}
    membership = tmp_path / "membership.csv"
    write_membership(members=members, selection=files["selection"], membership=str(membership), progress=progress)
    with open(membership, newline="", encoding="utf-8") as file:
        told = {row["id"]: row for row in csv.DictReader(file)}
    assert {name: told[name]["status"] for name in ("a/0", "a/2", "a/7", "a/lost")} == {
        "a/0": "found",
        "a/2": "rejected",
        "a/7": "rejected",
        "a/lost": "missing",
    }
    assert told["a/2"]["reason"] == "truncated"
    substitutes = [row for row in told.values() if row["status"] == "substitute"]
    assert len(substitutes) == len(kept) - 6
    assert len(told) == 9 + len(substitutes)


def test_a_split_that_the_dataset_does_not_have_is_no_split(tmp_path):
    pq.write_table(pa.table([["a", "b"], ["train", "test"]], schema=MEMBERS), tmp_path / "m.parquet")
    found = listed_split(pa.chunked_array([["b", "x", "a"]]), str(tmp_path / "m.parquet"), ["train", "test"])
    assert found.tolist() == [1, -1, 0]
    assert np.issubdtype(found.dtype, np.integer)


def test_the_selection_is_the_record_s(lists, tmp_path, progress):
    screen = screened(tmp_path, ["a/0"], set())
    files = {name: str(tmp_path / f"{name}.parquet") for name in ("selection", "ledger")}
    members = lists({"one.txt": ("test", ["a/0"])})
    split(screen=screen, plan=PLAN, pack_items=5, picks=str(tmp_path / "picks"), progress=progress, members=members, **files)
    table = pq.read_table(files["selection"])
    assert table.schema.equals(SELECTED)
    assert table["split"].to_pylist() == ["test"]
