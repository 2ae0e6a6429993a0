"""containers/rows.py: images in cells of Parquet files and saved datasets, by row and column."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.archives import parquet, saved_dataset

from touchstone.containers import ArrowRows, Folder, open_container
from touchstone.errors import TouchstoneError
from touchstone.files import bytes_read
from touchstone.images import MAX_BYTES, BadImage

IMAGES = [b"picture %d" % number * 50 for number in range(8)]
WITH_NULL = [*IMAGES[:3], None, *IMAGES[4:]]


@pytest.fixture(params=["parquet", "saved dataset", "arrow file"])
def rows_of(request, tmp_path):
    """``rows_of(images)`` → a container of them, of every kind."""

    def make(images):
        if request.param == "parquet":
            return open_container(parquet(tmp_path / "a.parquet", images))
        if request.param == "saved dataset":
            return open_container(saved_dataset(tmp_path / "saved", images))
        return open_container(saved_dataset(tmp_path / "saved", images, files=1) / "data-00000-of-00001.arrow")

    return make


def test_every_image_column_of_every_row_is_a_member(rows_of):
    container = rows_of(IMAGES)
    assert list(container.members()) == [f"{row}/{column}" for row in range(8) for column in ("image", "thumb")]
    found = dict(container.read_many(container.members()))
    assert [found[f"{row}/image"] for row in range(8)] == IMAGES
    assert [found[f"{row}/thumb"] for row in range(8)] == [data[:5] for data in IMAGES]
    assert container.read("6/image") == IMAGES[6]
    container.close()


def test_cells_come_in_the_order_of_the_table(rows_of):
    found = list(rows_of(IMAGES).read_many(["7/image", "0/thumb", "5/image", "0/image", "7/image"]))
    assert [name for name, _ in found] == ["0/image", "0/thumb", "5/image", "7/image"]


def test_a_null_is_a_missing_member(rows_of):
    found = dict(rows_of(WITH_NULL).read_many(["3/image", "3/thumb", "4/image"]))
    assert found.pop("4/image") == IMAGES[4]
    assert {data.reason for data in found.values()} == {"missing_member"}


@pytest.mark.parametrize(
    "name", ["8/image", "-1/image", "0/text", "0/nothing", "0", "image", "", "01/image", "1_0/image", "²/image"]
)
def test_there_is_no_such_cell(rows_of, name):
    with pytest.raises(BadImage, match="missing_member"):
        rows_of(IMAGES).read(name)


def test_a_cell_over_the_limit(rows_of):
    found = dict(rows_of([b"a", bytes(MAX_BYTES + 1), b"c"]).read_many(["0/image", "1/image", "2/image"]))
    assert (found["0/image"], found["2/image"]) == (b"a", b"c")
    assert found["1/image"].reason == "too_many_bytes"


def test_what_datasets_saves_is_read(tmp_path):
    import datasets

    features = datasets.Features({"image": datasets.Image(decode=False), "label": datasets.Value("int64")})
    rows = {"image": [{"bytes": data, "path": None} for data in IMAGES], "label": list(range(8))}
    datasets.Dataset.from_dict(rows, features=features).save_to_disk(str(tmp_path / "saved"), num_shards=3)
    container = open_container(tmp_path / "saved")
    assert isinstance(container, ArrowRows)
    assert [data for _, data in container.read_many(container.members())] == IMAGES


def test_a_row_group_is_not_held_as_a_whole(tmp_path):
    images = [bytes([number]) * 1_000_000 for number in range(200)]
    path = tmp_path / "large.parquet"
    cells = pa.array([{"bytes": data} for data in images])
    pq.write_table(pa.table({"image": cells}), path, compression="none", use_dictionary=False, write_batch_size=1)
    assert pq.read_metadata(path).num_row_groups == 1
    del cells
    before = pa.total_allocated_bytes()
    peak = 0
    for name, data in open_container(path).read_many(f"{row}/image" for row in range(200)):
        assert data == images[int(name.split("/")[0])]
        peak = max(peak, pa.total_allocated_bytes() - before)
    assert peak < 80_000_000


def test_only_row_groups_and_columns_that_are_wanted_are_read(tmp_path):
    path = tmp_path / "groups.parquet"
    cells = [{"bytes": bytes([number]) * 500_000} for number in range(40)]
    table = pa.table({"image": cells, "other": cells, "text": ["x" * 100_000] * 40})
    pq.write_table(table, path, compression="none", use_dictionary=False, row_group_size=2)
    container = open_container(path)
    before = bytes_read()
    assert [data[:1] for _, data in container.read_many(["30/image", "3/image"])] == [b"\3", b"\x1e"]
    assert bytes_read() - before < 4 * 500_000 + 1_000_000  # two groups of two images, of 44 MB


def test_a_damaged_row_group_costs_its_own_rows(tmp_path):
    path = parquet(tmp_path / "a.parquet", IMAGES)
    data = bytearray(path.read_bytes())
    group = pq.read_metadata(path).row_group(1)
    column = next(group.column(n) for n in range(group.num_columns) if group.column(n).path_in_schema == "image.bytes")
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(data)
    found = dict(open_container(path).read_many([f"{row}/image" for row in range(8)]))
    assert {found.pop(f"{row}/image").reason for row in (3, 4, 5)} == {"corrupt_member"}
    assert found == {f"{row}/image": IMAGES[row] for row in (0, 1, 2, 6, 7)}


@pytest.mark.parametrize("name", ["a.parquet", "a.arrow"])
def test_a_file_that_is_no_table(tmp_path, name):
    (tmp_path / name).write_bytes(b"no table at all")
    with pytest.raises(TouchstoneError, match=rf"cannot be read[\s\S]*{name}[\s\S]*fetch it again"):
        open_container(tmp_path / name)


def test_a_file_of_a_saved_dataset_is_missing(tmp_path):
    folder = saved_dataset(tmp_path / "saved", IMAGES)
    (folder / "data-00001-of-00002.arrow").unlink()
    with pytest.raises(TouchstoneError, match=r"1 of its 2 files are not there: data-00001-of-00002\.arrow"):
        open_container(folder)


@pytest.mark.parametrize(
    "state", ['{"_data_files": [{"filename": "../../secret.arrow"}]}', '{"_data_files": 3}', "{}", "no json", "[]"]
)
def test_a_state_that_leads_elsewhere(tmp_path, state):
    folder = saved_dataset(tmp_path / "saved", IMAGES)
    (folder / "state.json").write_text(state)
    with pytest.raises(TouchstoneError, match="cannot be read"):
        open_container(folder)


def test_a_folder_with_some_json_is_a_folder(tmp_path):
    (tmp_path / "state.json").write_text(json.dumps({}))
    assert isinstance(open_container(tmp_path), Folder)
