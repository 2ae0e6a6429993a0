"""tables.py: rows are read whole, or the table is refused with its file and line."""

from __future__ import annotations

import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.building import HOME

from touchstone.errors import TouchstoneError
from touchstone.tables import MAX_FIELD, columns_of, rows

MODULES = str(HOME / "workflow/scripts")


def table(tmp_path, content: bytes, name: str = "list.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def refusal(path, columns) -> str:
    with pytest.raises(TouchstoneError) as error:
        list(rows(path, columns))
    assert str(path) in str(error.value.where)
    assert error.value.mend
    return str(error.value)


def test_only_the_columns_asked_for_in_any_order(tmp_path):
    path = table(tmp_path, b"id,url,extra\n1,http://a,x\n2,http://b,y\n")
    assert list(rows(path, ["url", "id"])) == [{"url": "http://a", "id": "1"}, {"url": "http://b", "id": "2"}]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_byte_order_mark_quotes_and_line_ends(tmp_path, end):
    lines = [b"\xef\xbb\xbfid,prompt", b'1,"a ""red"" kite, high"', "2,Übersee".encode(), b'"3",""', b""]
    assert [row["prompt"] for row in rows(table(tmp_path, end.join(lines)), ["id", "prompt"])] == [
        'a "red" kite, high',
        "Übersee",
        "",
    ]


def test_a_field_may_hold_a_line_end(tmp_path):
    assert list(rows(table(tmp_path, b'id,p\n1,"a\nb"\n2,c\n'), ["p"])) == [{"p": "a\nb"}, {"p": "c"}]


def test_tab_separated(tmp_path):
    assert list(rows(table(tmp_path, b"id\tp\n1\ta, b\n", "list.tsv"), ["p"])) == [{"p": "a, b"}]


@pytest.mark.parametrize(("row", "what"), [(b"3", "shorter"), (b"3,c,d", "longer"), (b"3,a kite, red", "longer")])
def test_a_row_of_another_length_is_named(tmp_path, row, what):
    message = refusal(table(tmp_path, b"id,p\n1,a\n2,b\n" + row + b"\n"), ["id", "p"])
    assert f"{what} than the header" in message
    assert "line 4" in message


def test_a_quote_that_is_never_closed_does_not_swallow_rows(tmp_path):
    assert "cannot be read" in refusal(table(tmp_path, b'id,p\n1,"a\n2,b\n3,c\n'), ["id"])


def test_a_missing_column_names_those_there_are(tmp_path):
    message = refusal(table(tmp_path, b"id,url\n1,a\n"), ["id", "link"])
    assert "no column 'link'" in message
    assert "its columns are id, url" in message


def test_columns_of_one_name_cannot_be_told_apart(tmp_path):
    path = table(tmp_path, b"id,p,id\n1,a,2\n")
    assert list(rows(path, ["p"])) == [{"p": "a"}]
    assert "several columns 'id'" in refusal(path, ["id"])


@pytest.mark.parametrize("content", [b"", b"id,url\n", b"id,url", b"\xef\xbb\xbf"])
def test_an_empty_table_is_refused(tmp_path, content):
    refusal(table(tmp_path, content), ["id"])


def test_a_missing_table_is_refused(tmp_path):
    assert "gone" in refusal(tmp_path / "nothing.csv", ["id"])


@pytest.mark.parametrize("content", ["id,p\n1,Übersee\n".encode("latin-1"), "id,p\n1,a\n".encode("utf-16")])
def test_another_encoding_is_refused(tmp_path, content):
    assert "save it as UTF-8" in refusal(table(tmp_path, content), ["id"])


def test_a_huge_field_is_refused(tmp_path):
    assert list(rows(table(tmp_path, b"id\n" + b"x" * MAX_FIELD + b"\n"), ["id"]))
    assert "field larger" in refusal(table(tmp_path, b"id\n" + b"x" * (MAX_FIELD + 1) + b"\n"), ["id"])


def test_nul_bytes_are_no_obstacle(tmp_path):
    assert list(rows(table(tmp_path, b"id,p\n1,a\0b\n"), ["p"])) == [{"p": "a\0b"}]


def test_parquet_values_become_text_and_nulls_empty(tmp_path):
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"id": pa.array([1, 2, None]), "p": ["a", None, "c"], "x": [0.5, 1, 2]}), path)
    assert list(rows(path, ["p", "id"])) == [{"id": "1", "p": "a"}, {"id": "2", "p": ""}, {"id": "", "p": "c"}]


