"""The contact sheets: the right pictures in the right places, whatever mode they have."""

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.finished import make_dataset, manifest_row, manifest_schema, picture, record

from touchstone.contact_sheets import CELL, CHECKER, COLUMNS, GAP, GROUND, LABEL, MARGIN, contact_sheets, thumbnail
from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.record import PACKED, hub_schema, table_of
from touchstone.shards import shard_writer

PARTS = {
    "photos-real": ("photos", ""),
    "painter-painter_1.5": ("painter", "Painter 1.5"),
    "painter-painter_xl": ("painter", "Painter XL"),
}


def drawn(folder, per_generator: int = 3) -> dict[str, Image.Image]:
    """The sheets by name."""
    contact_sheets(
        manifest=str(folder / "manifest.parquet"),
        folder=str(folder),
        sheets=str(folder / "sheets"),
        thumbnails=str(folder / "thumbnails.parquet"),
        per_generator=per_generator,
        progress=Progress("publish"),
    )
    return {path.stem: Image.open(path) for path in (folder / "sheets").glob("*.png")}


def cell(sheet: Image.Image, number: int) -> Image.Image:
    left, top = MARGIN + LABEL + number % COLUMNS * (CELL + GAP), MARGIN + number // COLUMNS * (CELL + GAP)
    return sheet.crop((left, top, left + CELL, top + CELL))


