"""shards.py: one file, whole or absent, the same bytes for the same rows, in bounded row groups."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchstone.errors import TouchstoneError
from touchstone.record import FACTS, TAKEN, empty_item, table_of
from touchstone.shards import (
    ROW_GROUP_BYTES,
    ROW_GROUP_ROWS,
    append_rows,
    image_sizes,
    open_shard,
    read_picks,
    shard_writer,
    taken,
)


def pick(name: str = "1", **fields) -> dict:
    return empty_item() | {"id": f"mine/{name}", "origin": "mine", "rank": 0} | fields


def blob(number: int, size: int) -> dict:
    """A row whose image is ``size`` bytes that nobody decodes."""
    return pick(str(number)) | {"image": {"bytes": bytes([number % 256]) * size, "path": "x"}, "rank": None}


def write(path, rows: list[dict], at_once: int = 1) -> bytes:
    with shard_writer(path) as writer:
        for start in range(0, len(rows), at_once):
            append_rows(writer, [{key: row[key] for key in row if key in TAKEN.names} for row in rows[start : start + at_once]])
    return path.read_bytes()


# -- rows --------------------------------------------------------------------------------------------


def test_an_accepted_image_keeps_its_bytes_and_has_all_facts(picture):
    data = picture("JPEG", quality=80)
    row = taken(pick("a/1"), data)
    assert (row["state"], row["reason"], row["detail"]) == ("taken", "", "")
    assert row["image"] == {"bytes": data, "path": "mine__a__1.jpg"}
    assert set(FACTS.names) <= set(row)
    assert (row["jpeg_quality"], row["n_bytes"]) == (80, len(data))
    assert table_of([row], TAKEN).num_rows == 1


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tiff"), ("GIF", "gif")])
def test_the_suffix_is_that_of_the_format_found(picture, kind, suffix):
    assert taken(pick(), picture(kind))["image"]["path"] == f"mine__1.{suffix}"


@pytest.mark.parametrize(("cut", "reason"), [(0, "unreadable"), (0.6, "truncated")])
def test_a_rejected_row_holds_no_bytes_and_says_why(picture, cut, reason):
    data = picture("PNG", size=(200, 200))
    row = taken(pick(), data[: int(len(data) * cut)])
    assert (row["image"], row["state"], row["reason"]) == (None, "rejected", reason)
    assert row["detail"]
    assert not set(FACTS.names) & set(row)
    assert table_of([row], TAKEN)["width"].to_pylist() == [None]


def test_a_reason_given_rejects_whatever_the_bytes_are(picture):
    row = taken(pick(), picture(), reason="http_error", detail="404", source_url="http://a")
    assert (row["image"], row["state"], row["reason"], row["detail"], row["source_url"]) == (
        None,
        "rejected",
        "http_error",
        "404",
        "http://a",
    )


def test_columns_of_the_pick_that_a_shard_does_not_have_are_left_out(picture):
    assert "rank" not in taken(pick(), picture())


# -- files -------------------------------------------------------------------------------------------


def test_the_same_rows_give_the_same_bytes_however_they_are_appended(tmp_path, picture):
    rows = [taken(pick(str(number)), picture(seed=number)) for number in range(30)]
    rows[7] = taken(pick("7"), b"broken")
    ones = write(tmp_path / "a.parquet", rows)
    assert write(tmp_path / "b.parquet", rows, at_once=7) == ones
    assert write(tmp_path / "a.parquet", rows, at_once=30) == ones
    back = pq.read_table(tmp_path / "a.parquet")
    assert back.schema.equals(TAKEN)
    assert [row["image"] for row in back.to_pylist()] == [row["image"] for row in rows]


def test_row_groups_are_bounded_by_rows_and_by_bytes(tmp_path):
    write(tmp_path / "small.parquet", [blob(number, 10) for number in range(250)])
    write(tmp_path / "large.parquet", [blob(number, 1_500_000) for number in range(10)])
    assert _group_rows(tmp_path / "small.parquet") == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, 50]
    assert _group_rows(tmp_path / "large.parquet") == [3, 3, 3, 1]
    metadata = pq.read_metadata(tmp_path / "large.parquet")
    largest = max(metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups))
    assert largest < ROW_GROUP_BYTES + 1_500_000


def test_one_image_larger_than_a_row_group_is_a_group_of_its_own(tmp_path):
    write(tmp_path / "a.parquet", [blob(0, 9_000_000), blob(1, 10), blob(2, 10)])
    assert _group_rows(tmp_path / "a.parquet") == [1, 2]


def test_image_bytes_are_stored_as_they_are(tmp_path):
    metadata = _column(tmp_path, "image.bytes")
    assert metadata.compression == "UNCOMPRESSED"
    assert metadata.statistics is None
    assert _column(tmp_path, "origin").compression == "UNCOMPRESSED"  # one value in all rows, which the dictionary has
    assert _column(tmp_path, "description").compression == "ZSTD"


def test_an_empty_shard_is_a_file_without_rows(tmp_path):
    write(tmp_path / "a.parquet", [])
    with open_shard(tmp_path / "a.parquet") as shard:
        assert (shard.metadata.num_rows, shard.schema_arrow.equals(TAKEN)) == (0, True)


def test_an_unknown_column_is_an_error(tmp_path):
    with pytest.raises(KeyError, match="colour"), shard_writer(tmp_path / "a.parquet") as writer:
        append_rows(writer, [{"id": "1", "colour": "red"}])
    assert not list(tmp_path.iterdir())


def test_an_exception_leaves_neither_file_nor_temporary(tmp_path, picture):
    with pytest.raises(RuntimeError, match="stop"), shard_writer(tmp_path / "a.parquet") as writer:
        append_rows(writer, [taken(pick(), picture())])
        raise RuntimeError("stop")
    assert not list(tmp_path.iterdir())


def test_an_exception_leaves_the_shard_that_was_there(tmp_path, picture):
    before = write(tmp_path / "a.parquet", [taken(pick(), picture())])
    with pytest.raises(RuntimeError, match="stop"), shard_writer(tmp_path / "a.parquet"):
        raise RuntimeError("stop")
    assert (tmp_path / "a.parquet").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_a_killed_writer_leaves_nothing_under_the_shards_name(tmp_path):
    program = textwrap.dedent(
        """
        import os, signal, sys
        from touchstone.shards import append_rows, shard_writer
        with shard_writer(sys.argv[1]) as writer:
            for number in range(300):
                append_rows(writer, [{"id": str(number), "image": {"bytes": bytes(100_000), "path": "x"}}])
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.parquet")], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / "a.parquet").exists()
    assert all(path.name.startswith(".a.parquet.") for path in tmp_path.iterdir())  # hidden: no pattern finds it


