"""painting/: what is drawn for an image, what is painted together, and how pixels become bytes. No pipeline here."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, JpegImagePlugin
from tests.pictures import encode as encoded

from touchstone.chains import decode
from touchstone.files import write_json
from touchstone.images import BadImage
from touchstone.painting import MODES, mode_of
from touchstone.painting.batches import cut, sizes_of
from touchstone.painting.encoding import encode
from touchstone.painting.inpainting import finish, mask_of
from touchstone.painting.reals import Real, Reals, as_sent, canvas_of
from touchstone.painting.seeds import between, chance, chosen

IDS = [f"mine/{number}" for number in range(3000)]


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


# -- draws -------------------------------------------------------------------------------------------


def test_a_mix_is_drawn_by_the_id_and_as_often_as_its_shares_say():
    mix = [{"size": [64, 64], "share": 3}, {"size": [96, 64]}]
    rows = [{"id": item} for item in IDS]
    recipe = {"size": mix, "seed": 1}
    sizes = sizes_of(rows, recipe, None)
    assert set(sizes) == {(64, 64), (96, 64)}
    assert 0.7 < sizes.count((64, 64)) / len(sizes) < 0.8
    assert sizes_of(rows[::-1], recipe, None) == sizes[::-1]
    assert sizes_of(rows, recipe | {"seed": 2}, None) != sizes
    assert sizes_of(rows[:3], {"size": [64, 96], "seed": 1}, None) == [(64, 96)] * 3


def test_numbers_stay_in_their_range_and_options_without_chance_are_not_drawn():
    values = [between(5, 7, item) for item in IDS]
    assert 5 <= min(values) < 5.1
    assert 6.9 < max(values) < 7
    assert all(0 <= chance(item) < 1 for item in IDS)
    assert {chosen([{"name": "a", "share": 1}, {"name": "b", "share": 0}], item)["name"] for item in IDS} == {"a"}


def test_a_batch_holds_one_size_and_every_row_is_in_one():
    sizes = [(64, 64), (32, 64), (64, 64), (64, 64), (32, 64)]
    assert cut(range(5), sizes, 2) == [[0, 2], [3], [1, 4]]
    assert cut([4, 3], sizes, 2) == [[4], [3]]
    assert cut([], sizes, 2) == []


# -- bytes -------------------------------------------------------------------------------------------


@pytest.fixture
def pixels() -> np.ndarray:
    row = np.linspace(0, 255, 40, dtype=np.uint8)
    return np.stack([np.tile(row, (24, 1)), np.tile(row[::-1], (24, 1)), np.full((24, 40), 90, np.uint8)], axis=2)


@pytest.mark.parametrize(
    ("wanted", "name"), [("png", "PNG"), ("webp_lossless", "WEBP"), ("bmp", "BMP"), ("tiff", "TIFF"), (None, "PNG")]
)
def test_lossless_formats_keep_every_pixel(pixels, wanted, name):
    image = opened(encode(pixels, {"format": wanted} if wanted else {}, "x", None))
    assert image.format == name
    assert np.array_equal(np.asarray(image.convert("RGB")), pixels)


def test_a_jpeg_has_the_quality_and_subsampling_that_the_recipe_says(pixels):
    image = opened(encode(pixels, {"format": "jpeg", "quality": 71, "subsampling": "4:4:4"}, "x", None))
    same = io.BytesIO()
    Image.fromarray(pixels).save(same, "JPEG", quality=71)
    assert image.quantization == opened(same.getvalue()).quantization
    assert JpegImagePlugin.get_sampling(image) == 0


def test_formats_and_qualities_are_drawn_by_the_id(pixels):
    recipe = {"seed": 1, "format": [{"format": "jpeg", "quality": [70, 90], "share": 3}, {"format": "gif"}]}
    images = {item: opened(encode(pixels, recipe, item, None)) for item in IDS[:200]}
    formats = [image.format for image in images.values()]
    assert 120 < formats.count("JPEG") < 180
    assert set(formats) == {"JPEG", "GIF"}
    assert len({str(image.quantization) for image in images.values() if image.format == "JPEG"}) > 15
    assert all(encode(pixels, recipe, item, None) == encode(pixels, recipe, item, None) for item in IDS[:5])


@pytest.mark.parametrize("options", [{"quality": 37}, {"quality": 88, "subsampling": 0}, {"quality": 75, "progressive": True}])
def test_the_encoding_of_a_real_jpeg_is_copied(pixels, picture, options):
    real = opened(picture("JPEG", **options))
    made = opened(encode(pixels, {"format": "real"}, "x", real))
    assert made.quantization == real.quantization
    assert JpegImagePlugin.get_sampling(made) == JpegImagePlugin.get_sampling(real)
    assert bool(made.info.get("progressive")) == bool(options.get("progressive"))


def test_a_grey_real_image_makes_a_grey_one_and_other_formats_a_png(pixels, picture):
    assert opened(encode(pixels, {"format": "real"}, "x", opened(picture("JPEG", mode="L")))).mode == "L"
    made = opened(encode(pixels, {"format": "real"}, "x", opened(picture("WEBP"))))
    assert (made.format, made.mode) == ("PNG", "RGB")


# -- real images -------------------------------------------------------------------------------------


def test_a_real_image_lies_in_the_corner_of_its_canvas_and_is_made_smaller_only_to_fit(tmp_path, picture):
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("small.png", picture("PNG", size=(100, 70)))
        archive.writestr("large.png", picture("PNG", size=(400, 100)))
        archive.writestr("broken.png", b"\x89PNG and no more")
    write_json(tmp_path / "photos.json", {"files": [{"name": "p.zip", "path": str(tmp_path / "p.zip")}]})
    recipe = {"mode": "reconstruction", "size": "real", "max_side": 200}
    rows = [{"id": name, "source_file": "p.zip", "source_member": f"{name}.png"} for name in ("small", "large", "broken", "gone")]
    sizes = sizes_of(rows, recipe, str(tmp_path / "photos.json"))
    assert sizes == [(128, 128), (256, 64), (64, 64), (64, 64)]
    reals = Reals(str(tmp_path / "photos.json"), recipe)
    small, large, broken, gone = (next(reals.read([row], size)) for row, size in zip(rows, sizes, strict=True))
    assert (small.size, large.size) == ((100, 70), (200, 50))
    assert (small.image.size, large.image.size) == ((128, 128), (256, 64))
    own = np.asarray(opened(picture("PNG", size=(100, 70))))
    shown = np.asarray(small.image)
    assert np.array_equal(shown[:70, :100], own)
    assert (shown[:70, 100:] == own[:, -1:]).all()
    assert (shown[70:] == shown[69]).all()
    assert all(isinstance(each, BadImage) and each.reason == "unusable_source" for each in (broken, gone))
    assert canvas_of((64, 65), recipe) == (64, 128)


def zipped(folder: Path, data: bytes) -> tuple[str, dict]:
    """The receipt of a zip that holds this image, and its row."""
    with zipfile.ZipFile(folder / "p.zip", "w") as archive:
        archive.writestr("photo", data)
    write_json(folder / "photos.json", {"files": [{"name": "p.zip", "path": str(folder / "p.zip")}]})
    return str(folder / "photos.json"), {"id": "x", "source_file": "p.zip", "source_member": "photo"}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_a_photograph_that_was_taken_on_its_side_is_painted_upright(tmp_path, picture, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = picture(kind, size=(200, 70), exif=exif)
    receipt, row = zipped(tmp_path, data)
    recipe = {"mode": "reconstruction", "size": "real"}
    assert sizes_of([row], recipe, receipt) == [(128, 256)]
    (real,) = Reals(receipt, recipe).read([row], (128, 256))
    assert real.size == (70, 200)
    assert np.array_equal(np.asarray(real.image)[:200, :70], np.asarray(decode(data)))
    name, sent = as_sent(data, None)
    assert (name, opened(sent).size) == ("image.png", (70, 200))


def test_what_is_transparent_is_painted_on_white(tmp_path):
    receipt, row = zipped(tmp_path, encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "PNG"))
    (real,) = Reals(receipt, {"mode": "image_to_image", "size": [64, 64]}).read([row], (64, 64))
    assert (np.asarray(real.image) == 255).all()


# -- modes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["box", "ellipse"])
def test_masks_have_the_area_that_was_asked_for_and_stay_inside_the_image(kind):
    recipe = {"seed": 1, "mask": {"kind": kind, "area": [0.2, 0.3]}}
    masks = [np.asarray(mask_of(item, (300, 200), (320, 256), recipe)) for item in IDS[:60]]
    areas = [(mask > 0).sum() / (300 * 200) for mask in masks]
    assert min(areas) > 0.17
    assert max(areas) < 0.33
    assert not any(mask[200:].any() or mask[:, 300:].any() for mask in masks)
    assert len({mask.tobytes() for mask in masks}) == 60


def test_pasted_real_pixels_stand_everywhere_but_under_the_mask():
    real = Real(Image.new("RGB", (64, 64), (9, 9, 9)), (60, 50), None)
    painted = np.full((50, 60, 3), 200, np.uint8)
    recipe = {"seed": 1, "mask": {"paste": True}}
    mask = np.asarray(mask_of("x", (60, 50), (60, 50), recipe)) > 0
    made = finish(painted, {"id": "x"}, real, recipe)
    assert (made[mask] == 200).all()
    assert (made[~mask] == 9).all()
    assert finish(painted, {"id": "x"}, real, {"seed": 1}) is painted


def test_every_mode_says_what_it_takes():
    for name in MODES:
        mode = mode_of({"mode": name})
        assert {"CONDITIONING", "TEXT", "REAL", "PIPELINE", "inputs"} <= set(vars(mode)), name