def on_ground(data: bytes) -> Image.Image:
    """A cell that shows an image as a sheet does: in the middle of the ground."""
    small = thumbnail(data, CELL)
    expected = Image.new("RGB", (CELL, CELL), GROUND)
    expected.paste(small, ((CELL - small.width) // 2, (CELL - small.height) // 2))
    return expected


def lowest(rows: list[dict], part: tuple[str, str], count: int) -> list[dict]:
    return sorted((row for row in rows if (row["origin"], row["generator"]) == part), key=lambda row: row["sha256"])[:count]


def test_each_part_has_a_sheet_of_the_lowest_hashes(tmp_path):
    made = make_dataset(tmp_path)
    sheets = drawn(tmp_path, per_generator=8)
    assert set(sheets) == set(PARTS)
    for name, part in PARTS.items():
        rows = lowest(made["rows"], part, 8)
        assert sheets[name].format == "PNG"
        across, down = min(len(rows), COLUMNS), -(-len(rows) // COLUMNS)
        assert sheets[name].size == (2 * MARGIN + LABEL + across * (CELL + GAP) - GAP, 2 * MARGIN + down * (CELL + GAP) - GAP)
        for number, row in enumerate(rows):
            data = pq.read_table(tmp_path / row["file"])["image"][row["row"]]["bytes"].as_py()
            assert cell(sheets[name], number).tobytes() == on_ground(data).tobytes()


def test_thumbnails_are_the_same_pictures_reals_first(tmp_path):
    made = make_dataset(tmp_path)
    drawn(tmp_path)
    rows = pq.read_table(tmp_path / "thumbnails.parquet").to_pylist()
    assert [row["id"] for row in rows] == [row["id"] for part in PARTS.values() for row in lowest(made["rows"], part, 3)]
    for row in rows:
        assert max(Image.open(io.BytesIO(row["webp"])).size) <= CELL


def test_a_photograph_taken_on_its_side_is_shown_upright():
    stored = Image.new("RGB", (60, 20), "red")
    stored.paste("blue", (0, 0, 30, 20))  # the left half, which orientation 6 turns to the top
    exif = Image.Exif()
    exif[0x0112] = 6
    file = io.BytesIO()
    stored.save(file, "JPEG", exif=exif, quality=95)
    shown = thumbnail(file.getvalue(), 60)
    assert shown.size == (20, 60)
    assert shown.getpixel((10, 5))[2] > 200 and shown.getpixel((10, 55))[0] > 200


def test_every_sheet_is_labelled(tmp_path):
    make_dataset(tmp_path)
    for sheet in drawn(tmp_path).values():
        label = np.asarray(sheet)[MARGIN : MARGIN + CELL, MARGIN : MARGIN + LABEL]
        assert (label[:, 24:-GAP] != GROUND).any(axis=2).sum() > 500
        assert (label[:, -GAP:] == GROUND).all()


def test_the_same_dataset_gives_the_same_bytes(tmp_path):
    make_dataset(tmp_path)

    def made() -> dict:
        drawn(tmp_path)
        return {path.name: path.read_bytes() for path in [*(tmp_path / "sheets").iterdir(), tmp_path / "thumbnails.parquet"]}

    first = made()
    table = pq.read_table(tmp_path / "manifest.parquet")
    pq.write_table(table.take(list(reversed(range(len(table))))), tmp_path / "manifest.parquet")
    assert made() == first


def test_only_needed_row_groups_are_read(tmp_path):
    packed = [record(number, "painter", "Painter XL") for number in range(250)]
    with shard_writer(tmp_path / "data/train/painter-xl-00000.parquet", hub_schema()) as writer:
        writer.append(table_of(packed, PACKED))
    places = [{"split": "train", "file": "data/train/painter-xl-00000.parquet", "row": row} for row in range(250)]
    rows = [manifest_row(row) | place for row, place in zip(packed, places, strict=True)]
    pq.write_table(table_of(rows, manifest_schema()), tmp_path / "manifest.parquet")
    whole = drawn(tmp_path, per_generator=1)["painter-xl"].tobytes()

    chosen = min(rows, key=lambda row: row["sha256"])["row"]
    metadata = pq.read_metadata(tmp_path / "data/train/painter-xl-00000.parquet")
    assert metadata.num_row_groups == 3
    with open(tmp_path / "data/train/painter-xl-00000.parquet", "r+b") as file:
        for group in {0, 1, 2} - {chosen // 100}:
            chunk = metadata.row_group(group).column(0)
            file.seek(chunk.data_page_offset)
            file.write(bytes(chunk.total_compressed_size))
    assert drawn(tmp_path, per_generator=1)["painter-xl"].tobytes() == whole


def test_a_missing_shard_is_named(tmp_path):
    made = make_dataset(tmp_path)
    (tmp_path / made["rows"][0]["file"]).unlink()
    with pytest.raises(TouchstoneError, match=made["rows"][0]["file"]):
        drawn(tmp_path)


def encoded(image: Image.Image, encoding: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, encoding, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("mode", "encoding"),
    [
        ("1", "PNG"),
        ("L", "JPEG"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("CMYK", "JPEG"),
        ("LAB", "TIFF"),
        ("RGBA", "WEBP"),
        ("I", "TIFF"),
    ],
)
def test_every_mode_is_shown(mode, encoding):
    source = Image.open(io.BytesIO(picture(3, "PNG", (300, 200))))
    small = thumbnail(
        encoded(source.convert(mode) if mode != "LAB" else Image.new("LAB", (300, 200), (150, 20, 20)), encoding), CELL
    )
    assert (small.mode, small.size) == ("RGB", (CELL, CELL * 2 // 3))
    assert np.asarray(small).any()


def test_sixteen_bits_are_scaled_not_clipped():
    grey = Image.fromarray(np.full((10, 10), 32768, dtype=np.uint16))
    assert thumbnail(encoded(grey, "PNG"), 10).getpixel((5, 5)) == (127, 127, 127)


def test_numbers_that_are_not_finite_are_shown():
    values = np.array([[0, 0.5], [1, np.nan]], dtype=np.float32)
    small = np.asarray(thumbnail(encoded(Image.fromarray(values), "TIFF"), 2))
    assert small[..., 0].tolist() == [[0, 127], [255, 0]]


def test_transparency_is_a_checker():
    clear = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
    assert {colour for _, colour in thumbnail(encoded(clear, "PNG"), CELL).getcolors()} == set(CHECKER)


def test_small_images_keep_their_pixels():
    source = Image.open(io.BytesIO(picture(5, "PNG", (40, 50))))
    assert thumbnail(encoded(source, "PNG"), 100).tobytes() == source.resize((80, 100), Image.Resampling.NEAREST).tobytes()


@pytest.mark.parametrize("size", [(3000, 1), (1, 3000), (1, 1)])
def test_odd_shapes_fit(size):
    small = thumbnail(encoded(Image.new("RGB", size, (9, 9, 9)), "PNG"), CELL)
    assert max(small.size) == CELL
    assert min(small.size) >= 1
