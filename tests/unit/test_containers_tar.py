"""containers/tar.py: what tarfile and GNU tar write is read; links and devices are no members."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tarfile

import pytest
from tests.archives import tar

from touchstone.containers import CompressedTar, Tar, is_safe, open_container
from touchstone.errors import TouchstoneError
from touchstone.images import BadImage

LONG = "a/" * 120 + "lang ü.png"
MEMBERS = {"a.png": b"a" * 700, "b/ü.png": b"b" * 512, "empty.png": b"", LONG: b"long"}


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_format_of_tarfile(tmp_path, form):
    members = {name: data for name, data in MEMBERS.items() if form != tarfile.USTAR_FORMAT or len(name) < 240}
    members |= {"p" * 90 + "/" + "n" * 90: b"a name in two fields"}
    (tmp_path / "a.tar").write_bytes(tar(members, form))
    archive = open_container(tmp_path / "a.tar")
    assert list(archive.members()) == list(members)
    assert dict(archive.read_many(members)) == members


@pytest.mark.parametrize("form", ["v7", "oldgnu", "gnu", "ustar", "posix"])
def test_every_format_of_gnu_tar(tmp_path, form):
    if not shutil.which("tar"):
        pytest.skip("needs the program tar")
    members = {"a.png": b"a" * 700, "b.png": b""}
    for name, data in members.items():
        (tmp_path / name).write_bytes(data)
    subprocess.run(["tar", f"--format={form}", "-cf", "x.tar", *members], cwd=tmp_path, check=True)
    assert dict(open_container(tmp_path / "x.tar").read_many(members)) == members


def hostile() -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        for name, kind in [
            ("link.png", tarfile.SYMTYPE),
            ("hard.png", tarfile.LNKTYPE),
            ("device.png", tarfile.CHRTYPE),
            ("disk.png", tarfile.BLKTYPE),
            ("pipe.png", tarfile.FIFOTYPE),
            ("folder", tarfile.DIRTYPE),
        ]:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            file.addfile(info)
        for name in ("../up.png", "/abs.png", "good.png"):
            info = tarfile.TarInfo(name)
            info.size = 4
            file.addfile(info, io.BytesIO(b"data"))
    return data.getvalue()


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz"])
def test_links_devices_and_folders_are_no_members_and_names_lead_nowhere(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(hostile() if suffix == ".tar" else gzip.compress(hostile()))
    archive = open_container(path)
    assert list(archive.members()) == ["../up.png", "/abs.png", "good.png"]
    assert [name for name in archive.members() if is_safe(name)] == ["good.png"]
    for name in ("link.png", "hard.png", "device.png", "disk.png", "pipe.png", "folder"):
        with pytest.raises(BadImage, match="missing_member"):
            archive.read(name)
    assert archive.read("../up.png") == b"data"  # reading touches no path
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("kind", [Tar, CompressedTar])
def test_of_a_name_that_occurs_twice_the_last_is_read(tmp_path, kind):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as file:
        for content in (b"first", b"second"):
            info = tarfile.TarInfo("a.png")
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    path = tmp_path / "a.tar"
    path.write_bytes(data.getvalue() if kind is Tar else gzip.compress(data.getvalue()))
    assert list(kind(path).members()) == ["a.png", "a.png"]
    assert kind(path).read("a.png") == b"second"


def test_names_that_are_not_utf8_are_not_safe(tmp_path):
    (tmp_path / "a.tar").write_bytes(
        tar({b"caf\xe9.png".decode(errors="surrogateescape"): b"x", "b.png": b"y"}, tarfile.GNU_FORMAT)
    )
    archive = Tar(tmp_path / "a.tar")
    assert [is_safe(name) for name in archive.members()] == [False, True]
    assert archive.read("b.png") == b"y"


def test_sizes_over_eight_gigabytes(tmp_path):
    info = tarfile.TarInfo("huge.png")
    info.size = 9 << 30
    with open(tmp_path / "a.tar", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT))
        file.seek(info.size, io.SEEK_CUR)  # sparse: takes no room
        small = tarfile.TarInfo("small.png")
        small.size = 5
        file.write(small.tobuf() + b"small" + bytes(507 + 1024))
    found = dict(Tar(tmp_path / "a.tar").read_many(["huge.png", "small.png"]))
    assert found["huge.png"].reason == "too_many_bytes"
    assert found["small.png"] == b"small"


@pytest.mark.parametrize("cut", [100, 512, 1300, 3000])
def test_a_cut_archive(tmp_path, cut):
    data = tar({"a.png": b"a" * 700, "b.png": b"b" * 2000})
    (tmp_path / "a.tar").write_bytes(data[: data.index(b"bbb") + 2000 - cut])
    with pytest.raises(TouchstoneError, match="not a whole tar"):
        list(Tar(tmp_path / "a.tar").members())


def test_an_archive_without_its_end_mark_is_whole(tmp_path):
    data = tar({"a.png": b"a" * 512})
    (tmp_path / "a.tar").write_bytes(data[: data.index(b"aaa") + 512])
    assert list(Tar(tmp_path / "a.tar").members()) == ["a.png"]


@pytest.mark.parametrize("data", [b"", b"no tar at all", bytes(511), b"x" * 2048])
def test_a_file_that_is_no_tar(tmp_path, data):
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(TouchstoneError, match="not a whole tar"):
        list(open_container(tmp_path / "a.tar").members())


def test_a_name_as_long_as_a_bomb_is_not_read(tmp_path):
    info = tarfile.TarInfo("x")
    info.type, info.size = b"L", 1 << 30
    with gzip.open(tmp_path / "a.tar.gz", "wb") as file:
        file.write(info.tobuf(tarfile.GNU_FORMAT) + bytes(1_000_000))
    with pytest.raises(TouchstoneError, match="a name of 1,073,741,824 bytes"):
        list(open_container(tmp_path / "a.tar.gz").members())
