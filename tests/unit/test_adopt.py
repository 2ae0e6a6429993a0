"""adopt.py: bytes as they lie in the origin, and a row with a reason for every one that cannot be had."""

from __future__ import annotations

import threading
import warnings
import zipfile

import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.archives import archive, parquet, saved_dataset
from tests.pictures import encode

from touchstone.adopt import WaitingRoom, adopt_shard
from touchstone.draw import PICK
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.record import TAKEN, empty_item, table_of


@pytest.fixture
def adopted(tmp_path, progress):
    """``adopted(paths, members)`` → rows of the shard; a member is a name or a (file, name)."""

    def run(paths, members, shard: str = "shard.parquet", threads: int = 1) -> list[dict]:
        rows = []
        for rank, member in enumerate(members):
            file, name = member if isinstance(member, tuple) else ("", member)
            rows.append(empty_item() | {"id": f"mine/{rank}", "source_file": file, "source_member": name, "rank": rank})
        pq.write_table(table_of(rows, PICK), tmp_path / "picks.parquet")
        files = [{"name": path.name + ("/" if path.is_dir() else ""), "path": str(path)} for path in paths]
        write_json(tmp_path / "receipt.json", {"files": files})
        adopt_shard(
            picks=str(tmp_path / "picks.parquet"),
            receipt=str(tmp_path / "receipt.json"),
            shard=str(tmp_path / shard),
            threads=threads,
            progress=progress,
        )
        table = pq.read_table(tmp_path / shard)
        assert table.schema.equals(TAKEN)
        return table.to_pylist()

    return run


KINDS = [("JPEG", "a.jpg"), ("PNG", "b/c.png"), ("WEBP", "d.webp"), ("GIF", "e.gif"), ("TIFF", "f.tif"), ("AVIF", "g.avif")]


def test_bytes_are_those_of_the_archive_in_the_order_of_the_picks(adopted, make_zip, picture):
    members = {name: picture(kind, seed=number) for number, (kind, name) in enumerate(KINDS)}
    wanted = list(reversed(members))
    rows = adopted([make_zip(members)], wanted)
    assert [row["source_member"] for row in rows] == wanted
    assert [row["image"]["bytes"] for row in rows] == [members[name] for name in wanted]
    assert [row["format"] for row in rows] == [kind for kind, _ in reversed(KINDS)]
    assert {row["state"] for row in rows} == {"taken"}


def test_stored_and_deflated_members_and_folders_give_the_same_shard(adopted, make_zip, picture, tmp_path):
    members = {f"{number}.png": picture("PNG", seed=number) for number in range(4)}
    (tmp_path / "images").mkdir()
    for name, data in members.items():
        (tmp_path / "images" / name).write_bytes(data)
    adopted([make_zip(members, compression=zipfile.ZIP_STORED)], members, "stored.parquet")
    adopted([make_zip(members)], members, "deflated.parquet")
    adopted([tmp_path / "images"], members, "folder.parquet")
    contents = [(tmp_path / f"{name}.parquet").read_bytes() for name in ("stored", "deflated", "folder")]
    assert contents[0] == contents[1] == contents[2]


def test_real_pictures_keep_their_bytes(adopted, make_zip, shared_data):
    files = sorted((shared_data / "images").iterdir())[:6]
    rows = adopted([make_zip({path.name: path.read_bytes() for path in files})], [path.name for path in files])
    assert [row["image"]["bytes"] for row in rows] == [path.read_bytes() for path in files]


