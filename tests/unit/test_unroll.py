"""unroll.py: one pass over what can only be read from front to back, and every member or its reason afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap

import pyarrow.parquet as pq
import pytest
from tests.archives import TAR_FORMATS, archive, seven_zip, tar

from touchstone.adopt import adopt_shard
from touchstone.containers import ARCHIVES, CompressedTar, SevenZip
from touchstone.draw import PICK
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.record import empty_item, table_of
from touchstone.suffixes import STREAMED
from touchstone.unroll import Unrolled, unroll_origin


@pytest.fixture
def place(tmp_path, progress):
    """``place(paths, members, ...)`` → rows of shards of three that are taken from the archives by way of ``unrolled.zip``."""

    def run(paths, members, unrolled: bool = True, threads: int = 2) -> list[dict]:
        files = [{"name": path.name + ("/" if path.is_dir() else ""), "path": str(path)} for path in paths]
        write_json(tmp_path / "receipt.json", {"files": files})
        picks = []
        for start in range(0, len(members), 3):
            rows = [
                empty_item() | {"id": f"mine/{file}/{name}", "source_file": file, "source_member": name, "rank": start}
                for file, name in members[start : start + 3]
            ]
            picks.append(str(tmp_path / f"picks-{start:03}.parquet"))
            pq.write_table(table_of(rows, PICK), picks[-1])
        common = {"receipt": str(tmp_path / "receipt.json"), "progress": progress}
        sink = str(tmp_path / "unrolled.zip")
        if unrolled:
            unroll_origin(picks=picks, unrolled=sink, threads=threads, **common)
        shards = [path.replace("picks", f"shard-{unrolled}") for path in picks]
        for pick, shard in zip(picks, shards, strict=True):
            adopt_shard(picks=pick, shard=shard, unrolled=sink if unrolled else None, **common)
        return [row for shard in shards for row in pq.read_table(shard).to_pylist()]

    return run


def test_the_plan_knows_which_archives_are_read_from_front_to_back():
    assert {suffix for suffix, kind in ARCHIVES.items() if kind in (SevenZip, CompressedTar)} == set(STREAMED)


@pytest.mark.parametrize("kind", [".7z", ".7z.001", ".tar.zst", *TAR_FORMATS])
def test_shards_are_those_that_every_one_would_have_read_itself(place, picture, tmp_path, kind):
    members = {f"ü {number}.png": picture("PNG", seed=number) for number in range(8)} | {"bad.png": b"<html>"}
    path = archive(tmp_path, kind, members)
    names = [(path.name, name) for name in [*reversed(members), "gone.png", "ü 3.png"]]
    rows = place([path], names)
    assert rows == place([path], names, unrolled=False)
    assert [row["image"] and row["image"]["bytes"] for row in rows[1:9]] == list(reversed(members.values()))[1:]
    assert [rows[0]["reason"], rows[9]["reason"]] == ["unreadable", "missing_member"]


def test_archives_beside_each_other_that_hold_the_same_names(place, picture, tmp_path, make_zip):
    one, two, three = (picture(seed=number) for number in range(3))
    (tmp_path / "a.7z").write_bytes(seven_zip({"1.jpg": one}))
    (tmp_path / "b.tar.gz").write_bytes(TAR_FORMATS[".tar.gz"](tar({"1.jpg": two})))
    paths = [tmp_path / "b.tar.gz", make_zip({"1.jpg": three}, name="c.zip"), tmp_path / "a.7z"]
    rows = place(paths, [("c.zip", "1.jpg"), ("b.tar.gz", "1.jpg"), ("a.7z", "1.jpg"), ("", "1.jpg")])
    assert [row["image"]["bytes"] for row in rows] == [three, two, one, two]


@pytest.mark.parametrize("per_block", [1, 3, 100])
@pytest.mark.parametrize("threads", [1, 4])
def test_blocks_are_read_at_the_same_time(place, picture, tmp_path, per_block, threads):
    members = {f"{number}.png": picture("PNG", seed=number) for number in range(10)}
    (tmp_path / "a.7z").write_bytes(seven_zip(members, per_block=per_block))
    rows = place([tmp_path / "a.7z"], [("a.7z", name) for name in members], threads=threads)
    assert [row["image"]["bytes"] for row in rows] == list(members.values())


def test_what_a_damaged_stream_cannot_give_has_its_reason_in_every_shard(place, picture, tmp_path):
    members = {f"{number}.png": picture("PNG", seed=number, size=(90, 90)) for number in range(9)}
    path = archive(tmp_path, ".tar.gz", members)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    rows = place([path], [(path.name, name) for name in members])
    assert {row["reason"] for row in rows} == {"", "corrupt_member"}
    assert all(row["image"]["bytes"] == members[row["source_member"]] for row in rows if not row["reason"])


def test_names_that_no_zip_could_hold(place, picture, tmp_path):
    image = picture()
    names = ["x" * 70_000 + ".jpg", "../up.jpg", "/abs.jpg", "a\\b.jpg"]
    (tmp_path / "a.tar.gz").write_bytes(TAR_FORMATS[".tar.gz"](tar(dict.fromkeys(names, image))))
    rows = place([tmp_path / "a.tar.gz"], [("a.tar.gz", name) for name in names])
    assert [row["image"]["bytes"] for row in rows] == [image] * 4
    assert {path.suffix for path in tmp_path.iterdir()} == {".gz", ".zip", ".json", ".parquet"}  # nothing is unpacked


def test_of_a_name_that_occurs_twice_the_last_is_taken(place, picture, tmp_path):
    first, second = picture(seed=1), picture(seed=2)
    (tmp_path / "a.tar.gz").write_bytes(TAR_FORMATS[".tar.gz"](tar({"a.jpg": first})[:-10240] + tar({"a.jpg": second})))
    (row,) = place([tmp_path / "a.tar.gz"], [("a.tar.gz", "a.jpg")])
    assert row["image"]["bytes"] == second


def test_a_file_of_another_draw_is_not_taken_for_the_archive(place, picture, tmp_path):
    path = archive(tmp_path, ".tar.gz", {"a.jpg": picture(), "b.jpg": picture()})
    place([path], [(path.name, "a.jpg")])
    with pytest.raises(TouchstoneError, match=r"'b\.jpg' of files\.tar\.gz[\s\S]*unrolled\.zip[\s\S]*rm "):
        list(Unrolled(str(tmp_path / "unrolled.zip"), path.name).read_many(["b.jpg"]))


def test_an_archive_that_is_no_archive_stops_it_and_leaves_nothing(place, tmp_path, picture):
    good = archive(tmp_path, ".tar.gz", {"a.jpg": picture()})
    (tmp_path / "b.7z").write_bytes(b"no archive")
    with pytest.raises(TouchstoneError, match=r"not a whole 7z"):
        place([good, tmp_path / "b.7z"], [(good.name, "a.jpg"), ("b.7z", "a.jpg")])
    assert not list(tmp_path.glob("*unrolled*"))


def test_a_killed_pass_leaves_nothing_that_is_taken_for_done_and_the_next_clears_up(place, picture, tmp_path):
    members = {f"{number}.png": picture("PNG", seed=number) for number in range(6)}
    path = archive(tmp_path, ".tar.gz", members)
    names = [(path.name, name) for name in members]
    expected = place([path], names)
    (tmp_path / "unrolled.zip").unlink()
    program = textwrap.dedent(
        """
        import io, os, signal, sys
        from touchstone.progress import Progress
        from touchstone.unroll import unroll_origin
        class Killer(Progress):
            def advance(self, count=1):
                os.kill(os.getpid(), signal.SIGKILL)
        folder = sys.argv[1]
        unroll_origin(picks=[f"{folder}/picks-000.parquet"], receipt=f"{folder}/receipt.json",
                      unrolled=f"{folder}/unrolled.zip", progress=Killer("x", streams=(io.StringIO(),)))
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert done.returncode == -signal.SIGKILL
    assert [entry.name[:14] for entry in tmp_path.glob("*unrolled*")] == [".unrolled.zip."]
    assert place([path], names) == expected
    assert [entry.name for entry in tmp_path.glob("*unrolled*")] == ["unrolled.zip"]
