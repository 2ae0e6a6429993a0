"""draw.py: a pure function of index, quota and seed, in which more only adds to the end."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from touchstone.draw import DRAWN, PICK, draw_origin, rank_keys
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.progress import Progress
from touchstone.record import ITEM, empty_item, table_of


def index_of(path: Path, *items: dict) -> str:
    pq.write_table(table_of([empty_item() | item for item in items], ITEM), path)
    return str(path)


def numbered_items(count: int, generator: str = "", **fields) -> list[dict]:
    return [{"id": f"mine/{generator}{number:05d}", "generator": generator, **fields} for number in range(count)]


def draw(
    folder: Path, index: str, drawn: int, shard_items: int = 10, seed: int = 1, parts: list[dict] | None = None, **more: str
):
    """Pick lists as ``{name: bytes}``, their rows, the table of what was drawn, and the log."""
    log = io.StringIO()
    draw_origin(
        index=index,
        parts=parts or [{"key": "real", "name": "", "drawn": drawn}],
        shard_items=shard_items,
        seed=seed,
        drawn=str(folder / "draw.parquet"),
        picks=str(folder / "picks"),
        progress=Progress("draw", "mine", streams=(log,)),
        **more,
    )
    files = {path.name: path.read_bytes() for path in sorted((folder / "picks").iterdir())}
    picks = [row for data in files.values() for row in pq.read_table(io.BytesIO(data)).to_pylist()]
    table = pq.read_table(folder / "draw.parquet")
    assert table.schema.equals(DRAWN)
    return files, picks, table.to_pylist(), log.getvalue()


def test_pick_lists_hold_what_was_drawn_in_the_order_of_rank(tmp_path):
    files, picks, drawn, _ = draw(tmp_path, index_of(tmp_path / "i.parquet", *numbered_items(100)), 25)
    assert list(files) == ["real-00000.parquet", "real-00001.parquet", "real-00002.parquet"]
    assert [row["rank"] for row in picks] == list(range(25)) == [row["rank"] for row in drawn]
    assert [row["id"] for row in picks] == [row["id"] for row in drawn]
    assert [(row["shard"], row["row"]) for row in drawn] == [(f"real-{n // 10:05d}", n % 10) for n in range(25)]
    assert len({row["id"] for row in drawn}) == 25
    assert all(pq.read_schema(io.BytesIO(data)).equals(PICK) for data in files.values())


def test_the_order_of_the_index_does_not_matter(tmp_path):
    items = numbered_items(200)
    one = draw(tmp_path, index_of(tmp_path / "i.parquet", *items), 60)
    shuffled = [items[number] for number in np.random.default_rng(3).permutation(200)]
    assert draw(tmp_path, index_of(tmp_path / "i.parquet", *shuffled), 60) == one


def test_another_seed_draws_others(tmp_path):
    index = index_of(tmp_path / "i.parquet", *numbered_items(1000))
    one, other = ({row["id"] for row in draw(tmp_path, index, 100, seed=seed)[1]} for seed in (1, 2))
    assert len(one & other) < 30  # 10 on average


@pytest.mark.parametrize(("small", "large"), [(20, 30), (20, 100), (25, 47)])
def test_a_larger_quota_only_adds(tmp_path, small, large):
    index = index_of(tmp_path / "i.parquet", *numbered_items(100))
    before, few, _, _ = draw(tmp_path, index, small)
    after, many, _, _ = draw(tmp_path, index, large)
    full = [name for name, data in before.items() if pq.read_metadata(io.BytesIO(data)).num_rows == 10]
    assert len(full) == small // 10
    assert {name: after[name] for name in full} == {name: before[name] for name in full}
    assert many[:small] == few
    assert len(many) == large


def test_more_items_in_the_origin_keep_the_order_of_the_old_ones(tmp_path):
    items = numbered_items(300)
    _, before, _, _ = draw(tmp_path, index_of(tmp_path / "i.parquet", *items[:200]), 200)
    _, after, _, _ = draw(tmp_path, index_of(tmp_path / "i.parquet", *items), 300)
    old = {row["id"] for row in before}
    assert [row["id"] for row in after if row["id"] in old] == [row["id"] for row in before]


def test_variations_are_drawn_together_with_their_real_images(tmp_path):
    reals = numbered_items(100)
    pairs = [{"id": f"variations/{item['id']}", "generator": "V", "paired_real_images": [item["id"]]} for item in reals]
    _, real, _, _ = draw(tmp_path / "a", index_of(tmp_path / "r.parquet", *reals), 40)
    parts = [{"key": "v", "name": "V", "drawn": 40}]
    _, varied, _, _ = draw(tmp_path / "b", index_of(tmp_path / "v.parquet", *pairs), 40, parts=parts)
    assert [row["paired_real_images"] for row in varied] == [[row["id"]] for row in real]


def test_a_list_changes_with_the_archives_it_reads_and_with_no_others(tmp_path):
    items = numbered_items(10, "A", source_file="a.zip") + numbered_items(10, "B", source_file="b.zip")
    index = index_of(tmp_path / "i.parquet", *items)
    parts = [{"key": key, "name": key.upper(), "drawn": 10} for key in "ab"]

    def lists(**checksums: str) -> dict[str, bytes]:
        files = [{"name": f"{key}.zip", "path": f"x/{key}.zip", "size": 1, "sha256": value} for key, value in checksums.items()]
        write_json(tmp_path / "receipt.json", {"files": files})
        return draw(tmp_path, index, 0, parts=parts, receipt=str(tmp_path / "receipt.json"))[0]

    before, after = lists(a="1", b="1"), lists(a="1", b="2")
    assert before["a-00000.parquet"] == after["a-00000.parquet"]
    assert before["b-00000.parquet"] != after["b-00000.parquet"]
    assert lists(a="1", b="1", names="3") == before


def test_several_variations_of_one_image_stand_side_by_side(tmp_path):
    items = [
        {"id": f"v/{n}/{real}", "generator": "V", "paired_real_images": [f"r/{real}"]} for n in range(3) for real in range(30)
    ]
    parts = [{"key": "v", "name": "V", "drawn": 90}]
    _, picks, _, _ = draw(tmp_path, index_of(tmp_path / "i.parquet", *items), 90, parts=parts)
    made_from = [row["paired_real_images"][0] for row in picks]
    assert [len(set(made_from[start : start + 3])) for start in range(0, 90, 3)] == [1] * 30


def test_every_part_has_its_own_shards(tmp_path):
    index = index_of(tmp_path / "i.parquet", *numbered_items(30, "A"), *numbered_items(30, "B"), *numbered_items(30))
    parts = [
        {"key": "a", "name": "A", "drawn": 5},
        {"key": "b_2", "name": "B", "drawn": 15},
        {"key": "real", "name": "", "drawn": 10},
    ]
    files, picks, drawn, _ = draw(tmp_path, index, 0, parts=parts)
    assert list(files) == ["a-00000.parquet", "b_2-00000.parquet", "b_2-00001.parquet", "real-00000.parquet"]
    assert [row["part"] for row in drawn] == ["a"] * 5 + ["b_2"] * 15 + ["real"] * 10
    assert {row["generator"] for row in picks[:5]} == {"A"}
    assert {row["generator"] for row in picks[-10:]} == {""}


def test_too_few_items_are_all_drawn_and_the_rest_of_the_lists_is_empty(tmp_path):
    files, picks, drawn, log = draw(tmp_path, index_of(tmp_path / "i.parquet", *numbered_items(12)), 35)
    assert list(files) == [f"real-0000{n}.parquet" for n in range(4)]
    assert len(picks) == len(drawn) == 12
    assert [pq.read_metadata(io.BytesIO(data)).num_rows for data in files.values()] == [10, 2, 0, 0]
    assert "12 items of real are all there are; 35 were to be drawn" in log


def test_nothing_of_a_part_is_an_error(tmp_path):
    index = index_of(tmp_path / "i.parquet", *numbered_items(3, "A"))
    with pytest.raises(TouchstoneError, match=r"no image of 'B'[\s\S]*i\.parquet[\s\S]*mend"):
        draw(tmp_path, index, 0, parts=[{"key": "b", "name": "B", "drawn": 2}])
    with pytest.raises(TouchstoneError, match=r"no image of 'label real'"):
        draw(tmp_path, index, 2)


def test_rank_keys_are_fixed_for_all_time():
    """Known values: were the hash to change, every dataset would be drawn anew."""
    assert [f"{key:016x}" for key in rank_keys(1, ["a", "b", "ü"])] == [
        "52494de452d10712",
        "480ec9fb211f9963",
        "6b2d5ee15b5436ca",
    ]
    assert rank_keys(1, []).size == 0


def test_rank_keys_are_uniform():
    keys = rank_keys(7, [f"{number}" for number in range(20_000)]).astype(np.float64) / 2**64
    counts, _ = np.histogram(keys, bins=20, range=(0, 1))
    assert abs(counts - 1000).max() < 150  # 5 standard deviations
    assert len(set(keys)) == 20_000


def test_the_index_may_come_in_row_groups(tmp_path):
    table = table_of([empty_item() | item for item in numbered_items(100)], ITEM)
    pq.write_table(table, tmp_path / "one.parquet")
    pq.write_table(table, tmp_path / "many.parquet", row_group_size=7)
    assert draw(tmp_path, str(tmp_path / "one.parquet"), 30) == draw(tmp_path, str(tmp_path / "many.parquet"), 30)
