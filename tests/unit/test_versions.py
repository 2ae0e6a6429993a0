"""versions.py: tables say which version they are, and what meets another says what to make again."""

from __future__ import annotations

import json
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.finished import make_dataset

from touchstone.errors import TouchstoneError
from touchstone.exports.packed import rows
from touchstone.pack import pack_shard
from touchstone.record import ITEM, MANIFEST, PACKED, TAKEN, empty_item, hub_schema, table_of
from touchstone.shards import open_shard, shard_writer
from touchstone.versions import KEY, SEALED, TABLES, read_table, require, stamped


def stamp(table: str, version: int, code: str = "0.0.9") -> dict:
    return {KEY: json.dumps({"table": table, "version": version, "code": code}).encode()}


@pytest.mark.parametrize("table", TABLES)
def test_what_is_written_today_is_read_today(table):
    schema = stamped(TABLES[table][1])
    assert json.loads(schema.metadata[KEY])["table"] == table
    require(schema, table, "x.parquet")
    require(schema.remove_metadata(), table, "x.parquet")  # from before there were stamps, with the same columns


def test_metadata_beside_the_stamp_stays_and_other_tables_get_none():
    assert stamped(hub_schema()).metadata.keys() == {KEY, b"huggingface"}
    other = pa.schema([("id", pa.string())])
    assert stamped(other) is other


@pytest.mark.parametrize("table", TABLES)
def test_an_older_table_says_who_made_it_and_what_to_do(table):
    with pytest.raises(TouchstoneError) as error:
        require(TABLES[table][1].with_metadata(stamp(table, 0)), table, "there/x.parquet")
    text = str(error.value)
    assert f"Touchstone 0.0.9 made this {table} table" in text
    assert "there/x.parquet, version 0" in text
    assert (TABLES[table][2] or "go on with Touchstone 0.0.9; or delete it") in text


def test_a_newer_table_and_another_one_are_told_too():
    with pytest.raises(TouchstoneError, match=r"9\.0 made this manifest table, which is newer[\s\S]*go on with the newer"):
        require(MANIFEST.with_metadata(stamp("manifest", 99, "9.0")), "manifest", "x")
    with pytest.raises(TouchstoneError, match="a table of taken lies where one of packed should"):
        require(stamped(TAKEN), "packed", "x")


def without_marks(path) -> None:
    """The table as the first version wrote it: no stamp, and a column less."""
    table = pq.read_table(path)
    pq.write_table(table.drop_columns(["marks"]).replace_schema_metadata(), path)


def test_a_manifest_of_the_first_version_is_told_before_anything_is_exported(tmp_path):
    made = make_dataset(tmp_path)
    assert len(read_table(made["manifest"], "manifest", ["id"])) == 32
    without_marks(made["manifest"])
    with pytest.raises(TouchstoneError, match=r"without marks; this one reads[\s\S]*--forcerun pack_shard"):
        next(rows(manifest=made["manifest"], split="train"))


def test_a_packed_shard_of_the_first_version_is_told(tmp_path):
    made = make_dataset(tmp_path)
    for path in (tmp_path / "data").rglob("*.parquet"):
        without_marks(path)
    with pytest.raises(TouchstoneError, match=r"0\.1\.0 or earlier made this packed table[\s\S]*none is taken anew"):
        next(rows(manifest=made["manifest"], split="train"))


def test_a_take_shard_of_another_version_is_told_and_stays(tmp_path, progress):
    with shard_writer(tmp_path / "a.parquet", TAKEN.with_metadata(stamp("taken", 1))) as writer:
        writer.append(table_of([{"id": "a/1"}], TAKEN))
    pq.write_table(pq.read_table(tmp_path / "a.parquet").replace_schema_metadata(stamp("taken", 0)), tmp_path / "a.parquet")
    (tmp_path / "picks.csv").write_text("shard,row,id,sha256\na,0,a/1,00\n", encoding="utf-8")
    with pytest.raises(TouchstoneError, match=r"0\.0\.9 made this taken table[\s\S]*a\.parquet, version 0"):
        pack_shard(picks=str(tmp_path / "picks.csv"), folder=str(tmp_path), packed=str(tmp_path / "p.parquet"), progress=progress)
    assert not (tmp_path / "p.parquet").exists()
    assert open_shard(tmp_path / "a.parquet").metadata.num_rows == 1


def test_packed_rows_of_this_version_have_all_columns(tmp_path):
    with shard_writer(tmp_path / "p.parquet", hub_schema()) as writer:
        writer.append(table_of([{"id": "a/1"}], PACKED))
    assert open_shard(tmp_path / "p.parquet", "packed").schema_arrow.names == PACKED.names


def test_a_bit_that_flips_in_a_table_is_never_read_as_another_value(tmp_path):
    table = table_of([empty_item() | {"id": f"a/{number * 7919 % 997}"} for number in range(300)], stamped(ITEM))
    path = tmp_path / "index.parquet"
    pq.write_table(table, path, **SEALED)
    whole = path.read_bytes()
    told = unseen = 0
    for place in range(4, len(whole) - int.from_bytes(whole[-8:-4], "little") - 8, 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        try:
            assert read_table(path, "index").equals(table)
        except (OSError, ValueError):  # pyarrow's own among them
            told += 1
        with suppress(OSError, ValueError):
            unseen += not pq.read_table(path).equals(table)
    assert told > 100
    assert unseen > 0  # by who does not look at the checksums
