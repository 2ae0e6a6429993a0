"""verify.py and difference.py: a dataset is what its manifest says, and two builds differ in what they differ."""

import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from tests.finished import make_dataset

from touchstone.difference import difference
from touchstone.errors import TouchstoneError
from touchstone.publish import root_hash
from touchstone.verify import verify

PACKAGE = Path(__file__).resolve().parents[2] / "workflow/scripts"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    make_dataset(folder)
    rewrite(folder, lambda table: table)
    return folder


@pytest.fixture
def copy(dataset, tmp_path):
    return shutil.copytree(dataset, tmp_path / "copy")


def rewrite(folder: Path, change) -> None:
    """The manifest changed, with the root hash that its rows have."""
    table = change(pq.read_table(folder / "manifest.parquet"))
    pq.write_table(table.replace_schema_metadata({"root_hash": root_hash(table)}), folder / "manifest.parquet")


def with_column(table: pa.Table, name: str, values: list) -> pa.Table:
    place = table.schema.get_field_index(name)
    return table.set_column(place, table.schema.field(name), pa.array(values, table.schema.field(name).type))


def faults(folder: Path, progress) -> str:
    with pytest.raises(TouchstoneError) as error:
        verify(folder=str(folder), progress=progress)
    return error.value.what


def test_a_good_dataset_has_its_root_hash(dataset, progress):
    assert verify(folder=str(dataset), progress=progress) == root_hash(pq.read_table(dataset / "manifest.parquet"))


def test_a_flipped_bit_is_found_wherever_it_is(copy, progress):
    path = next(copy.rglob("train/photos-real-00000.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 3] ^= 1
    path.write_bytes(data)
    assert "photos-real-00000.parquet" in faults(copy, progress)


def test_an_exchanged_image_is_named_by_row_and_id(copy, progress):
    path = next(copy.rglob("train/photos-real-00000.parquet"))
    table = pq.read_table(path)
    order = [1, 0, *range(2, len(table))]
    place = table.schema.get_field_index("image")
    pq.write_table(table.set_column(place, table.schema.field("image"), table["image"].take(order)), path)
    text = faults(copy, progress)
    assert "row 0: not photos/" in text
    assert text.count("not photos/") == 2


def test_a_card_of_another_dataset_is_named(copy, progress):
    (copy / "README.md").write_text(root_hash(pq.read_table(copy / "manifest.parquet")), encoding="utf-8")
    verify(folder=str(copy), progress=progress)
    (copy / "croissant.json").write_text('{"version": "1.0.0+000000000000"}', encoding="utf-8")
    assert "croissant.json: it does not name the root hash" in faults(copy, progress)


def test_missing_and_additional_files_are_named(copy, progress):
    next(copy.rglob("test/photos-real-00000.parquet")).rename(copy / "data/test/other.parquet")
    text = faults(copy, progress)
    assert "data/test/other.parquet: a file that the manifest does not list" in text
    assert "photos-real-00000.parquet: a shard is missing" in text


def test_a_manifest_that_was_changed_is_found(copy, progress):
    table = pq.read_table(copy / "manifest.parquet")
    changed = with_column(table, "label", [1 - value for value in table["label"].to_pylist()])
    pq.write_table(changed, copy / "manifest.parquet")
    assert "its rows have root hash" in faults(copy, progress)


def test_a_folder_without_manifest_is_an_error(tmp_path, progress):
    with pytest.raises(TouchstoneError, match="no manifest"):
        verify(folder=str(tmp_path), progress=progress)


@pytest.mark.parametrize(("module", "arguments"), [("verify", 1), ("difference", 2)])
def test_the_commands(dataset, tmp_path, module, arguments):
    def run(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", f"touchstone.{module}", *words]
        return subprocess.run(command, cwd=PACKAGE, capture_output=True, text=True, check=False)

    assert run(*[str(dataset)] * arguments).returncode == 0
    assert run().returncode == 2
    broken = run(*[str(tmp_path)] * arguments)
    assert broken.returncode in (1, 2)
    assert "no manifest" in broken.stderr
    assert "Traceback" not in broken.stderr


def test_a_dataset_does_not_differ_from_itself(dataset):
    assert len(difference(str(dataset), str(dataset / "manifest.parquet"))) == 0


def test_every_kind_of_difference_is_told(dataset, copy):
    ids = pq.read_table(dataset / "manifest.parquet")["id"].to_pylist()

    def change(table: pa.Table) -> pa.Table:
        table = with_column(table, "id", ["new/1" if value == ids[0] else value for value in ids])
        hashes = table["sha256"].to_pylist()
        hashes[1] = "0" * 64
        splits = table["split"].to_pylist()
        splits[2] = "test" if splits[2] == "train" else "train"
        generators = table["generator"].to_pylist()
        generators[3] += "x"
        for name, values in (("sha256", hashes), ("split", splits), ("generator", generators)):
            table = with_column(table, name, values)
        return table

    rewrite(copy, change)
    found = difference(str(dataset), str(copy))
    kinds = {row["id"]: row["kind"] for row in found.to_pylist()}
    assert kinds == {"new/1": "added", ids[0]: "removed", ids[1]: "changed", ids[2]: "moved", ids[3]: "changed"}
    moved = found.filter(pc.equal(found["kind"], "moved")).to_pylist()[0]
    assert {moved["old_split"], moved["new_split"]} == {"train", "test"}
