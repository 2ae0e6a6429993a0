"""listing.py: every item has a row and one id, and what is skipped is counted."""

from __future__ import annotations

import datetime

import pyarrow.parquet as pq
import pytest

from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.listing import CHUNK, complete, list_origin, path_of
from touchstone.record import ITEM

GENERATORS = {"sd": {"name": "Stable Diffusion", "released": "2022-08-22"}}


@pytest.fixture
def listed(tmp_path, progress):
    """``listed(reader, *files)`` → rows of the index; ``files`` are paths as a receipt names them."""

    def run(reader: dict, *files, kind: str = "archive", generators: dict | None = None, pairs=None) -> list[dict]:
        receipt = None
        if files:
            receipt = str(tmp_path / "receipt.json")
            entries = [{"name": path.name + ("/" if path.is_dir() else ""), "path": str(path)} for path in files]
            write_json(receipt, {"files": entries})
        index = tmp_path / "index.parquet"
        list_origin(
            origin="mine",
            receipt=receipt,
            recipe={"reader": reader},
            generators=generators or {},
            kind=kind,
            licence="CC0-1.0",
            index=str(index),
            pairs=pairs,
            progress=progress,
        )
        table = pq.read_table(index)
        assert table.schema.equals(ITEM)
        return table.to_pylist()

    return run


FOLDERS = {"name": "folders"}
PROMPTS = {"name": "table", "file": "p.csv", "columns": {"id": "id", "positive_prompt": "prompt"}, "prompts": True}


def test_a_zip_is_listed_in_its_own_order_without_reading_a_picture(listed, make_zip):
    rows = listed(FOLDERS, make_zip({"b/2.png": b"no", "a/1.jpg": b"picture"}))
    assert [row["id"] for row in rows] == ["mine/b/2", "mine/a/1"]
    first = rows[0]
    assert (first["label"], first["generator"], first["released"], first["licence"]) == (0, "", None, "CC0-1.0")
    assert (first["source_file"], first["source_member"], first["origin"]) == ("files.zip", "b/2.png", "mine")


def test_generators_have_their_names_and_dates(listed, make_zip):
    rows = listed(
        {"name": "folders", "generators": {"fake": "sd", "real": ""}},
        make_zip({"fake/1.png": b"", "real/1.png": b""}),
        generators=GENERATORS,
    )
    assert [(row["label"], row["generator"]) for row in rows] == [(1, "Stable Diffusion"), (0, "")]
    assert rows[0]["released"] == datetime.date(2022, 8, 22)


def test_several_containers_follow_each_other_and_tables_are_no_containers(listed, make_zip, tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "3.png").write_bytes(b"")
    table = tmp_path / "notes.csv"
    table.write_text("id\n1\n")
    rows = listed(
        FOLDERS, make_zip({"1.png": b""}, name="b.zip"), table, tmp_path / "images", make_zip({"2.png": b""}, name="a.zip")
    )
    assert [(row["source_file"], row["id"]) for row in rows] == [("b.zip", "mine/1"), ("images/", "mine/3"), ("a.zip", "mine/2")]


def test_everything_skipped_is_counted_with_its_first_name(listed, make_zip, progress):
    listed(FOLDERS, make_zip({"1.png": b"", "a.txt": b"", "b.txt": b"", "../up.png": b"", "__MACOSX/._1.png": b""}))
    log = progress.streams[0].getvalue()
    assert "2 skipped: not the suffix of an image (first: 'a.txt')" in log
    assert "1 skipped: not a safe name (first: '../up.png')" in log
    assert "1 skipped: a file of the operating system" in log
    assert log.splitlines()[-1].split()[2:4] == ["1", "items"]


def test_names_of_another_encoding_are_counted_not_fatal(listed, tmp_path, progress):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "good.png").write_bytes(b"")
    (tmp_path / "images" / b"caf\xe9.png".decode(errors="surrogateescape")).write_bytes(b"")
    assert [row["id"] for row in listed(FOLDERS, folder)] == ["mine/good"]
    assert r"1 skipped: not a safe name (first: 'caf\udce9.png')" in progress.streams[0].getvalue()


def test_of_two_items_with_one_id_the_later_is_skipped_and_counted(listed, make_zip, progress):
    rows = listed(FOLDERS, make_zip({"1.png": b"", "1.jpg": b"", "2.png": b""}))
    assert [row["source_member"] for row in rows] == ["1.png", "2.png"]
    assert "1 skipped: an earlier item has the same id" in progress.streams[0].getvalue()
    assert "(first: 'mine/1: files.zip/1.jpg, and before that files.zip/1.png')" in progress.streams[0].getvalue()


