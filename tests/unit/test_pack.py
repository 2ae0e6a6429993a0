"""pack.py: the rows that were chosen, in their order, with the bytes that were taken, or none at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchstone.errors import TouchstoneError
from touchstone.pack import pack_shard
from touchstone.record import PACKED, empty_item, hub_schema
from touchstone.shards import ROW_GROUP_BYTES, ROW_GROUP_ROWS, append_rows, shard_writer, taken


class Place:
    """Take shards of one origin, and lists of rows to pack."""

    def __init__(self, folder: Path, progress):
        self.folder, self.progress, self.rows = folder, progress, {}

    def take(self, shard: str, pictures: list[bytes | None]) -> Path:
        items = [empty_item() | {"id": f"a/{shard}/{row}", "origin": "a", "groups": ["g"]} for row in range(len(pictures))]
        rows = [taken(item, data or b"") for item, data in zip(items, pictures, strict=True)]
        self.rows |= {("a/" + shard, row): taken for row, taken in enumerate(rows)}
        path = self.folder / "a" / f"{shard}.parquet"
        with shard_writer(path) as writer:
            append_rows(writer, rows)
        return path

    def pack(self, chosen: list[tuple[str, int]], name: str = "packed.parquet") -> pa.Table:
        with open(self.folder / "picks.csv", "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["shard", "row", "id", "sha256"])
            for key in chosen:
                row = self.rows.get(key, {"id": "a/?", "sha256": "?"})
                writer.writerow([*key, row["id"], row.get("sha256", "")])
        pack_shard(
            picks=str(self.folder / "picks.csv"),
            folder=str(self.folder),
            packed=str(self.folder / "data" / name),
            progress=self.progress,
        )
        return pq.read_table(self.folder / "data" / name)

    def refused(self, chosen: list[tuple[str, int]], match: str) -> None:
        with pytest.raises(TouchstoneError, match=match):
            self.pack(chosen)
        assert not list((self.folder / "data").iterdir())


@pytest.fixture
def place(tmp_path, progress):
    return Place(tmp_path, progress)


def test_rows_of_several_shards_and_row_groups_in_the_order_of_the_list(place, picture):
    place.take("real-00000", [picture(seed=seed, size=(16, 16)) for seed in range(250)])
    place.take("real-00001", [picture("PNG", seed=300 + seed, size=(16, 16)) for seed in range(20)])
    chosen = [("a/real-00000", row) for row in (0, 1, 99, 100, 101, 199, 200, 249)] + [("a/real-00001", row) for row in (3, 19)]
    packed = place.pack(chosen)
    assert packed.schema.remove_metadata().equals(PACKED)
    before = {shard: pq.read_table(place.folder / f"{shard}.parquet").to_pylist() for shard, _ in chosen}
    for row, (shard, number) in zip(packed.to_pylist(), chosen, strict=True):
        assert row["image"] == place.rows[shard, number]["image"]
        untouched = {"processing": "", "origin_sha256": "", "marks": []}
        assert row == {name: before[shard][number][name] for name in PACKED.names if name not in untouched} | untouched
    assert f"{len(chosen)} of {len(chosen)} images" in place.progress.streams[0].getvalue()


def test_the_locator_of_the_source_is_not_published(place, picture):
    place.take("real-00000", [picture()])
    names = place.pack([("a/real-00000", 0)]).schema.names
    assert not {"source_file", "source_member", "state", "reason", "detail"} & set(names)


def test_packing_twice_gives_the_same_bytes(place, picture):
    place.take("real-00000", [picture(seed=seed) for seed in range(9)])
    chosen = [("a/real-00000", row) for row in range(9)]
    for name in ("one.parquet", "two.parquet"):
        place.pack(chosen, name)
    assert (place.folder / "data/one.parquet").read_bytes() == (place.folder / "data/two.parquet").read_bytes()


def test_row_groups_are_bounded_by_rows_and_by_bytes(place, picture):
    place.take("real-00000", [picture(seed=seed, size=(16, 16)) for seed in range(ROW_GROUP_ROWS + 50)])
    place.take("real-00001", [picture("BMP", size=(1000, 500), seed=seed) for seed in range(4)])  # 1.5 MB each
    small = [("a/real-00000", row) for row in range(ROW_GROUP_ROWS + 50)]
    place.pack(small + [("a/real-00001", row) for row in range(4)])
    metadata = pq.read_metadata(place.folder / "data/packed.parquet")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    assert [group.num_rows for group in groups] == [ROW_GROUP_ROWS, 53, 1]
    assert max(group.total_byte_size for group in groups) < ROW_GROUP_BYTES + 1_600_000


def test_datasets_opens_it_as_it_is_also_beside_an_empty_shard(place, picture, tmp_path):
    place.take("real-00000", [picture(seed=seed) for seed in range(3)])
    place.pack([("a/real-00000", row) for row in range(3)], "full.parquet")
    assert place.pack([], "empty.parquet").num_rows == 0
    files = {name: str(place.folder / f"data/{name}.parquet") for name in ("full", "empty")}
    for order in (["full", "empty"], ["empty", "full"]):
        loaded = datasets.load_dataset(
            "parquet", data_files=[files[name] for name in order], cache_dir=str(tmp_path / "cache"), split="train"
        )
        assert len(loaded) == 3
        assert loaded.features["label"].names == ["real", "fake"]
        assert loaded[0]["image"].size == (48, 40)
    streamed = datasets.load_dataset("parquet", data_files=list(files.values()), streaming=True, split="train")
    assert [row["id"] for row in streamed] == [f"a/real-00000/{row}" for row in range(3)]


# -- damage ------------------------------------------------------------------------------------------


def flip(path: Path, place: int) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)


def test_a_flipped_bit_in_an_image_stops_the_pack(place, picture):
    pictures = [picture(seed=seed) for seed in range(4)]
    shard = place.take("real-00000", pictures)
    flip(shard, shard.read_bytes().index(pictures[2]) + 100)
    place.refused([("a/real-00000", row) for row in range(4)], r"damaged[\s\S]*real-00000\.parquet[\s\S]*--forcerun .*real-00000")


@pytest.mark.parametrize("column", ["id", "positive_prompt", "licence", "width", "groups.list.element", "image.path", "label"])
def test_a_flipped_bit_in_any_column_stops_the_pack(place, picture, column):
    """Compression alone would let it through: Parquet's page checksums do not."""
    shard = place.take("real-00000", [picture(seed=seed) for seed in range(4)])
    group = pq.read_metadata(shard).row_group(0)
    chunk = next(
        group.column(number) for number in range(group.num_columns) if group.column(number).path_in_schema.startswith(column)
    )
    flip(shard, (chunk.dictionary_page_offset or chunk.data_page_offset) + chunk.total_compressed_size - 3)
    place.refused([("a/real-00000", row) for row in range(4)], r"damaged[\s\S]*real-00000\.parquet")


