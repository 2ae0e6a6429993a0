"""containers.py: hostile names, lying sizes and damaged archives do no harm and are told apart."""

from __future__ import annotations

import binascii
import os
import struct
import tracemalloc
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchstone import containers
from touchstone.containers import Folder, Zip, is_container, is_safe, open_container
from touchstone.errors import TouchstoneError
from touchstone.images import MAX_BYTES, BadImage

UNSAFE = [
    "",
    "/etc/passwd",
    "//host/share",
    "../up.png",
    "a/../../up.png",
    "a/..",
    "a\\b.png",
    "..\\up.png",
    "nul\0.png",
    "\udce9.png",
]
SAFE = ["a.png", "a/b/c.png", "a b/ü.png", "a..b.png", "...", "a/.../b", ".hidden", "~/x", "C:x.png"]


@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_leave_the_container_are_not_safe(name):
    assert not is_safe(name)


@pytest.mark.parametrize("name", SAFE)
def test_other_names_are_safe(name):
    assert is_safe(name)


def test_a_zip_and_a_folder_of_the_same_files_hold_the_same(tmp_path, make_zip, picture):
    members = {"b/1.png": picture("PNG"), "a/2.jpg": picture(), "LICENCE": b"text"}
    for name, data in members.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    archive, folder = open_container(make_zip(members)), open_container(tmp_path / "folder")
    assert list(archive.members()) == list(members)  # in the order of the archive
    assert list(folder.members()) == ["LICENCE", "a/2.jpg", "b/1.png"]  # sorted
    for name, data in members.items():
        assert archive.read(name) == folder.read(name) == data
    archive.close()
    folder.close()


# -- folders ---------------------------------------------------------------------------------------


