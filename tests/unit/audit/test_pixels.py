"""audit/pixels.py: encoding and resampling leave traces that are measured; a planted mark is counted."""

import io

import numpy as np
import pytest
from PIL import Image
from skimage import data
from tests.manifests import rows_alike, write_manifest

from touchstone.audit.pixels import probe_pixels, traces
from touchstone.files import read_json
from touchstone.images import measure
from touchstone.record import PACKED, hub_schema, table_of
from touchstone.shards import shard_writer

PHOTOGRAPH = Image.fromarray(data.astronaut())


def crop(number: int, side: int = 128) -> Image.Image:
    """A piece of a photograph that no other number gives."""
    x, y = 13 * number % (512 - side), 29 * number % (512 - side)
    return PHOTOGRAPH.crop((x, y, x + side, y + side))


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def measured(tmp_path, progress, make, count: int = 80, per_part: int = 40) -> dict:
    """What the audit finds in a dataset whose picture of a row is ``make(row, number)``, encoded."""
    rows = rows_alike(count, generators=("Painter",))
    for split in ("train", "test"):
        mine = [row for row in rows if row["split"] == split]
        for place, row in enumerate(mine):
            data = make(row, rows.index(row))
            row |= {"file": f"data/{split}/all.parquet", "row": place} | measure(data) | {"image": {"bytes": data, "path": "x"}}
        with shard_writer(tmp_path / "data" / split / "all.parquet", hub_schema()) as writer:
            writer.append(table_of([{key: row[key] for key in row if key in PACKED.names} for row in mine], PACKED))
    manifest = write_manifest(tmp_path / "manifest.parquet", [{key: row[key] for key in row if key != "image"} for row in rows])
    out = tmp_path / "pixels.json"
    probe_pixels(manifest=manifest, folder=str(tmp_path), per_part=per_part, seed=1, out=str(out), progress=progress)
    return read_json(out)


def test_pictures_alike_are_not_told_apart(tmp_path, progress):
    found = measured(tmp_path, progress, lambda row, number: encoded(crop(number)))
    assert found["sampled"] == 80
    assert found["overall"]["low"] < 0.6


def test_fakes_that_were_compressed_are_told_apart(tmp_path, progress):
    def make(row: dict, number: int) -> bytes:
        once = encoded(crop(number), "JPEG", quality=50)
        return encoded(Image.open(io.BytesIO(once))) if row["label"] else encoded(crop(number))

    assert measured(tmp_path, progress, make)["generators"]["Painter"]["low"] > 0.7


def test_a_sample_is_of_each_part_and_the_same_again(tmp_path, progress):
    one = measured(tmp_path, progress, lambda row, number: encoded(crop(number, 64)), count=120, per_part=25)
    assert one["sampled"] == 50
    assert {name: entry["looked_at"] for name, entry in one["watermarks"].items()} == {"real": 25, "Painter": 25}
    assert measured(tmp_path, progress, lambda row, number: encoded(crop(number, 64)), count=120, per_part=25) == one


def test_the_grid_of_a_strong_compression_is_seen():
    plain = traces(np.asarray(crop(3, 256)))
    once = traces(np.asarray(Image.open(io.BytesIO(encoded(crop(3, 256), "JPEG", quality=30)))))
    assert once[0] > plain[0] + 0.2
    assert once[1] > plain[1] + 0.2


def test_enlarging_leaves_a_trace_in_the_spectrum():
    small = crop(3, 128)
    plain, twice = traces(np.asarray(crop(3, 256))), traces(np.asarray(small.resize((256, 256), Image.Resampling.BICUBIC)))
    assert twice[9] < plain[9] - 1  # the highest ring holds less


@pytest.mark.parametrize("size", [(1, 1), (63, 500), (64, 64), (65, 70)])
def test_any_size_gives_finite_numbers(size):
    found = traces(np.full((*size, 3), 7, np.uint8))
    assert found.shape == (14,)
    assert np.isfinite(found).all()


def test_tables_of_other_encoders_are_told(tmp_path, progress):
    own = {0: [min(3 + 2 * number, 255) for number in range(64)], 1: [min(5 + 2 * number, 255) for number in range(64)]}

    def make(row: dict, number: int) -> bytes:
        return encoded(crop(number), "JPEG", **({"quality": 70 + number % 20} if row["label"] else {"qtables": own}))

    found = measured(tmp_path, progress, make, count=20)["tables"]
    assert found == {"real": {"standard": 0, "own": 10, "no JPEG": 0}, "Painter": {"standard": 10, "own": 0, "no JPEG": 0}}