def test_parquet_with_many_row_groups_keeps_the_order(tmp_path):
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"id": list(range(1000))}), path, row_group_size=7)
    assert [row["id"] for row in rows(path, ["id"])] == [str(number) for number in range(1000)]


def test_parquet_without_the_column_or_rows(tmp_path):
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"id": pa.array([], pa.string())}), path)
    assert "no rows" in refusal(path, ["id"])
    assert "no column 'url'" in refusal(path, ["url"])


def test_damaged_parquet_is_refused_wherever_the_damage_is(tmp_path):
    path = tmp_path / "list.parquet"
    pq.write_table(pa.table({"id": [f"{number:09d}" for number in range(5000)]}), path, compression="zstd", use_dictionary=False)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", whole[:40] + bytes(2000) + whole[2040:]):
        path.write_bytes(damaged)
        assert "cannot be read" in refusal(path, ["id"])


# -- saved Arrow datasets and JSON -----------------------------------------------------------------


def arrow(path, table: pa.Table):
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    return path


def test_arrow_values_become_text_and_nulls_empty(tmp_path):
    path = arrow(
        tmp_path / "data.arrow", pa.table({"id": [1, 2, None, 4], "p": ["a", None, "c", "d"], "x": [[1], [], None, [2]]})
    )
    assert columns_of(path) == ["id", "p", "x"]
    assert list(rows(path, ["p", "id"])) == [
        {"p": "a", "id": "1"},
        {"p": "", "id": "2"},
        {"p": "c", "id": ""},
        {"p": "d", "id": "4"},
    ]
    assert "no column 'url'" in refusal(path, ["url"])


def test_images_in_arrow_files_are_not_read(tmp_path):
    image = pa.array([bytes([number]) * 20_000_000 for number in range(4)], pa.binary())
    path = arrow(tmp_path / "data.arrow", pa.table({"id": ["1", "2", "3", "4"], "image": image}))
    code = f"""
import re, resource
from touchstone.tables import rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert [row["id"] for row in rows({str(path)!r}, ["id"])] == ["1", "2", "3", "4"]
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    done = subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": MODULES}, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 30_000  # kB; the images have 80,000


def test_damaged_arrow_is_refused(tmp_path):
    path = arrow(tmp_path / "data.arrow", pa.table({"id": [f"{number:09d}" for number in range(500)]}))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], b"", b"ARROW1" + whole, whole[:400] + b"\xff" * 300 + whole[700:]):
        path.write_bytes(damaged)
        assert "cannot be read" in refusal(path, ["id"])


def test_json_rows_may_lack_keys_but_the_first(tmp_path):
    path = table(tmp_path, b'[{"id": 1, "p": null, "x": [1, 2]}, {"id": "2"}]', "list.json")
    assert columns_of(path) == ["id", "p", "x"]
    assert list(rows(path, ["id", "p", "x"])) == [{"id": "1", "p": "", "x": "[1, 2]"}, {"id": "2", "p": "", "x": ""}]
    assert "no column 'url'" in refusal(path, ["url"])


@pytest.mark.parametrize("content", [b'[{"id": 1}', b"[1]", b'[{"id": "\xff"}]', b"[]"])
def test_json_that_is_no_table_is_refused(tmp_path, content):
    refusal(table(tmp_path, content, "list.json"), ["id"])


@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.parquet", "list.arrow", "list.json"])
def test_columns_are_named_without_the_rows(tmp_path, name):
    path = tmp_path / name
    if name.endswith("parquet"):
        pq.write_table(pa.table({"id": ["1"], "Übersee": ["2"]}), path)
    elif name.endswith("arrow"):
        arrow(path, pa.table({"id": ["1"], "Übersee": ["2"]}))
    else:
        text = {"csv": "\ufeffid,Übersee\n", "tsv": "id\tÜbersee\n", "son": '{"id": 1, "Übersee": 2}'}[name[-3:]]
        path.write_text(text, encoding="utf-8")
    assert columns_of(path) == ["id", "Übersee"]
    with pytest.raises(TouchstoneError, match="gone"):
        columns_of(tmp_path / f"no_{name}")
