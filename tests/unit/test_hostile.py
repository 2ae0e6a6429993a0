"""What archives of strangers hold: every kind is listed and taken, and each thing in it comes to its own end."""

from __future__ import annotations

import io
import json
import os
import struct
import zipfile
import zlib

import pyarrow.parquet as pq
import pytest
from tests.archives import archive, seven_zip

from touchstone.adopt import adopt_shard
from touchstone.containers import open_container
from touchstone.draw import PICK
from touchstone.files import write_json
from touchstone.listing import list_origin
from touchstone.record import empty_item, table_of

KINDS = ["/", ".zip", ".z01", ".zip.001", ".tar", ".tar.001", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".7z.001"]
OUTSIDE = ["/abs.png", "../up.png", "a/../../up.png", "back\\slash.png", "C:\\up.png"]
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file:///etc/passwd"/></svg>'


def png_bomb() -> bytes:
    """A PNG of a few bytes that says it has 3.6 thousand million pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))

    head = struct.pack(">LLBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


@pytest.fixture(scope="module")
def members(picture) -> dict[str, tuple[bytes, str]]:
    """Contents, and what becomes of them: taken, a reason to reject, or not listed."""
    png, jpeg = picture("PNG", size=(80, 60)), picture("JPEG")
    return {
        "good.png": (png, "taken"),
        "Case.png": (picture("PNG", seed=1), "taken"),
        "case.png": (picture("PNG", seed=2), "taken"),
        "große Bilder/東京 🗼.jpg": (jpeg, "taken"),
        "dots.in.name.v2.jpg": (picture("JPEG", seed=3), "taken"),
        "jpeg inside.png": (picture("JPEG", seed=4), "taken"),
        "empty.png": (b"", "unreadable"),
        "cut.png": (png[: len(png) // 2], "truncated"),
        "html.jpg": (b"<html>404</html>", "unreadable"),
        "vector.png": (SVG, "unreadable"),
        "zip.png": (b"PK\3\4" + bytes(100), "unreadable"),
        "bomb.png": (png_bomb(), "too_many_pixels"),
        "zeros.png": (bytes(20_000_000), "unreadable"),
        "vector.svg": (SVG, "not the suffix of an image"),
        "metadata.json": (json.dumps({"file": "../x"}).encode(), "not the suffix of an image"),
        "noending": (png, "not the suffix of an image"),
        "__MACOSX/._good.png": (png, "a file of the operating system"),
        "a/.DS_Store": (b"x", "a file of the operating system"),
        ".hidden.png": (png, "a file of the operating system"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_lists_and_takes_what_is_an_image_and_says_why_the_rest_is_not(tmp_path, progress, members, kind):
    there = members if kind == "/" else members | dict.fromkeys(OUTSIDE, (members["good.png"][0], "not a safe name"))
    (tmp_path / "shelf").mkdir()
    path = archive(tmp_path / "shelf", kind, {name: data for name, (data, _) in there.items()})
    before = {entry: entry.stat().st_mtime_ns for entry in tmp_path.rglob("shelf/*")}
    rows = listed(tmp_path, progress, path)
    images = {name: (data, end) for name, (data, end) in there.items() if " " not in end or end == "taken"}
    assert {row["source_member"] for row in rows} == images.keys()
    said = progress.streams[0].getvalue()
    for end in {end for _, end in there.values()} - {end for _, end in images.values()}:
        assert f"{sum(end == other for _, other in there.values())} skipped: {end} (first: " in said

    taken = adopted(tmp_path, progress, path, rows)
    ends = {row["source_member"]: row["reason"] or row["state"] for row in taken}
    assert ends == {name: end for name, (_, end) in images.items()}
    for row in taken:
        assert row["image"] is None or row["image"]["bytes"] == there[row["source_member"]][0]
    assert {entry: entry.stat().st_mtime_ns for entry in tmp_path.rglob("shelf/*")} == before
    made = {"shelf", "receipt.json", "index.parquet", "picks.parquet", "shard.parquet"}
    assert {entry.name for entry in tmp_path.iterdir()} == made  # nothing beside the origin, and nothing above it
    assert not (tmp_path.parent / "up.png").exists()


def test_links_in_a_zip_are_no_members(tmp_path, picture):
    link = zipfile.ZipInfo("link.png")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
        file.writestr("real.png", picture("PNG"))
    assert list(open_container(tmp_path / "a.zip").members()) == ["real.png"]


@pytest.mark.parametrize("kind", ["/", ".7z", ".zip"])
def test_names_that_are_no_text_are_skipped_and_said(tmp_path, progress, picture, kind):
    bad = b"caf\xe9.png"
    if kind == "/":
        path = archive(tmp_path, "/", {"good.png": picture("PNG")})
        (path / os.fsdecode(bad)).write_bytes(picture("PNG"))
    elif kind == ".7z":
        path = tmp_path / "files.7z"
        path.write_bytes(seven_zip({"good.png": picture("PNG"), "caf\udce9.png": picture("PNG")}))
    else:
        path = tmp_path / "files.zip"
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("good.png", picture("PNG"))
            file.writestr("caféé.png", picture("PNG"))  # as long as two bytes that are no UTF-8, and two more
        path.write_bytes(buffer.getvalue().replace("éé".encode(), b"\xe9\xe9\xe9\xe9"))
    assert [row["source_member"] for row in listed(tmp_path, progress, path)] == ["good.png"]
    assert "1 skipped: not a safe name" in progress.streams[0].getvalue()


def listed(folder, progress, path) -> list[dict]:
    files = [{"name": path.name + ("/" if path.is_dir() else ""), "path": str(path)}]
    write_json(folder / "receipt.json", {"files": files})
    list_origin(
        origin="mine",
        receipt=str(folder / "receipt.json"),
        recipe={"reader": {"name": "folders"}},
        generators={},
        kind="archive",
        licence="CC0-1.0",
        index=str(folder / "index.parquet"),
        progress=progress,
    )
    return pq.read_table(folder / "index.parquet").to_pylist()


def adopted(folder, progress, path, rows: list[dict]) -> list[dict]:
    pq.write_table(table_of([empty_item() | row | {"rank": 0} for row in rows], PICK), folder / "picks.parquet")
    common = {"picks": str(folder / "picks.parquet"), "receipt": str(folder / "receipt.json"), "progress": progress}
    adopt_shard(shard=str(folder / "shard.parquet"), threads=2, **common)
    return pq.read_table(folder / "shard.parquet").to_pylist()
