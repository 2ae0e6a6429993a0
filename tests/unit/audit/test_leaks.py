"""audit/leaks.py: planted copies across splits and in foreign lists are counted exactly."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps
from skimage import data
from tests.manifests import rows_alike, write_manifest

from touchstone.audit.leaks import search_leaks
from touchstone.errors import TouchstoneError
from touchstone.files import read_json
from touchstone.images import measure


def measured(tmp_path, progress, rows: list[dict], against: tuple = (), bits: int = 3) -> dict:
    out = tmp_path / "leaks.json"
    manifest = write_manifest(tmp_path / "manifest.parquet", rows)
    search_leaks(manifest=manifest, bits=bits, against=[str(path) for path in against], out=str(out), progress=progress)
    return read_json(out)


def by_split(rows: list[dict], count: int) -> tuple[list[dict], list[dict]]:
    return [[row for row in rows if row["split"] == split][:count] for split in ("train", "test")]


def test_nothing_is_found_where_nothing_is(tmp_path, progress):
    found = measured(tmp_path, progress, rows_alike(2000))
    assert [found[key]["images"] for key in ("same_pixels", "near", "mirrored")] == [0, 0, 0]
    assert found["torn_groups"] == 0


def test_the_same_pixels_in_two_splits_are_counted(tmp_path, progress):
    rows = rows_alike(1000)
    for one, other in zip(*by_split(rows, 30), strict=True):
        other["pixel_sha256"] = one["pixel_sha256"]
    found = measured(tmp_path, progress, rows)
    assert found["same_pixels"]["images"] == 60
    assert len(found["same_pixels"]["examples"]) == 20


def test_copies_within_a_split_are_no_leak(tmp_path, progress):
    rows = rows_alike(1000)
    train, _ = by_split(rows, 40)
    for one, other in zip(train[::2], train[1::2], strict=True):
        other |= {"pixel_sha256": one["pixel_sha256"], "phash": one["phash"]}
    found = measured(tmp_path, progress, rows)
    assert (found["same_pixels"]["images"], found["near"]["images"]) == (0, 0)


def test_near_duplicates_in_two_splits_are_counted(tmp_path, progress):
    rows = rows_alike(1000)
    for number, (one, other) in enumerate(zip(*by_split(rows, 30), strict=True)):
        other["phash"] = f"{int(one['phash'], 16) ^ (1 << number) ^ (1 << 60):016x}"
    assert measured(tmp_path, progress, rows, bits=3)["near"]["images"] == 60
    assert measured(tmp_path, progress, rows, bits=1)["near"]["images"] == 0


def test_torn_groups_are_counted(tmp_path, progress):
    rows = rows_alike(500)
    for one, other in zip(*by_split(rows, 7), strict=True):
        other["group"] = one["group"]
    assert measured(tmp_path, progress, rows)["torn_groups"] == 7


def encoded(image: Image.Image, **options: object) -> dict:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return measure(buffer.getvalue())


def test_mirrored_and_recompressed_photographs_are_found(tmp_path, progress):
    whole = [Image.fromarray(pixels) for pixels in (data.astronaut(), data.chelsea(), data.coffee())]
    corners = [(0, 0), (0.4, 0), (0, 0.4), (0.4, 0.4)]
    pictures = [
        image.crop((int(x * image.width), int(y * image.height), int((x + 0.6) * image.width), int((y + 0.6) * image.height)))
        for image in whole
        for x, y in corners
    ]
    train = [encoded(picture, quality=95) for picture in pictures]
    rows = rows_alike(24)
    for row, facts in zip(rows, train, strict=False):
        row |= {key: facts[key] for key in ("sha256", "pixel_sha256", "phash", "luma_std")} | {"split": "train"}

    def found(change) -> dict:
        for row, picture in zip(rows[12:], pictures, strict=True):
            facts = encoded(change(picture), quality=60)
            row |= {key: facts[key] for key in ("sha256", "pixel_sha256", "phash", "luma_std")} | {"split": "test"}
        return measured(tmp_path, progress, rows, bits=7)

    assert found(lambda picture: picture.resize((picture.width // 2, picture.height // 2)))["near"]["images"] >= 22
    assert found(ImageOps.mirror)["mirrored"]["images"] >= 16


def test_a_foreign_list_is_matched_by_every_column(tmp_path, progress):
    rows = rows_alike(400)
    near = f"{int(rows[5]['phash'], 16) ^ 0b101:016x}"
    pq.write_table(pa.table({"pixel_sha256": [rows[7]["pixel_sha256"]], "phash": [near]}), tmp_path / "theirs.parquet")
    (tmp_path / "theirs.csv").write_text(f"sha256,note\n{rows[1]['sha256']},x\n{'0' * 64},y\n", encoding="utf-8")
    (tmp_path / "theirs.txt").write_text(f"{rows[2]['id']}\nnobody/1\n{rows[3]['id']}\n", encoding="utf-8")
    lists = [tmp_path / name for name in ("theirs.parquet", "theirs.csv", "theirs.txt")]
    found = measured(tmp_path, progress, rows, lists)["against"]
    assert found[str(lists[0])]["matched"] == {"pixel_sha256": 1, "phash": 1}
    assert found[str(lists[0])]["images"] == 2
    assert found[str(lists[1])] == {"rows": 2, "matched": {"sha256": 1}, "images": 1, "examples": [rows[1]["id"]]}
    assert found[str(lists[2])]["examples"] == [rows[2]["id"], rows[3]["id"]]


def test_all_of_ours_with_the_hash_of_a_listed_one_are_found(tmp_path, progress):
    rows = rows_alike(100)
    for row in rows[:5]:
        row["phash"] = rows[0]["phash"]
    pq.write_table(pa.table({"phash": [f"{int(rows[0]['phash'], 16) ^ 1:016x}"]}), tmp_path / "theirs.parquet")
    found = measured(tmp_path, progress, rows, [tmp_path / "theirs.parquet"])
    assert found["against"][str(tmp_path / "theirs.parquet")]["images"] == 5


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("gone.csv", None, "cannot be read"),
        ("odd.csv", "url\nx\n", "none of the columns"),
        ("broken.parquet", "no", "cannot be read"),
    ],
)
def test_a_list_that_says_nothing_is_refused(tmp_path, progress, name, text, said):
    path = tmp_path / name
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(TouchstoneError, match=said) as error:
        measured(tmp_path, progress, rows_alike(10), [path])
    assert name in str(error.value.where)
