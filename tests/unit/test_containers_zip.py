"""containers/zip.py and directory.py: what zipfile finds is found, and what lies is found out."""

from __future__ import annotations

import io
import shutil
import struct
import subprocess
import zipfile
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.archives import split_zip

from touchstone.containers import Zip, is_safe, open_container
from touchstone.errors import TouchstoneError
from touchstone.images import BadImage

MEMBERS = {f"{number % 3}/{number:03}.png": f"picture {number} ".encode() * (number % 50 + 1) for number in range(300)}


@pytest.mark.parametrize("zip64", [False, True])
@pytest.mark.parametrize("volume", [700, 5_000, 50_000, 10_000_000])
def test_split_archives(tmp_path, volume, zip64):
    archive = open_container(split_zip(tmp_path, MEMBERS, volume, zip64))
    assert list(archive.members()) == list(MEMBERS)
    assert dict(archive.read_many(MEMBERS)) == MEMBERS


def test_zipfile_agrees_with_our_writer(tmp_path):
    with zipfile.ZipFile(split_zip(tmp_path, MEMBERS, 10_000_000, zip64=True)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == MEMBERS


@pytest.mark.parametrize("options", [["-0"], ["-fz"], []])
def test_archives_split_by_info_zip(tmp_path, options):
    if not shutil.which("zip"):
        pytest.skip("needs the program zip")
    for name, data in MEMBERS.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    subprocess.run(["zip", "-q", "-r", "-s", "64k", *options, "../a.zip", "."], cwd=tmp_path / "tree", check=True)
    archive = open_container(tmp_path / "a.zip")
    assert dict(archive.read_many(MEMBERS)) == MEMBERS


def test_volumes_in_capitals(tmp_path):
    split_zip(tmp_path, MEMBERS, 5_000)
    for path in list(tmp_path.iterdir()):
        path.rename(path.with_suffix(path.suffix.upper()))
    assert dict(open_container(tmp_path / "files.ZIP").read_many(MEMBERS)) == MEMBERS


def test_volumes_are_found_beside_the_file_that_a_link_leads_to(tmp_path):
    (tmp_path / "mine").mkdir()
    link = tmp_path / "linked.zip"
    link.symlink_to(split_zip(tmp_path / "mine", MEMBERS, 5_000))
    assert dict(open_container(link).read_many(MEMBERS)) == MEMBERS


def test_several_missing_volumes_are_all_named(tmp_path):
    path = split_zip(tmp_path, MEMBERS, 5_000)
    for name in ("files.z01", "files.z04"):
        (tmp_path / name).unlink()
    with pytest.raises(TouchstoneError, match=r"lacks 2 of its \d+ volumes: files\.z01, files\.z04"):
        open_container(path)


def test_a_volume_that_was_cut_is_noticed(tmp_path):
    path = split_zip(tmp_path, MEMBERS, 5_000)
    volume = tmp_path / "files.z02"
    volume.write_bytes(volume.read_bytes()[:1000])
    found = dict(open_container(path).read_many(MEMBERS))
    bad = [name for name, data in found.items() if isinstance(data, BadImage)]
    assert bad and {found[name].reason for name in bad} == {"corrupt_member"}
    assert all(found[name] == MEMBERS[name] for name in MEMBERS.keys() - set(bad))


def test_more_members_than_sixteen_bits_count(tmp_path):
    members = {f"{number}.png": b"%d" % number for number in range(66_000)}
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    archive = Zip(tmp_path / "many.zip")
    assert list(archive.members()) == list(members)
    assert dict(archive.read_many(["65999.png", "7.png"])) == {"65999.png": b"65999", "7.png": b"7"}


def test_members_written_to_a_pipe_have_their_sizes_in_the_directory_only(tmp_path):
    class Pipe(io.RawIOBase):
        def __init__(self):
            self.data = bytearray()

        def writable(self):
            return True

        def write(self, data):
            self.data += data
            return len(data)

    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in MEMBERS.items():
            archive.writestr(name, data)
    (tmp_path / "piped.zip").write_bytes(pipe.data)
    assert dict(Zip(tmp_path / "piped.zip").read_many(MEMBERS)) == MEMBERS


def test_what_stands_before_and_behind_an_archive_does_no_harm(make_zip):
    path = make_zip(MEMBERS)
    with zipfile.ZipFile(path, "a") as archive:
        archive.comment = b"a comment"
    path.write_bytes(b"#!/bin/sh\n" * 50 + path.read_bytes())
    assert dict(Zip(path).read_many(MEMBERS)) == MEMBERS


def test_signatures_in_names_and_comments_do_not_mislead(tmp_path):
    members = {f"PK\1\2{number}.png": b"PK\1\2" for number in range(50)}
    archive = Zip(split_zip(tmp_path, members, 10_000_000, comment=b"PK\1\2" * 20))
    assert list(archive.members()) == list(members)
    assert dict(archive.read_many(members)) == members


def test_names_without_the_flag_are_cp437_as_for_zipfile(make_zip):
    path = make_zip({"x_y.png": b"picture"})
    path.write_bytes(path.read_bytes().replace(b"x_y.png", b"x\x81y.png"))
    (name,) = Zip(path).members()
    assert name == "xüy.png" == zipfile.ZipFile(path).namelist()[0]
    assert Zip(path).read(name) == b"picture"


def test_names_that_are_not_the_utf8_they_say_are_not_safe_but_do_not_end_the_listing(make_zip):
    path = make_zip({"ü.png": b"bad", "good.png": b"good"})
    path.write_bytes(path.read_bytes().replace("ü".encode(), b"\xfc\xfc"))
    names = list(Zip(path).members())
    assert [name for name in names if is_safe(name)] == ["good.png"]
    assert Zip(path).read("good.png") == b"good"


def test_members_that_overlap_are_read_each_by_itself(make_zip):
    """Many members may share their bytes: each is bounded and has its checksum, so no bomb comes of it."""
    path = make_zip({"a.png": b"shared"})
    data = path.read_bytes()
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    directory = data[start:end] * 1000
    path.write_bytes(data[:start] + directory + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1000, 1000, len(directory), start, 0))
    archive = Zip(path)
    assert len(list(archive.members())) == 1000
    assert list(archive.read_many(archive.members())) == [("a.png", b"shared")]


