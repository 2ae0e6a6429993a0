"""split.py: groups whole, quotas exact, reals as many as fakes, and the same wherever the rows come from."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchstone.draw import rank_keys
from touchstone.parts import apportion, numbered, shards_named_in
from touchstone.progress import Progress
from touchstone.record import LEDGER, SCREENED, SELECTED, table_of
from touchstone.split import split

SPLITS = ("train", "test", "validation", "held_out")
SHARES = {1: [1], 2: [0.8, 0.2], 3: [0.7, 0.2, 0.1], 4: [0.5, 0.25, 0.15, 0.1]}


def part(origin: str, quota: int, splits: int = 2, matched: bool = False, name: str | None = None) -> dict:
    """One entry of the plan, as the catalogue writes it."""
    targets = apportion(quota, dict(zip(SPLITS, SHARES[splits], strict=False)))
    return {"origin": origin, "part": name or ("real" if matched else "painter"), "matched": matched, "targets": targets}


def items(entry: dict, count: int, label: int | None = None, **columns: list) -> list[dict]:
    """Open rows of one part of the screen table, each a group of its own if ``groups`` does not say otherwise."""
    label = int(not entry["matched"]) if label is None else label
    ids = [f"{entry['origin']}/{entry['part']}/{number}" for number in range(count)]
    keys = columns.pop("group", None) or rank_keys(1, ids).tolist()
    return [
        {
            "id": name,
            "origin": entry["origin"],
            "label": label,
            "generator": entry["part"] if label else "",
            "groups": [],
            "paired_real_images": [],
            "part": entry["part"],
            "shard": f"{entry['part']}-{rank // 8:05d}",
            "row": rank % 8,
            "rank": rank,
            "sha256": f"{rank:064x}",
            "state": "taken",
            "reason": "",
            "detail": "",
            "step": "",
            "group": keys[rank],
        }
        | {column: values[rank] for column, values in columns.items()}
        for rank, name in enumerate(ids)
    ]


class Result:
    """What ``split`` wrote."""

    def __init__(self, folder: Path, rows: list[dict], plan: list[dict], pack_items: int = 5):
        folder.mkdir(exist_ok=True)
        self.plan, self.pack_items, self.folder = plan, pack_items, folder
        pq.write_table(table_of(rows, SCREENED), folder / "screen.parquet")
        self.progress = Progress("split", streams=(io.StringIO(),))
        split(
            screen=str(folder / "screen.parquet"),
            plan=plan,
            pack_items=pack_items,
            selection=str(folder / "selection.parquet"),
            ledger=str(folder / "ledger.parquet"),
            picks=str(folder / "picks"),
            progress=self.progress,
        )
        self.selection = pq.read_table(folder / "selection.parquet")
        self.ledger = pq.read_table(folder / "ledger.parquet")
        self.rows = self.selection.to_pylist()
        self.kept = [row for row in self.rows if row["state"] == "kept"]
        self.places = {row["id"]: row["split"] for row in self.rows}

    def count(self, origin: str, split: str, part: str | None = None) -> int:
        return sum(
            row["origin"] == origin and row["split"] == split and row["part"] == (part or row["part"]) for row in self.kept
        )

    def picks(self) -> dict[tuple[str, str], list[dict]]:
        """``(split, shard)`` → rows of every list on disk."""
        lists = {}
        for path in self.folder.glob("picks/*/*.csv"):
            with open(path, newline="", encoding="utf-8") as file:
                lists[path.parent.name, path.stem] = list(csv.DictReader(file))
        return lists


@pytest.fixture
def splitting(tmp_path):
    """``splitting(rows, plan, pack_items=5)`` → ``Result``; every call in a folder of its own."""
    calls = []

    def run(rows: list[dict], plan: list[dict], **options: int) -> Result:
        calls.append(None)
        return Result(tmp_path / f"split-{len(calls)}", rows, plan, **options)

    return run


# -- what holds for any table ------------------------------------------------------------------------


@st.composite
def builds(draw: st.DrawFn) -> tuple[list[dict], list[dict], int]:
    """A plan of fakes and reals, and a table in which groups, pairs and rejected rows are mixed at random."""
    splits = draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    plan = [part(f"fake{number}", draw(st.integers(1, 40)), splits) for number in range(draw(st.integers(1, 3)))]
    total = {name: sum(entry["targets"][name] for entry in plan) for name in plan[0]["targets"]}
    shares = {f"real{number}": draw(st.integers(1, 4)) for number in range(draw(st.integers(0, 2)))}
    matched = {name: apportion(count, shares) if shares else {} for name, count in total.items()}
    for origin in shares:
        plan.append(part(origin, 0, splits, matched=True) | {"targets": {name: matched[name][origin] for name in total}})
    if draw(st.booleans()):
        plan.append(part("album", draw(st.integers(1, 20)), splits, name="real"))
    rows = []
    for entry in plan:
        count = int(sum(entry["targets"].values()) * draw(st.sampled_from([0.5, 1, 1.5, 3]))) + draw(st.integers(1, 3))
        rows += items(entry, count, label=int(entry["origin"].startswith("fake")))
    reals = [row["id"] for row in rows if not row["label"]]
    for row in rows:
        if random.random() < 0.1:
            row |= {"state": "rejected", "step": "screen", "reason": "blank"}
        if row["label"] and reals and random.random() < 0.3:
            row["paired_real_images"] = [str(random.choice(reals))]
    mix_groups(rows, random, large=draw(st.booleans()))
    return plan, rows, draw(st.integers(1, 9))


def mix_groups(rows: list[dict], random: np.random.Generator, large: bool) -> None:
    """Put pairs together, and some rows into common groups, as the screen step would number them."""
    by_id = {row["id"]: row for row in rows}
    for row in rows:
        for pair in row["paired_real_images"]:
            row["group"] = by_id[pair]["group"]
    keys = sorted({row["group"] for row in rows})
    for key in keys:
        if random.random() < 0.3:
            other = keys[int(random.integers(min(len(keys), 2 if large else len(keys))))]
            for row in rows:
                if row["group"] == key:
                    row["group"] = other


@settings(max_examples=60, deadline=None)
@given(builds())
def test_the_promises_hold_for_any_table(build):
    plan, rows, pack_items = build
    with TemporaryDirectory() as folder:
        result = Result(Path(folder), rows, plan, pack_items)
        splits_of: dict[int, set] = {}
        for row in result.kept:
            splits_of.setdefault(row["group"], set()).add(row["split"])
        assert all(len(splits) == 1 for splits in splits_of.values()), "a group is torn"
        for entry in plan:
            for name, target in entry["targets"].items():
                assert result.count(entry["origin"], name) <= target
        check_matched(result)
        check_ledger(result, rows)
        check_picks(result)


def check_matched(result: Result) -> None:
    """Reals that follow the fakes never exceed those kept, in any split, and not their share of them."""
    reals = [entry for entry in result.plan if entry["matched"]]
    for name in result.plan[0]["targets"]:
        fakes = sum(row["label"] == 1 and row["split"] == name for row in result.kept)
        shares = {entry["origin"]: entry["targets"][name] for entry in reals if entry["targets"][name]}
        counts = {entry["origin"]: result.count(entry["origin"], name) for entry in reals}
        assert sum(counts.values()) <= fakes
        for origin, wanted in (apportion(fakes, shares) if shares else {}).items():
            there = sum(row["origin"] == origin and not row["label"] and row["state"] != "rejected" for row in result.rows)
            assert counts[origin] <= min(wanted, there)


def check_ledger(result: Result, rows: list[dict]) -> None:
    """Every row that went in comes out once, with its reason, and the sums are the sums of the rows."""
    assert result.selection.schema.equals(SELECTED)
    assert result.ledger.schema.equals(LEDGER)
    assert result.selection["id"].to_pylist() == [row["id"] for row in rows]
    keys = ("origin", "part", "generator", "state", "step", "reason", "split")
    sums = Counter(tuple(row[key] for key in keys) for row in result.rows)
    assert sums == {tuple(row[key] for key in keys): row["items"] for row in result.ledger.to_pylist()}
    wanted = {(entry["origin"], entry["part"]): sum(entry["targets"].values()) for entry in result.plan}
    assert all(wanted[row["origin"], row["part"]] == row["wanted"] for row in result.ledger.to_pylist())
    for before, after in zip(rows, result.rows, strict=True):
        if before["state"] == "rejected":
            assert (after["state"], after["step"], after["reason"]) == ("rejected", before["step"], before["reason"])
        elif after["state"] == "rejected":
            assert (after["step"], after["reason"], after["split"], after["packed"]) == ("split", "spare", "", "")
        else:
            assert (after["state"], after["reason"]) == ("kept", "")
            assert after["split"] in result.plan[0]["targets"]


def check_picks(result: Result) -> None:
    """A list for every shard of the plan; each holds its rows of the selection, full but for the last, by rank."""
    lists = result.picks()
    assert set(lists) == {
        (name, shard)
        for entry in result.plan
        for name, target in entry["targets"].items()
        for shard in numbered(target, result.pack_items, f"{entry['origin']}-{entry['part']}")
    }
    expected: dict[tuple[str, str], list] = {key: [] for key in lists}
    for row in sorted(result.kept, key=lambda row: row["rank"]):
        expected[row["split"], row["packed"]].append(
            {"shard": f"{row['origin']}/{row['shard']}", "row": str(row["row"]), "id": row["id"], "sha256": row["sha256"]}
        )
    assert lists == expected
    for (name, shard), rows in lists.items():
        assert len(rows) <= result.pack_items
        if int(shard[-5:]) and rows:
            assert len(lists[name, f"{shard[:-5]}{int(shard[-5:]) - 1:05d}"]) == result.pack_items


@settings(max_examples=30, deadline=None)
@given(builds(), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_changes_nothing(build, random):
    plan, rows, pack_items = build
    shuffled = random.sample(rows, len(rows))
    with TemporaryDirectory() as one, TemporaryDirectory() as two:
        first, second = Result(Path(one), rows, plan, pack_items), Result(Path(two), shuffled, plan, pack_items)
        assert second.places == first.places
        assert second.picks() == first.picks()
        assert second.ledger.equals(first.ledger)


# -- what holds for chosen tables --------------------------------------------------------------------


def test_one_split_takes_everything_it_can(splitting):
    entry = part("painter", 10, splits=1)
    result = splitting(items(entry, 13), [entry])
    assert sorted(row["rank"] for row in result.kept) == list(range(10))


def test_a_part_that_falls_short_keeps_all_it_has_and_the_ledger_says_what_was_wanted(splitting):
    entry = part("painter", 100)
    result = splitting(items(entry, 30), [entry])
    assert len(result.kept) == 30
    assert set(result.ledger["wanted"].to_pylist()) == {100}
    assert {len(rows) for (_, shard), rows in result.picks().items() if int(shard[-5:]) > 6} == {0}  # planned, empty


def test_reals_follow_the_fakes_that_were_kept_in_the_same_mix(splitting):
    fake = part("painter", 80)
    reals = [part("photos", 60, matched=True), part("urls", 20, matched=True)]
    result = splitting(items(fake, 40) + items(reals[0], 200) + items(reals[1], 200), [fake, *reals])
    for name in ("train", "test"):
        fakes = result.count("painter", name)
        assert {origin: result.count(origin, name) for origin in ("photos", "urls")} == apportion(fakes, {"photos": 3, "urls": 1})
    assert sum(result.count(origin, name) for origin in ("photos", "urls") for name in ("train", "test")) == 40


def test_an_origin_of_reals_with_a_quota_of_its_own_does_not_follow_the_fakes(splitting):
    fake, album = part("painter", 10), part("album", 30, name="real")
    result = splitting(items(fake, 10) + items(album, 40, label=0), [fake, album])
    assert sum(result.count("album", name) for name in ("train", "test")) == 30


def test_the_real_image_of_a_kept_variation_is_kept_before_others(splitting):
    fake, real = part("variations", 20), part("photos", 20, matched=True)
    reals = items(real, 60)
    fakes = items(fake, 20)
    for number, row in enumerate(fakes):  # made from the reals that the draw put last
        row |= {"paired_real_images": [reals[59 - number]["id"]], "group": reals[59 - number]["group"]}
    result = splitting(fakes + reals, [fake, real])
    assert {row["id"] for row in result.kept if not row["label"]} == {row["paired_real_images"][0] for row in fakes}
    for row in fakes:
        assert result.places[row["id"]] == result.places[row["paired_real_images"][0]]


def test_the_real_image_of_a_variation_that_is_not_kept_is_not_favoured(splitting):
    fake, real = part("variations", 5, splits=1), part("photos", 5, splits=1, matched=True)
    reals, fakes = items(real, 30), items(fake, 10)
    for number, row in enumerate(fakes):
        row |= {"paired_real_images": [reals[29 - number]["id"]], "group": reals[29 - number]["group"]}
    result = splitting(fakes + reals, [fake, real])
    assert sorted(row["rank"] for row in result.kept if not row["label"]) == [25, 26, 27, 28, 29]


def test_a_group_goes_where_there_is_room_for_it(splitting):
    """A group of 8 fits into train alone, whatever its key says."""
    entry = part("painter", 10)
    for key in (0, 2**64 - 1):
        rows = items(entry, 12)
        for row in rows[:8]:
            row["group"] = key
        result = splitting(rows, [entry])
        assert {row["split"] for row in result.rows if row["group"] == key} == {"train"}
        assert (result.count("painter", "train"), result.count("painter", "test")) == (8, 2)


def test_a_group_larger_than_every_split_is_cut_down_but_not_torn(splitting):
    entry = part("painter", 10)
    result = splitting(items(entry, 50, group=[5] * 50), [entry])
    assert {row["split"] for row in result.kept} == {"train"}
    assert sorted(row["rank"] for row in result.kept) == list(range(8))


def test_items_rejected_before_stay_so_and_take_no_place(splitting):
    entry = part("painter", 10)
    rows = items(entry, 14, state=["rejected"] * 4 + ["taken"] * 10, step=["take"] * 4 + [""] * 10)
    rows[0] |= {"reason": "truncated", "detail": "why"}
    result = splitting(rows, [entry])
    assert sorted(row["rank"] for row in result.kept) == list(range(4, 14))
    assert (result.rows[0]["state"], result.rows[0]["reason"], result.rows[0]["detail"]) == ("rejected", "truncated", "why")


def test_a_part_with_nothing_wanted_is_all_spare(splitting):
    fake, real = part("painter", 4), part("photos", 0, matched=True)
    result = splitting(items(fake, 4) + items(real, 3), [fake, real])
    assert {row["reason"] for row in result.rows if row["origin"] == "photos"} == {"spare"}


def test_ids_with_commas_quotes_and_letters_of_all_kinds_come_through(splitting):
    entry = part("painter", 3, splits=1)
    names = ["painter/a,b", 'painter/"c"', "painter/猫é"]
    result = splitting(items(entry, 3, id=names), [entry])
    ((key, rows),) = result.picks().items()
    assert [row["id"] for row in rows] == names
    assert shards_named_in(result.folder / "picks" / key[0] / f"{key[1]}.csv") == ["painter/painter-00000"]


# -- what a change of the configuration moves --------------------------------------------------------

QUOTAS = [1, 3, 7, 13, 40, 77]


@pytest.mark.parametrize("quota", QUOTAS)
@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("ahead", [False, True])
def test_an_origin_with_groups_of_its_own_moves_no_item_of_the_others(splitting, quota, grouped, ahead):
    """Whatever its quota, and wherever the dataset file names it."""
    old, new = part("old", 101), part("new", quota)
    rows = items(old, 160, group=clusters("old", 160) if grouped else None)
    added = items(new, 2 * quota, group=clusters("new", 2 * quota) if grouped else None)
    before = splitting(rows, [old]).places
    after = splitting([*added, *rows], [new, old] if ahead else [old, new]).places
    assert {name: after[name] for name in before} == before


def test_a_larger_quota_moves_few_of_the_items_that_were_there(splitting):
    rows = items(part("old", 1), 1500)
    before = splitting(rows[:1000], [part("old", 1000)], pack_items=100).places
    after = splitting(rows, [part("old", 1500)], pack_items=100).places
    moved = sum(after[name] != split for name, split in before.items()) / len(before)
    assert moved < 0.03


def test_variations_of_images_that_are_there_move_few_of_them(splitting):
    real, fake, other = part("photos", 400, matched=True), part("variations", 200), part("painter", 200)
    reals, painted = items(real, 600), items(other, 300)
    pairs = items(fake, 300, paired_real_images=[[row["id"]] for row in reals[:300]], group=[row["group"] for row in reals[:300]])
    alone = real | {"targets": part("photos", 200)["targets"]}
    before = splitting(painted + reals, [other, alone]).places
    after = splitting(painted + pairs + reals, [other, fake, real]).places
    stayed = [name for name, split in before.items() if split and after[name]]
    moved = sum(after[name] != before[name] for name in stayed) / len(stayed)
    assert moved < 0.02
    assert all(after[name] == before[name] for name in before if name.startswith("painter"))


def clusters(seed: str, count: int, size: int = 6) -> list[int]:
    """A group key for each of ``count`` items, about ``size`` items in each group."""
    random = np.random.default_rng(len(seed))
    return rank_keys(1, [f"{seed} {number}" for number in random.integers(0, max(count // size, 1), count)]).tolist()


def test_a_whole_selection_of_many_rows_is_written(splitting):
    fake, real = part("painter", 20_000), part("photos", 20_000, matched=True)
    result = splitting(items(fake, 30_000) + items(real, 30_000), [fake, real], pack_items=1000)
    assert len(result.kept) == 40_000
    assert pc.sum(result.ledger["items"]).as_py() == 60_000
    assert isinstance(result.selection["group"].type, pa.DataType)
    assert "40,000 kept" in result.progress.streams[0].getvalue()
