"""containers/sevenzip.py: what 7-Zip writes is read; a wrong checksum costs one member, a bomb nothing."""

from __future__ import annotations

import base64
import lzma
import shutil
import struct
import subprocess
import tracemalloc
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.archives import CODERS, number, seven_zip, seven_zip_of

from touchstone.containers import SevenZip, open_container
from touchstone.errors import TouchstoneError
from touchstone.images import BadImage

MEMBERS = {f"{number}/bild ü {number:03}.png": b"%d " % number * 200 for number in range(30)} | {"empty.png": b""}

# Written by 7-Zip 26.02: a solid LZMA2 stream, a packed header, an empty file, an empty folder, a symbolic link.
REAL = (
    "N3q8ryccAASHSmJNsAAAAAAAAAAhAAAAAAAAAOI9/40BADBmaXJzdCBwaWN0dXJlMS5qcGdzZWNvbmQgcGljdHVyZSwgYSBsaXR0bGUgbG9uZ2VyAAAA"
    "gTMHrg/RTICooJCgd17FQBiNa91HrZvDEiSMn1kXGq2HQO53v1Fytcjhpp8EAs8G+fXq7aSAygctZ1TaNugCUO7rVEQ3t3Ymx6gFwRlJ75PUDbFSNWu+"
    "eK5pYv5FJdfHHRUrC7YsjK+5O787hEMEfmHLyNcz2+CIABcGNQEJewAHCwEAASMDAQEFXQAQAAAMgLYKASzyaOkAAA=="
)
# The same program with a password: AES over LZMA2, the header readable.
ENCRYPTED = (
    "N3q8ryccAARj8LRlIAAAAAAAAABaAAAAAAAAAPCe6xHwGpvjmRQRttGo+ivLrUwqq6KpULLufK0QJMYyQ/aWQQEEBgABCSAABwsBAAIkBvEHARJTDwrN"
    "fd+2bQvYduj0jhWaSNghIQEAAQAMEQ0ACAoBSaAncAAABQEZAQAREQBhAC8AMQAuAGoAcABnAAAAFQYBACCApIEAAA=="
)


@pytest.fixture
def put(tmp_path):
    """``put(bytes)`` → path of a 7z archive."""

    def write(data: bytes):
        path = tmp_path / "a.7z"
        path.write_bytes(data)
        return path

    return write


def test_an_archive_of_seven_zip(put):
    archive = open_container(put(base64.b64decode(REAL)))
    assert dict(archive.read_many(archive.members())) == {
        "a/1.jpg": b"first picture",
        "a/ü.png": b"second picture, a little longer",
        "a/empty.png": b"",
    }
    with pytest.raises(BadImage, match="missing_member"):
        archive.read("a/link.jpg")


def test_an_encrypted_archive(put):
    with pytest.raises(BadImage, match=r"corrupt_member.*encrypted"):
        open_container(put(base64.b64decode(ENCRYPTED))).read("a/1.jpg")


@pytest.mark.parametrize("options", [["-ms=off"], ["-ms=10f"], ["-m0=lzma"], ["-m0=bzip2"], ["-mx=0"], ["-mhc=off"], ["-v2k"]])
def test_whatever_seven_zip_is_told(tmp_path, options):
    if not (program := shutil.which("7zz") or shutil.which("7z") or shutil.which("7za")):
        pytest.skip("needs the program 7zz")
    for name, data in MEMBERS.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    subprocess.run([program, "a", *options, "../a.7z", "."], cwd=tmp_path / "tree", check=True, capture_output=True)
    archive = open_container(tmp_path / ("a.7z.001" if options == ["-v2k"] else "a.7z"))
    assert dict(archive.read_many(MEMBERS)) == MEMBERS


@pytest.mark.parametrize("method", [method for method in CODERS if method != "ppmd"])
@pytest.mark.parametrize("per_block", [1, 7, 1000])
def test_methods_and_blocks(put, method, per_block):
    archive = SevenZip(put(seven_zip(MEMBERS, method, per_block)))
    assert list(archive.members()) == list(MEMBERS)
    assert dict(archive.read_many(MEMBERS)) == MEMBERS
    names = list(MEMBERS)[20:4:-3]
    assert [name for name, _ in archive.read_many(names)] == sorted(names, key=list(MEMBERS).index)


def test_a_method_that_is_not_read_is_a_reason_for_its_members(put):
    with pytest.raises(BadImage, match=r"corrupt_member.*compression method 030401 is not read"):
        SevenZip(put(seven_zip(MEMBERS, "ppmd"))).read("3/bild ü 003.png")