@pytest.mark.parametrize("cut", [1, 10, 46, 50])
def test_a_truncated_directory(make_zip, cut):
    path = make_zip({"a.png": b"a", "b.png": b"b"})
    data = path.read_bytes()
    end = data.index(b"PK\5\6")
    path.write_bytes(data[: end - cut] + data[end:])
    with pytest.raises(TouchstoneError, match="not a whole zip"):
        Zip(path)


def test_a_directory_with_fewer_members_than_it_says(make_zip):
    path = make_zip({"a.png": b"a", "b.png": b"b"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\5\6") + 10] = 3
    path.write_bytes(data)
    with pytest.raises(TouchstoneError, match="has 2 members, and should have 3"):
        Zip(path)


@pytest.mark.parametrize(
    ("field", "value"), [(20, 2**31), (42, 2**31), (42, 5)], ids=["packed size", "far away", "inside another"]
)
def test_lies_in_the_directory_are_found_out(make_zip, field, value):
    path = make_zip({"a.png": b"a" * 99, "b.png": b"b"}, compression=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2") + field
    data[at : at + 4] = struct.pack("<L", value)
    path.write_bytes(data)
    found = dict(Zip(path).read_many(["a.png", "b.png"]))
    assert found["a.png"].reason == "corrupt_member"
    assert found["b.png"] == b"b"


def test_a_member_whose_own_header_has_another_name(make_zip):
    path = make_zip({"a.png": b"picture", "b.png": b"other"})
    path.write_bytes(path.read_bytes().replace(b"a.png", b"c.png", 1))
    with pytest.raises(BadImage, match=r"corrupt_member.*points to something else"):
        Zip(path).read("a.png")


def test_a_long_extra_field_of_the_members_own_header(make_zip):
    path = make_zip({"a.png": b"picture" * 1000}, compression=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    extra = struct.pack("<HH", 0xCAFE, 5000) + bytes(5000)
    data[28:30] = struct.pack("<H", len(extra))
    data[35:35] = extra
    start = data.index(b"PK\1\2")
    data[-6:-2] = struct.pack("<L", start)
    path.write_bytes(data)
    assert Zip(path).read("a.png") == b"picture" * 1000


LETTERS = st.characters(blacklist_categories=["Cs"], blacklist_characters="\0/")
NAMES = st.lists(st.text(LETTERS, min_size=1, max_size=12), unique=True)


@settings(max_examples=200, deadline=None)
@given(names=NAMES, others=NAMES)
def test_names_are_found_as_zipfile_finds_them(tmp_path_factory, names, others):
    path = tmp_path_factory.getbasetemp() / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), name)
    with zipfile.ZipFile(path) as archive:
        wanted = {name: archive.read(name) if name in archive.namelist() else None for name in [*names, *others]}
    found = {name: data if isinstance(data, bytes) else None for name, data in Zip(path).read_many(wanted)}
    assert found == wanted


def test_the_checksum_is_that_of_the_directory(make_zip):
    path = make_zip({"a.png": b"picture"}, compression=zipfile.ZIP_STORED)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\1\2") + 16
    assert struct.unpack_from("<L", data, at) == (zlib.crc32(b"picture"),)
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadImage, match=r"corrupt_member.*wrong checksum"):
        Zip(path).read("a.png")
