"""Every reader of what strangers write, given spoilt inputs in a process with limits; ``python -m tests.fuzz`` goes on."""

from __future__ import annotations

import struct
import subprocess
import sys
import tarfile
import zlib

import pytest
from tests.fuzz.running import does_harm, search
from tests.fuzz.targets import CORPUS, HOME, TARGETS

from touchstone.containers import open_container
from touchstone.images import BadImage, measure

SEED, RUNS = 9, 300


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_spoilt_inputs_end_with_a_result_or_a_reason_in_bounded_time_and_memory(name, tmp_path):
    found = search(name, seed=SEED, runs=RUNS, seconds=30, keep=tmp_path)
    assert not found.harm, found
    assert found.runs


def test_what_once_did_harm_does_none():
    kept = [path for path in sorted(CORPUS.rglob("*")) if path.is_file()]
    assert len(kept) > 10
    assert sum(path.stat().st_size for path in kept) < 100_000
    for path in kept:
        TARGETS[path.parent.name].run(path.read_bytes())


@pytest.mark.slow
def test_harm_is_seen(tmp_path):
    """A stack overflow in C, which the loader is kept from, ends a process; so does too much time or memory."""
    (tmp_path / "deep.py").write_text("import yaml, sys; yaml.load('[' * 100_000, Loader=yaml.CSafeLoader)")
    assert subprocess.run([sys.executable, tmp_path / "deep.py"], capture_output=True).returncode < 0
    assert not does_harm("config", b"[" * 100_000)


@pytest.mark.slow
def test_one_command_searches_for_as_long_as_it_is_told():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--minutes", "0.05", "--seed", "1", "list"], cwd=HOME, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "inputs in" in done.stdout


# -- images of few bytes that take long ----------------------------------------------------------------


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def test_a_jpeg_of_thousands_of_scans_is_not_decoded(picture):
    data = picture("JPEG", size=(2000, 2000), progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    assert measure(data[:-2] + last * 3 + data[-2:])["progressive"]
    with pytest.raises(BadImage, match="more than 200 scans"):
        measure(data[:-2] + last * 200 + data[-2:])


def test_a_png_of_a_hundred_thousand_chunks_is_not_opened(picture):
    data = picture("PNG")
    assert measure(data[:33] + chunk(b"tEXt", b"k\0v") * 1000 + data[33:])["format"] == "PNG"
    with pytest.raises(BadImage, match="more than 100,000 chunks"):
        measure(data[:33] + chunk(b"prVt") * 100_000 + data[33:])


@pytest.mark.parametrize("order", "<>")
def test_a_tiff_of_thousands_of_pages_is_not_looked_through(order):
    def pages(count: int, at: int = 9) -> bytes:
        tags = [
            (256, 3, 1),
            (257, 3, 1),
            (258, 3, 8),
            (259, 3, 1),
            (262, 3, 1),
            (273, 4, 8),
            (277, 3, 1),
            (278, 3, 1),
            (279, 4, 1),
        ]
        entries = b"".join(
            struct.pack(f"{order}HHL", tag, kind, 1) + (struct.pack(f"{order}H2x" if kind == 3 else f"{order}L", value))
            for tag, kind, value in tags
        )
        size = 2 + len(entries) + 4
        made = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}L", at) + b"\x80"
        for number in range(count):
            after = at + (number + 1) * size if number + 1 < count else 0
            made += struct.pack(f"{order}H", len(tags)) + entries + struct.pack(f"{order}L", after)
        return made

    assert measure(pages(100))["frames"] == 100
    with pytest.raises(BadImage, match="more than 5,000 pages"):
        measure(pages(5001))


@pytest.mark.slow
def test_the_largest_picture_fits_into_the_memory_of_a_job(tmp_path):
    """100 million pixels of 32 bits in 3 MB; an `adopt_shard` is given 2,000 MB."""
    script = (
        "import io, resource, sys; from PIL import Image; from touchstone.images import measure; data = io.BytesIO();"
        "Image.new('F', (10_000, 10_000)).save(data, 'TIFF', compression='tiff_lzw'); print(len(data.getvalue()));"
        "measure(data.getvalue()); print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(HOME / "workflow/scripts")}, capture_output=True, timeout=300
    )
    n_bytes, peak = map(int, done.stdout.split())
    assert n_bytes < 10_000_000
    assert peak * 1024 < 2_000_000_000


# -- archives ------------------------------------------------------------------------------------------


def test_many_attributes_of_a_tar_are_read_in_one_pass(tmp_path):
    """A megabyte of them took seconds when each cut the rest anew."""
    body = b"6 a=b\n" * 170_000
    head = tarfile.TarInfo("x")
    head.type, head.size = tarfile.XHDTYPE, len(body)
    path = tmp_path / "a.tar"
    path.write_bytes(
        (head.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512)) * 20 + tarfile.TarInfo("y.png").tobuf() + bytes(1024)
    )
    script = f"from touchstone.containers import open_container; print(*open_container({str(path)!r}).members())"
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(HOME / "workflow/scripts")}, capture_output=True, timeout=30
    )
    assert done.stdout == b"y.png\n"


def test_a_sparse_file_in_a_tar_is_no_member(tmp_path):
    path = tmp_path / "a.tar"
    sparse = tarfile.TarInfo("hole.png")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(10**12)}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as file:
        file.addfile(sparse)
        file.addfile(tarfile.TarInfo("y.png"))
    assert list(open_container(path).members()) == ["y.png"]