def test_repeated_ids_are_found_chunks_later_and_both_places_are_told(listed, tmp_path, progress):
    table = tmp_path / "p.csv"
    numbers = [*range(CHUNK + 10), 3, 5, CHUNK + 3, *range(CHUNK + 10, 2 * CHUNK + 10), CHUNK + 20]
    table.write_text("id,image\n" + "".join(f"{number},{place}.png\n" for place, number in enumerate(numbers)))
    rows = listed({"name": "table", "file": "p.csv", "columns": {"id": "id", "member": "image"}}, table)
    assert [row["id"] for row in rows] == [f"mine/{number}" for number in range(2 * CHUNK + 10)]
    first = f"mine/3: {CHUNK + 10}.png, and before that 3.png"
    assert f"4 skipped: an earlier item has the same id (first: '{first}')" in progress.streams[0].getvalue()


def test_no_items_says_why(listed, make_zip):
    with pytest.raises(TouchstoneError) as error:
        listed(
            {"name": "folders", "generators": {"fake": "sd"}}, make_zip({"real/1.png": b"", "a.txt": b""}), generators=GENERATORS
        )
    message = str(error.value)
    assert "the origin has no items" in message
    assert "1 skipped: folder 'real' is not in the card (first: 'real/1.png')" in message
    assert "1 skipped: not the suffix of an image" in message
    assert error.value.mend


def test_an_empty_zip_is_refused(listed, make_zip):
    with pytest.raises(TouchstoneError, match="no items"):
        listed(FOLDERS, make_zip({}))


def test_a_generator_the_card_does_not_list(listed, make_zip):
    with pytest.raises(TouchstoneError) as error:
        listed({"name": "folders", "generators": {"fake": "dalle"}}, make_zip({"fake/1.png": b""}), generators=GENERATORS)
    assert "generator 'dalle', which the card does not list" in str(error.value)
    assert "mine/fake/1" in str(error.value.where)
    assert error.value.mend == "the card lists sd"


def test_prompts_become_items_of_the_one_generator(listed, tmp_path, progress):
    prompts = tmp_path / "p.csv"
    prompts.write_text("id,prompt\n1,A red kite\n2,a  RED kite\n3,\n4,A blue kite\n", encoding="utf-8")
    rows = listed(PROMPTS, prompts, kind="generate", generators=GENERATORS)
    assert [(row["id"], row["positive_prompt"], row["label"], row["generator"]) for row in rows] == [
        ("mine/1", "A red kite", 1, "Stable Diffusion"),
        ("mine/4", "A blue kite", 1, "Stable Diffusion"),
    ]
    assert "1 skipped: the prompt is a repetition (first: '2')" in progress.streams[0].getvalue()


def test_an_empty_list_names_its_file(listed, tmp_path):
    prompts = tmp_path / "p.csv"
    prompts.write_text("id,prompt\n")
    with pytest.raises(TouchstoneError, match=r"no rows[\s\S]*p\.csv[\s\S]*mend"):
        listed(PROMPTS, prompts, kind="generate", generators=GENERATORS)


def test_variations_are_listed_from_the_index_of_their_real_images(listed, make_zip, tmp_path):
    listed({"name": "folders", "group": "photo"}, make_zip({"moon/1.png": b"", "moon/2.png": b""}))
    real = tmp_path / "real.parquet"
    (tmp_path / "index.parquet").rename(real)
    rows = listed({"name": "pairs", "origin": "photos"}, kind="generate", generators=GENERATORS, pairs=str(real))
    assert [(row["id"], row["paired_real_images"], row["groups"]) for row in rows] == [
        ("mine/mine/moon/1", ["mine/moon/1"], ["photo:moon"]),
        ("mine/mine/moon/2", ["mine/moon/2"], ["photo:moon"]),
    ]
    assert {row["label"] for row in rows} == {1}


def test_the_same_files_give_the_same_bytes(listed, make_zip, tmp_path):
    archive = make_zip({f"{number % 7}/{number}.png": b"" for number in range(500)})
    listed(FOLDERS, archive)
    first = (tmp_path / "index.parquet").read_bytes()
    listed(FOLDERS, archive)
    assert (tmp_path / "index.parquet").read_bytes() == first


def test_more_items_than_one_chunk(listed, tmp_path):
    table = tmp_path / "p.csv"
    table.write_text("id,prompt\n" + "".join(f"{number},p\n" for number in range(50_001)))
    rows = listed(PROMPTS | {"prompts": False}, table)
    assert [row["id"] for row in rows] == [f"mine/{number}" for number in range(50_001)]


def test_a_licence_of_the_item_wins_over_the_cards():
    row = complete({"id": "1", "licence": "CC-BY-4.0"}, "mine", {}, "archive", "CC0-1.0")
    assert (row["id"], row["licence"], row["label"]) == ("mine/1", "CC-BY-4.0", 0)
    assert set(row) == set(ITEM.names)


def test_a_file_that_the_card_does_not_have():
    with pytest.raises(TouchstoneError, match=r"no file 'x\.csv'[\s\S]*its files: a\.zip"):
        path_of([{"name": "a.zip", "path": "/a.zip"}], "x.csv")
