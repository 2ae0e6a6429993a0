"""images.py: facts are exact, and no bytes whatever get past it but as facts or as a reason."""

from __future__ import annotations

import csv
import io
import itertools
import struct
import subprocess
import sys
import time
import zlib
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.pictures import drawing, encode

import touchstone
from touchstone.demo.photos import COLLECTIONS
from touchstone.images import FORMATS, BadImage, jpeg_quality, measure
from touchstone.record import FACTS, REASONS
from touchstone.upright import TURNS

SCRIPTS = Path(touchstone.__file__).parents[1]


def verdict(data: bytes) -> str:
    """``ok`` or the reason; anything but facts or a BadImage fails the test."""
    try:
        facts = measure(data, max_pixels=1_000_000)
    except BadImage as error:
        assert error.reason in REASONS
        return error.reason
    assert set(facts) == set(FACTS.names)
    return "ok"


def test_facts_of_real_pictures_equal_the_list(shared_data):
    with open(shared_data / "images.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        facts = measure((shared_data / "images" / row["file"]).read_bytes())
        found = {
            key: str(facts[fact])
            for key, fact in {
                "format": "format",
                "width": "width",
                "height": "height",
                "mode": "mode",
                "bytes": "n_bytes",
                "sha256": "sha256",
            }.items()
        }
        assert found == {key: row[key] for key in found}, row["file"]


@pytest.mark.parametrize("sampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_jpeg_quality_and_chroma_are_those_saved_with(sampling):
    image = drawing((32, 32))
    for quality in range(1, 101):
        facts = measure(encode(image, "JPEG", quality=quality, subsampling=sampling))
        assert (facts["jpeg_quality"], facts["chroma_subsampling"]) == (quality, sampling)


def test_jpeg_quality_of_grey_and_of_no_tables(picture):
    facts = measure(picture("JPEG", mode="L", quality=61))
    assert (facts["mode"], facts["jpeg_quality"]) == ("L", 61)
    assert jpeg_quality({}) is None


def test_jpeg_quality_reads_the_lowest_numbered_table():
    tables = Image.open(io.BytesIO(encode(drawing(), "JPEG", quality=83))).quantization
    assert jpeg_quality({2: tables[0], 3: tables[1]}) == 83


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_only_jpeg_has_quality_and_chroma(picture, kind):
    facts = measure(picture(kind))
    assert (facts["format"], facts["jpeg_quality"], facts["chroma_subsampling"]) == (kind, None, None)


def test_progressive_and_interlaced(picture):
    assert measure(picture("JPEG", progressive=True))["progressive"] is True
    assert measure(picture("JPEG"))["progressive"] is False
    assert measure(picture("PNG"))["progressive"] is False


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_and_colour_profile_are_seen(picture, kind):
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[271] = "Maker"
    plain, both = measure(picture(kind)), measure(picture(kind, exif=exif, icc_profile=profile))
    assert (plain["has_exif"], plain["has_icc"]) == (False, False)
    assert (both["has_exif"], both["has_icc"]) == (True, True)


def test_exif_behind_the_pixels_of_a_png_is_seen(picture):
    exif = Image.Exif()
    exif[271] = "Maker"
    data = picture("PNG")
    assert measure(data[:-12] + _chunk(b"eXIf", exif.tobytes()[6:]) + data[-12:])["has_exif"] is True


def test_an_exif_directory_in_a_tiff_is_seen(picture):
    assert measure(picture("TIFF"))["has_exif"] is False
    assert measure(picture("TIFF", tiffinfo={34665: {36867: "2020:01:01 00:00:00"}}))["has_exif"] is True


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_clipped(kind):
    levels = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    deep = measure(encode(Image.fromarray(levels), kind))
    flat = measure(encode(Image.fromarray((levels / 257).round().astype(np.uint8)), "PNG"))
    assert (deep["bit_depth"], deep["mode"]) == (16, "I;16")
    assert deep["luma_std"] == pytest.approx(flat["luma_std"], abs=0.5)
    assert deep["phash"] == flat["phash"]


def test_sixteen_bit_colour_png_is_told_by_its_header():
    rows = b"".join(b"\0" + bytes(range(12)) for _ in range(2))  # 2 x 2 pixels of 3 x 16 bits
    facts = measure(_png(2, 2, depth=16, colour=2, pixels=rows))
    assert facts["bit_depth"] == 16


def test_floating_point_pixels_are_not_blank():
    ramp = np.tile(np.linspace(0, 1, 64, dtype=np.float32), (64, 1))
    assert measure(encode(Image.fromarray(ramp), "TIFF"))["luma_std"] > 50
    assert measure(encode(Image.fromarray(ramp * np.nan), "TIFF"))["luma_std"] == 0
    assert measure(encode(Image.fromarray(np.full_like(ramp, 0.5)), "TIFF"))["luma_std"] == 0


def test_every_mode_that_pillow_can_save_is_measured():
    seen = set()
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LAB", "YCbCr"):
        for kind in FORMATS:
            try:
                data = encode(Image.new(mode, (16, 16)), kind)
            except (OSError, ValueError):
                continue  # a mode this format does not have
            facts = measure(data)
            assert facts["format"] == kind
            assert facts["luma_std"] < 1  # YCbCr (0, 0, 0) is no colour, and lossy formats make a ripple of it
            seen.add(facts["mode"])
    assert {"1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F", "LAB", "YCbCr"} <= seen


def test_transparency_of_a_palette_tells_images_apart(picture):
    image = drawing(mode="P")
    clear, solid = encode(image, "PNG", transparency=7), encode(image, "PNG")
    assert measure(clear)["mode"] == "P"
    assert measure(clear)["pixel_sha256"] != measure(solid)["pixel_sha256"]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_frames_are_counted_and_facts_are_of_the_first(kind):
    frames = [drawing(seed=number) for number in range(3)]
    options = {"lossless": True} if kind == "WEBP" else {}
    facts = measure(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert facts["frames"] == 3
    single = measure(encode(frames[0], kind, **options))
    assert single["frames"] == 1
    assert _bits_between(facts, single) <= 3


def test_same_pixels_have_one_hash_in_png_webp_bmp_and_tiff():
    image = drawing()
    encodings = [("PNG", {}), ("WEBP", {"lossless": True}), ("BMP", {}), ("TIFF", {}), ("PNG", {"compress_level": 0})]
    assert len({measure(encode(image, kind, **options))["pixel_sha256"] for kind, options in encodings}) == 1
    assert len({measure(encode(image, kind, **options))["sha256"] for kind, options in encodings}) == 5


def test_other_modes_and_sizes_of_the_same_values_have_other_hashes():
    grey = Image.new("L", (8, 8), 9)
    variants = [grey, grey.convert("RGB"), grey.convert("RGBA"), grey.resize((4, 16)), grey.resize((16, 4))]
    assert len({measure(encode(image, "PNG"))["pixel_sha256"] for image in variants}) == len(variants)


def test_perceptual_hash_survives_recompression_and_tells_photographs_apart():
    photographs = {
        name: Image.open(resources.files(package) / inside).convert("RGB")
        for name, (package, inside) in COLLECTIONS["photos.zip"].items()
    }
    originals = {name: measure(encode(image, "PNG")) for name, image in photographs.items()}
    for name, image in photographs.items():
        for quality in (90, 50):
            assert _bits_between(originals[name], measure(encode(image, "JPEG", quality=quality))) <= 3, name
        smaller = image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)
        assert _bits_between(originals[name], measure(encode(smaller, "PNG"))) <= 3, name
    for one, other in itertools.combinations(originals, 2):
        assert _bits_between(originals[one], originals[other]) > 7, (one, other)


def test_perceptual_hash_of_real_pictures_survives_recompression(shared_data):
    for path in sorted((shared_data / "images").glob("aeroblade*"))[:4]:
        image = Image.open(path).convert("RGB")
        assert _bits_between(measure(path.read_bytes()), measure(encode(image, "JPEG", quality=75))) <= 3


@pytest.mark.parametrize("side", [17, 512, 1000])
@pytest.mark.parametrize("colour", [(0, 0, 0), (1, 2, 3), (200, 17, 99), (255, 255, 255)])
def test_a_blank_image_has_no_spread_at_all(side, colour):
    assert measure(encode(Image.new("RGB", (side, side), colour), "PNG"))["luma_std"] == 0


def test_spread_of_a_picture_is_that_of_numpy():
    image = drawing()
    expected = np.asarray(image.convert("L"), dtype=np.float64).std()
    assert measure(encode(image, "PNG"))["luma_std"] == pytest.approx(expected)


# -- what is not an image ------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"\0", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7"])
def test_other_files_are_unreadable(data):
    assert verdict(data) == "unreadable"


@pytest.mark.parametrize("kind", ["ICO", "PPM", "TGA", "PDF", "EPS", "ICNS", "JPEG2000", "SGI", "PCX"])
def test_formats_off_the_list_are_unreadable(kind):
    assert verdict(encode(drawing((64, 64)), kind)) == "unreadable"


SMALL = {
    "jpeg": encode(drawing(), "JPEG"),
    "progressive jpeg": encode(drawing(), "JPEG", progressive=True, exif=Image.Exif()),
    "png": encode(drawing(), "PNG"),
    "palette png": encode(drawing(mode="P"), "PNG", transparency=3),
    "apng": encode(drawing(), "PNG", save_all=True, append_images=[drawing(seed=1)]),
    "webp": encode(drawing(), "WEBP"),
    "animated webp": encode(drawing(), "WEBP", save_all=True, append_images=[drawing(seed=1)]),
    "gif": encode(drawing(), "GIF"),
    "animated gif": encode(drawing(), "GIF", save_all=True, append_images=[drawing(seed=1), drawing(seed=2)]),
    "tiff": encode(drawing(), "TIFF"),
    "lzw tiff": encode(drawing(), "TIFF", compression="tiff_lzw"),
    "jpeg tiff": encode(drawing(), "TIFF", compression="jpeg"),
    "bmp": encode(drawing(), "BMP"),
    "avif": encode(drawing(), "AVIF"),
}
ANIMATED = {"apng", "animated webp", "animated gif"}
CUT_IS_NAMED = {"jpeg", "progressive jpeg", "png", "bmp", "gif"}  # others lack a length, or decode in one go


@pytest.mark.parametrize("name", SMALL)
def test_a_picture_cut_short_is_refused_wherever_it_is_cut(name):
    data = SMALL[name]
    within = 0.9 if name not in ANIMATED else 0.3  # of later frames only the headers are read
    for cut in np.linspace(0, len(data) * within, 40, dtype=int):
        assert verdict(data[:cut]) in ("truncated", "unreadable"), cut
    if name in CUT_IS_NAMED:
        assert verdict(data[: len(data) * 2 // 3]) == "truncated"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(SMALL)), changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=8)
)
def test_a_damaged_picture_gives_facts_or_a_reason_in_bounded_time(name, changes):
    data = bytearray(SMALL[name])
    for place, value in changes:
        data[int(place**2 * (len(data) - 1))] = value  # squared: headers are where the harm is
    started = time.monotonic()
    verdict(bytes(data))
    assert time.monotonic() - started < 5


@settings(max_examples=150, deadline=None)
@given(
    head=st.sampled_from([data[:size] for data in SMALL.values() for size in (4, 12, 40)] + [b""]), tail=st.binary(max_size=300)
)
def test_random_bytes_behind_a_true_beginning_give_facts_or_a_reason(head, tail):
    verdict(head + tail)


def test_a_jpeg_whose_table_is_numbered_otherwise_is_still_measured(picture):
    data = bytearray(picture("JPEG", mode="L", quality=70))
    table, frame = data.index(b"\xff\xdb"), data.index(b"\xff\xc0")
    data[table + 4] = 2  # the number of the quantisation table ...
    data[frame + 12] = 2  # ... that the one component uses
    assert measure(bytes(data))["jpeg_quality"] == 70


@pytest.mark.parametrize("name", sorted(ANIMATED))
def test_an_animation_cut_behind_its_first_frame_gives_facts_or_a_reason(name):
    data = SMALL[name]
    for cut in range(len(data) // 3, len(data), 37):
        assert verdict(data[:cut]) in ("ok", "truncated", "unreadable")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_photograph_taken_on_its_side_has_the_size_and_hash_of_the_upright_one(orientation):
    upright = drawing((160, 96), seed=4)
    exif = Image.Exif()
    exif[0x0112] = orientation
    back = {6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}.get(orientation, TURNS[orientation])
    stored = encode(upright.transpose(back), "PNG", exif=exif)
    same = ("width", "height", "phash")
    assert [measure(stored)[name] for name in same] == [measure(encode(upright, "PNG"))[name] for name in same]
    assert measure(encode(upright.transpose(back), "PNG"))["phash"] != measure(stored)["phash"]


# -- limits --------------------------------------------------------------------------------------


def test_too_many_pixels_are_refused_before_anything_is_decoded():
    bomb = _png(60_000, 60_000, pixels=b"")
    started = time.monotonic()
    with pytest.raises(BadImage, match="too_many_pixels"):
        measure(bomb)
    assert time.monotonic() - started < 1


def test_so_are_sides_that_no_picture_has(picture):
    assert measure(picture("PNG", size=(65_535, 3)))["width"] == 65_535
    with pytest.raises(BadImage, match="too_many_pixels"):
        measure(picture("PNG", size=(65_536, 3)))


def test_the_pixel_limit_is_a_limit_not_a_strict_one(picture):
    data = picture("PNG", size=(50, 40))
    assert measure(data, max_pixels=2000)["width"] == 50
    with pytest.raises(BadImage, match="too_many_pixels"):
        measure(data, max_pixels=1999)


def test_too_many_bytes_are_refused(picture):
    data = picture()
    assert measure(data, max_bytes=len(data))["n_bytes"] == len(data)
    with pytest.raises(BadImage, match="too_many_bytes"):
        measure(data, max_bytes=len(data) - 1)


def test_a_compressed_text_inside_a_png_is_not_inflated_without_limit(picture):
    data = picture("PNG")
    text = b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9)
    bomb = data[:33] + _chunk(b"zTXt", text) + data[33:]
    assert verdict(bomb) in ("ok", "unreadable")
    assert _peak_of(bomb) < 100_000_000


def test_without_memory_the_machine_is_blamed_and_not_the_image():
    code = (
        "import io, resource\n"
        "from pathlib import Path\n"
        "from PIL import Image\n"
        "from touchstone.images import measure\n"
        "stream = io.BytesIO()\n"
        "Image.new('RGB', (9000, 9000)).save(stream, 'PNG', compress_level=1)\n"
        "held = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (held + 200_000_000,) * 2)\n"
        "measure(stream.getvalue())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=SCRIPTS)
    assert done.stderr.rstrip().splitlines()[-3].startswith("touchstone.errors.TouchstoneError: there is not enough memory")


def _peak_of(data: bytes) -> int:
    """Bytes that Python and NumPy held at most while ``data`` was measured."""
    import tracemalloc

    tracemalloc.start()
    try:
        verdict(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _bits_between(one: dict, other: dict) -> int:
    return (int(one["phash"], 16) ^ int(other["phash"], 16)).bit_count()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(width: int, height: int, pixels: bytes, depth: int = 8, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(pixels)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)