@pytest.mark.parametrize("damage", ["empty", "cut", "text", "footer"])
def test_a_damaged_shard_says_how_to_remake_it(tmp_path, picture, damage):
    path = tmp_path / "a.parquet"
    data = write(path, [taken(pick(), picture())])
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")  # where Parquet's footer begins
    footer = data[:start] + bytes(100) + data[start + 100 :]
    path.write_bytes({"empty": b"", "cut": data[: len(data) // 2], "text": b"<html>" * 99, "footer": footer}[damage])
    with pytest.raises(TouchstoneError, match=r"damaged[\s\S]*a\.parquet[\s\S]*rm ") as error:
        open_shard(path)
    assert error.value.mend


def test_a_missing_shard_says_how_to_make_it(tmp_path):
    with pytest.raises(TouchstoneError, match=r"missing[\s\S]*snakemake .*a\.parquet"):
        open_shard(tmp_path / "a.parquet")


def test_sizes_of_images_in_a_table():
    table = pa.table({"image": pa.array([{"bytes": bytes(77), "path": "x"}, None], TAKEN.field("image").type)})
    assert image_sizes(table) == [77, 0]


def test_picks_are_read_in_order(tmp_path):
    pq.write_table(pa.table({"id": ["b", "a", "c"]}), tmp_path / "p.parquet")
    assert [row["id"] for row in read_picks(tmp_path / "p.parquet")] == ["b", "a", "c"]


def _group_rows(path) -> list[int]:
    metadata = pq.read_metadata(path)
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def _column(folder, name: str) -> pq.ColumnChunkMetaData:
    write(folder / "a.parquet", [blob(number, 1000) for number in range(3)])
    group = pq.read_metadata(folder / "a.parquet").row_group(0)
    return next(group.column(number) for number in range(group.num_columns) if group.column(number).path_in_schema == name)