@pytest.mark.parametrize("method", ["copy", "lzma2"])
def test_a_wrong_checksum_costs_one_member(put, method):
    bad = "3/bild ü 003.png"
    found = dict(SevenZip(put(seven_zip(MEMBERS, method, crc_of=MEMBERS | {bad: b"other"}))).read_many(MEMBERS))
    assert found.pop(bad).reason == "corrupt_member"
    assert found == {name: data for name, data in MEMBERS.items() if name != bad}


def test_after_damage_in_a_solid_stream_what_follows_is_lost_and_told(put):
    data = bytearray(seven_zip(MEMBERS, "lzma", per_block=10))
    data[40] ^= 0xFF
    found = dict(SevenZip(put(data)).read_many(MEMBERS))
    assert found.keys() == MEMBERS.keys()
    assert {found[name].reason for name in list(MEMBERS)[1:10]} == {"corrupt_member"}
    assert all(found[name] == MEMBERS[name] for name in list(MEMBERS)[10:])  # of other blocks


def test_of_a_name_that_occurs_twice_the_last_is_read(put):
    data = seven_zip({"a.png": b"first!", "b.png": b"second"})
    head = data[data.index(b"\1\4\6") :]
    again = head.replace("b.png".encode("utf-16-le"), "a.png".encode("utf-16-le"))
    archive = SevenZip(put(seven_zip_of(data[32 : len(data) - len(head)], again)))
    assert list(archive.members()) == ["a.png", "a.png"]
    assert list(archive.read_many(["a.png"])) == [("a.png", b"second")]


def test_names_that_lead_elsewhere_write_nothing(put, tmp_path):
    archive = SevenZip(put(seven_zip({"../up.png": b"x", "/abs.png": b"y", "\udce9.png": b"z"})))
    assert [data for _, data in archive.read_many(archive.members())] == [b"x", b"y", b"z"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.7z"]


@pytest.mark.parametrize(
    "data", [b"", b"7z\xbc\xaf\x27\x1c", b"no 7z at all" * 9, seven_zip_of(b"", b"\1\7"), seven_zip_of(b"", b"\5")]
)
def test_a_file_that_is_no_7z(put, data):
    with pytest.raises(TouchstoneError, match=r"not a whole 7z[\s\S]*fetch it again"):
        SevenZip(put(data))


def test_a_header_that_unpacks_to_gigabytes_is_not_unpacked(put):
    packed = lzma.compress(bytes(300_000_000), lzma.FORMAT_RAW, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 16}])
    head = b"\x17\6" + number(0) + b"\1\x09" + number(len(packed)) + b"\0"
    head += b"\7\x0b\1\0\1" + CODERS["lzma2"][0] + b"\x0c" + number(300_000_000) + b"\0\0"
    refused_in_little_memory(put(seven_zip_of(packed, head)), "a header of 300,000,000 bytes")


@pytest.mark.parametrize(
    "head",
    [
        b"\1\5" + number(2**60),
        b"\1\4\6" + number(0) + number(2**60),
        b"\1\4\7\x0b" + number(2**60) + b"\0",
        b"\1\4\7\x0b\1\0\1" + CODERS["copy"][0] + b"\x0c\x09\0\x08\x0d" + number(2**60),
    ],
    ids=["files", "streams", "blocks", "members"],
)
def test_a_header_that_announces_more_than_it_holds(put, head):
    refused_in_little_memory(put(seven_zip_of(b"", head)), "count|ends too early")


def refused_in_little_memory(path, why: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(TouchstoneError, match=why):
            SevenZip(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_header_that_lies_under_a_right_checksum(tmp_path_factory, changes):
    whole = seven_zip({name: MEMBERS[name] for name in list(MEMBERS)[:4]})
    offset, size, _ = struct.unpack_from("<QQL", whole, 12)
    head = bytearray(whole[32 + offset :])
    for place, value in changes:
        head[int(place * (size - 1))] = value
    path = tmp_path_factory.getbasetemp() / "lying.7z"
    path.write_bytes(seven_zip_of(whole[32 : 32 + offset], bytes(head)))
    try:
        archive = SevenZip(path)
    except TouchstoneError:
        return
    names = set(archive.members())
    found = dict(archive.read_many(names))
    assert found.keys() == names
    for data in found.values():
        assert isinstance(data, bytes) or data.reason in ("corrupt_member", "too_many_bytes")


def test_the_writer_of_these_tests_is_believed_by_its_checksums():
    data = seven_zip(MEMBERS)
    assert zlib.crc32(data[12:32]) == struct.unpack_from("<L", data, 8)[0]