def test_a_folder_neither_lists_nor_follows_links(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.png").write_bytes(b"secret")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "own.png").write_bytes(b"own")
    (inside / "link.png").symlink_to(outside / "secret.png")
    (inside / "linked").symlink_to(outside)
    (inside / "broken.png").symlink_to(tmp_path / "nothing")
    os.mkfifo(inside / "pipe.png")
    folder = Folder(inside)
    assert list(folder.members()) == ["own.png"]
    for name in ("link.png", "linked/secret.png", "broken.png", "pipe.png", "linked", "nothing.png", *UNSAFE):
        with pytest.raises(BadImage, match="missing_member"):
            folder.read(name)


def test_a_folder_may_itself_be_reached_through_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.png").write_bytes(b"a")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    folder = open_container(tmp_path / "link")
    assert [folder.read(name) for name in folder.members()] == [b"a"]


def test_a_file_over_the_limit_is_not_read(tmp_path):
    with open(tmp_path / "large.png", "wb") as file:
        file.truncate(MAX_BYTES + 1)  # sparse: takes no room
    with pytest.raises(BadImage, match="too_many_bytes"):
        Folder(tmp_path).read("large.png")


# -- zip: names ------------------------------------------------------------------------------------


def test_zip_slip_names_are_listed_for_the_reader_to_refuse_and_write_nothing(tmp_path, make_zip):
    names = ["../../evil.png", "/abs.png", "a/../../evil.png", "back\\slash.png", "good.png"]
    before = sorted(tmp_path.iterdir())
    archive = Zip(make_zip(dict.fromkeys(names, b"x")))
    assert [name for name in archive.members() if is_safe(name)] == ["good.png"]
    assert len(list(archive.members())) == len(names)
    assert [archive.read(name) for name in archive.members()] == [b"x"] * len(names)  # reading touches no path
    assert sorted(path for path in tmp_path.iterdir() if path.name != "files.zip") == before


def test_folders_in_a_zip_are_no_members(make_zip):
    assert list(Zip(make_zip({"a/": b"", "a/b.png": b"x"})).members()) == ["a/b.png"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_occurs_twice_is_listed_twice(tmp_path):
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a.png", b"first")
        archive.writestr("a.png", b"second")
    twice = Zip(tmp_path / "twice.zip")
    assert list(twice.members()) == ["a.png", "a.png"]  # the list step refuses two items with one id
    assert twice.read("a.png") == b"second"


def test_a_member_that_is_not_there(make_zip):
    with pytest.raises(BadImage, match="missing_member"):
        Zip(make_zip({"a.png": b"x"})).read("b.png")


# -- zip: bytes ------------------------------------------------------------------------------------


def test_an_encrypted_member_is_corrupt(make_zip):
    path = make_zip({"a.png": b"x" * 50}, compression=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    data[6] |= 1  # the flag, in the member's header ...
    data[data.index(b"PK\x01\x02") + 8] |= 1  # ... and in the directory
    path.write_bytes(data)
    with pytest.raises(BadImage, match=r"corrupt_member.*encrypted"):
        Zip(path).read("a.png")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_flipped_bit_is_noticed(make_zip, picture, compression):
    image = picture("PNG")
    path = make_zip({"a.png": image, "b.png": image}, compression=compression)
    data = bytearray(path.read_bytes())
    data[30 + len("a.png") + 200] ^= 4
    path.write_bytes(data)
    archive = Zip(path)
    with pytest.raises(BadImage, match="corrupt_member"):
        archive.read("a.png")
    assert archive.read("b.png") == image  # its neighbour is not harmed


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_inflate_without_limit_are_refused(make_zip, compression):
    archive = Zip(make_zip({"a.png": bytes(1000)}, compression=compression))
    with pytest.raises(BadImage, match=r"corrupt_member.*only store and deflate"):
        archive.read("a.png")


def test_an_honest_bomb_is_refused_by_its_size(tmp_path):
    path = bomb(tmp_path, size=MAX_BYTES + 1, declared=MAX_BYTES + 1)
    with pytest.raises(BadImage, match="too_many_bytes"):
        Zip(path).read("a.png")


@pytest.mark.parametrize("declared", [0, 1, 1000, 100_000])
def test_a_bomb_that_declares_a_small_size_is_inflated_no_further(tmp_path, declared):
    archive = Zip(bomb(tmp_path, size=300_000_000, declared=declared))
    tracemalloc.start()
    try:
        with pytest.raises(BadImage, match="corrupt_member"):
            archive.read("a.png")
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_member_shorter_than_it_declares_is_corrupt(tmp_path):
    with pytest.raises(BadImage, match="corrupt_member"):
        Zip(bomb(tmp_path, size=1000, declared=2000, crc_of=2000)).read("a.png")


def test_a_nested_bomb_is_no_concern(tmp_path, make_zip):
    inner = bomb(tmp_path, size=1_000_000, declared=1_000_000).read_bytes()
    assert Zip(make_zip({"inner.zip": inner})).read("inner.zip") == inner


# -- zip: the archive ------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"no zip at all", b"PK\x05\x06" + bytes(17)])
def test_a_file_that_is_no_zip(tmp_path, data):
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    with pytest.raises(TouchstoneError, match=r"not a whole zip[\s\S]*bad\.zip[\s\S]*fetch it again"):
        open_container(path)


def test_half_a_zip_is_not_taken_for_a_whole_one(make_zip, picture):
    path = make_zip({f"{number}.png": picture("PNG", seed=number) for number in range(5)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(TouchstoneError, match="not a whole zip"):
        open_container(path)


def test_missing_and_unknown_files(tmp_path):
    with pytest.raises(TouchstoneError, match=r"gone[\s\S]*nothing\.zip[\s\S]*mend"):
        open_container(tmp_path / "nothing.zip")
    (tmp_path / "a.rar").write_bytes(b"Rar!")
    with pytest.raises(TouchstoneError, match=r"a\.rar[\s\S]*known: folders and \.zip"):
        open_container(tmp_path / "a.rar")


def test_a_suffix_in_capitals_is_known(make_zip):
    assert list(open_container(make_zip({"a.png": b"x"}, name="FILES.ZIP")).members()) == ["a.png"]


def test_which_files_of_a_card_hold_images():
    assert [is_container(name) for name in ("a.zip", "images/", "list.csv", "zip")] == [True, True, False, False]


@settings(max_examples=400, deadline=None)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_damaged_zip_gives_bytes_a_reason_or_one_clear_error(tmp_path_factory, changes):
    data = bytearray(ARCHIVE)
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(data)
    try:
        archive = containers.Zip(path)
    except TouchstoneError:
        return
    for member in archive.members():
        try:
            assert isinstance(archive.read(member), bytes)
        except BadImage as error:
            assert error.reason in ("missing_member", "corrupt_member", "too_many_bytes")
    archive.close()


def bomb(folder, size: int, declared: int, crc_of: int | None = None):
    """A zip of one deflated member of ``size`` zeros that says it has ``declared``."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    crc = 0
    stream = bytearray()
    for start in range(0, size, 10_000_000):
        block = bytes(min(10_000_000, size - start))
        crc = binascii.crc32(block, crc)
        stream += packer.compress(block)
    stream += packer.flush()
    crc = binascii.crc32(bytes(crc_of)) if crc_of else crc
    fields = struct.pack("<HHHHHLLLHH", 20, 0, 8, 0, 33, crc, len(stream), declared, 5, 0)
    header = b"PK\x03\x04" + fields + b"a.png"
    directory = b"PK\x01\x02" + struct.pack("<H", 20) + fields + bytes(14) + b"a.png"
    end = b"PK\x05\x06" + struct.pack("<HHHHLLH", 0, 0, 1, 1, len(directory), len(header) + len(stream), 0)
    path = folder / "bomb.zip"
    path.write_bytes(header + stream + directory + end)
    return path


def _archive() -> bytes:
    import io

    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.png"), b"stored " * 9, zipfile.ZIP_STORED)
        archive.writestr(zipfile.ZipInfo("ü/b.png"), b"deflated " * 9, zipfile.ZIP_DEFLATED)
    return data.getvalue()


ARCHIVE = _archive()


def test_a_folder_is_listed_files_first_and_links_are_left_out(tmp_path):
    for name in ("b/2", "b/1", "a.b/3", "a/4", "5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "6").symlink_to(tmp_path / "5")
    (tmp_path / "c").symlink_to(tmp_path / "b")
    os.mkfifo(tmp_path / "7")
    assert list(Folder(tmp_path).members()) == ["5", "a/4", "a.b/3", "b/1", "b/2"]


def test_a_folder_that_vanishes_while_it_is_listed_is_no_end_of_it(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "1").touch()
    members = Folder(tmp_path).members()
    assert next(members) == "1"
    (tmp_path / "a").rmdir()
    with pytest.raises(TouchstoneError, match="cannot be read"):
        list(members)