@pytest.mark.parametrize("where", [4, -6, -40, -400, -4000])
def test_flips_near_the_ends_of_the_file_stop_the_pack_or_change_nothing(place, picture, where):
    shard = place.take("real-00000", [picture(seed=seed) for seed in range(4)])
    chosen = [("a/real-00000", row) for row in range(4)]
    before = place.pack(chosen)
    flip(shard, where)
    try:
        assert place.pack(chosen).equals(before)
    except TouchstoneError as error:
        assert "damaged" in error.what
        assert "real-00000" in str(error.where)


def test_another_image_under_the_same_id_is_not_packed(place, picture):
    place.take("real-00000", [picture(seed=1), picture(seed=2)])
    rows = dict(place.rows)
    place.take("real-00000", [picture(seed=1), picture(seed=3)])
    place.rows = rows
    place.refused([("a/real-00000", 1)], r"image of a/real-00000/1 is not the one that was taken")


def test_another_id_in_the_same_row_is_not_packed(place, picture):
    place.take("real-00000", [picture(seed=1), picture(seed=2)])
    place.rows["a/real-00000", 1] |= {"id": "a/other"}
    place.refused([("a/real-00000", 1)], r"row 1 is not a/other")


def test_a_shard_made_again_with_fewer_images_or_rows_is_damaged_not_packed_short(place, picture):
    pictures = [picture(seed=seed) for seed in range(3)]
    place.take("real-00000", pictures)
    rows = dict(place.rows)
    for again in ([*pictures[:2], None], pictures[:2]):
        place.take("real-00000", again)
        place.rows = rows
        place.refused([("a/real-00000", row) for row in range(3)], r"damaged[\s\S]*real-00000")


def test_a_shard_of_an_older_layout_is_refused_with_a_mend(place, picture):
    shard = place.take("real-00000", [picture()])
    pq.write_table(pq.read_table(shard).drop_columns(["phash"]), shard)
    place.refused([("a/real-00000", 0)], r"damaged[\s\S]*--forcerun")


def test_a_missing_shard_is_named(place, picture):
    place.take("real-00000", [picture()])
    place.refused([("a/real-00000", 0), ("a/real-00007", 0)], r"missing[\s\S]*real-00007\.parquet[\s\S]*mend")


def test_the_schema_is_the_one_the_hub_reads(place, picture):
    place.take("real-00000", [picture()])
    metadata = place.pack([("a/real-00000", 0)]).schema.metadata
    assert metadata[b"huggingface"] == hub_schema().metadata[b"huggingface"]
    assert json.loads(metadata[b"touchstone"])["table"] == "packed"