def test_what_cannot_be_had_is_a_row_with_its_reason(adopted, make_zip, picture, tmp_path):
    good, other = picture("PNG", size=(120, 90)), picture("PNG", size=(120, 90), seed=1)
    path = make_zip(
        {"good.png": good, "flipped.png": other, "cut.png": good[: len(good) // 2], "text.png": b"<html>", "empty.png": b""},
        compression=zipfile.ZIP_STORED,
    )
    data = bytearray(path.read_bytes())
    data[data.index(other) + 1000] ^= 1
    path.write_bytes(data)
    rows = adopted(
        [path], ["good.png", "gone.png", "flipped.png", "../../etc/passwd", "cut.png", "text.png", "empty.png", "good.png"]
    )
    reasons = ["", "missing_member", "corrupt_member", "missing_member", "truncated", "unreadable", "unreadable", ""]
    assert [row["reason"] for row in rows] == reasons
    assert [row["state"] for row in rows] == ["rejected" if reason else "taken" for reason in reasons]
    assert [row["image"] is None for row in rows] == [bool(reason) for reason in reasons]
    assert all(row["detail"] for row in rows if row["reason"])
    assert [row["id"] for row in rows] == [f"mine/{rank}" for rank in range(8)]


def test_members_of_several_archives(adopted, make_zip, picture):
    one, two = picture(seed=1), picture(seed=2)
    paths = [make_zip({"1.jpg": one}, name="one.zip"), make_zip({"1.jpg": two}, name="two.zip")]
    rows = adopted(paths, [("two.zip", "1.jpg"), ("one.zip", "1.jpg"), "1.jpg"])
    assert [row["image"]["bytes"] for row in rows] == [two, one, one]  # without a file it is the first container


def test_no_picks_give_an_empty_shard(adopted, make_zip):
    assert adopted([make_zip({"1.jpg": b""})], []) == []


def test_adopting_twice_gives_the_same_bytes(adopted, make_zip, picture, tmp_path):
    archive = make_zip({f"{number}.jpg": picture(seed=number) for number in range(9)})
    for name in ("a.parquet", "b.parquet"):
        adopted([archive], [f"{number}.jpg" for number in range(9)], name)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_threads_change_no_byte(adopted, make_zip, picture, tmp_path):
    members = {f"{number}.jpg": picture(KINDS[number % 6][0], seed=number) for number in range(60)}
    members |= {"bad.jpg": b"<html>", "large.png": encode(Image.new("1", (4200, 4000)), "PNG"), "cut.jpg": members["0.jpg"][:500]}
    path = make_zip(members)
    wanted = [*reversed(members), "gone.jpg", "7.jpg", "large.png"]
    before = list(warnings.filters)
    for threads in (1, 3, 8):
        rows = adopted([path], wanted, f"{threads}.parquet", threads)
        assert [row["source_member"] for row in rows] == wanted
    shards = {(tmp_path / f"{threads}.parquet").read_bytes() for threads in (1, 3, 8)}
    assert len(shards) == 1
    assert warnings.filters == before


def test_an_error_in_the_middle_ends_the_threads_and_leaves_nothing(adopted, make_zip, picture, tmp_path):
    path = make_zip({f"{number}.jpg": picture(seed=number) for number in range(40)})
    (tmp_path / "other.zip").write_bytes(b"no zip")
    before = threading.active_count()
    with pytest.raises(TouchstoneError, match=r"other\.zip"):
        adopted([path, tmp_path / "other.zip"], [*(f"{number}.jpg" for number in range(40)), ("other.zip", "x")], threads=4)
    assert threading.active_count() == before
    assert not list(tmp_path.glob("*shard*"))


@pytest.mark.parametrize("name", ["gone.zip", "other.zip"])
def test_an_archive_that_is_not_there_or_not_a_zip_stops_the_shard(adopted, tmp_path, name):
    (tmp_path / "other.zip").write_bytes(b"no zip")
    with pytest.raises(TouchstoneError, match=name):
        adopted([tmp_path / name], ["1.jpg"])
    assert not list(tmp_path.glob("*shard*"))


def test_a_pick_of_a_file_the_card_no_longer_has(adopted, make_zip):
    with pytest.raises(TouchstoneError, match=r"no file 'old\.zip'"):
        adopted([make_zip({"1.jpg": b""})], [("old.zip", "1.jpg")])


def test_nothing_is_unpacked_and_nothing_in_the_origin_changes(adopted, make_zip, picture, tmp_path):
    path = make_zip({"a/1.jpg": picture()})
    before = (path.stat().st_mtime_ns, path.read_bytes())
    adopted([path], ["a/1.jpg"])
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["files.zip", "picks.parquet", "receipt.json", "shard.parquet"]


@pytest.mark.parametrize("kind", [".z01", ".zip.001", ".tar", ".tar.gz", ".7z", ".7z.001"])
def test_every_kind_of_archive_gives_the_shard_that_a_folder_gives(adopted, picture, tmp_path, kind):
    members = {f"{number}.png": picture("PNG", seed=number) for number in range(6)} | {"bad.png": b"<html>"}
    wanted = ["4.png", "bad.png", "0.png", "gone.png", "5.png", "4.png"]
    first, again = (adopted([archive(tmp_path, form, members)], wanted, f"{form[1:]}.parquet") for form in ("/", kind))
    assert again == first
    assert [row["image"] and row["image"]["bytes"] for row in again] == [
        members.get(name) if name[0] != "b" else None for name in wanted
    ]


@pytest.mark.parametrize("make", [parquet, saved_dataset])
def test_cells_of_tables_are_taken_by_row_and_column(adopted, picture, tmp_path, make):
    images = [picture(seed=number) for number in range(7)]
    images[3] = None
    path = make(tmp_path / ("a.parquet" if make is parquet else "saved"), images)
    name = path.name + ("/" if path.is_dir() else "")
    rows = adopted([path], [(name, f"{row}/image") for row in (6, 3, 0)])
    assert [row["image"] and row["image"]["bytes"] for row in rows] == [images[6], None, images[0]]
    assert [row["reason"] for row in rows] == ["", "missing_member", ""]


@pytest.mark.slow
def test_an_archive_that_gives_a_hundred_times_its_bytes_is_a_bomb(adopted, make_zip):
    path = make_zip(dict.fromkeys([f"{number:02}.png" for number in range(13)], bytes(90_000_000)))
    assert path.stat().st_size < 2_000_000
    rows = adopted([path], [f"{number:02}.png" for number in range(13)])
    assert [row["reason"] for row in rows] == ["unreadable"] * 11 + ["too_many_bytes"] * 2


def test_more_images_than_wait_in_memory(adopted, make_zip, picture, monkeypatch):
    members = {f"{number}.png": picture("PNG", seed=number) for number in range(9)}
    monkeypatch.setattr("touchstone.adopt.IN_MEMORY", sum(map(len, members.values())) // 2)
    rows = adopted([make_zip(members)], [*reversed(members), "0.png", "8.png"])  # two of them for two rows
    assert [row["image"]["bytes"] for row in rows] == [*reversed(members.values()), members["0.png"], members["8.png"]]


def test_a_member_that_comes_again_counts_even_if_it_waits_elsewhere(tmp_path, monkeypatch):
    monkeypatch.setattr("touchstone.adopt.IN_MEMORY", 8)
    with WaitingRoom(tmp_path) as waiting:
        waiting.put([0, 1], b"first")
        waiting.put([0, 1], b"second")
        waiting.put([2], b"3")
        assert [waiting.take(row) for row in (0, 1, 2)] == [b"second", b"second", b"3"]
