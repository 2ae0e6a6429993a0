"""croissant.py: the file is valid for its users' own library, which loads the images by it."""

import json

import mlcroissant
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.finished import CELLS, HASH, TEXTS, make_dataset, tables_of

from touchstone.croissant import write_croissant
from touchstone.progress import Progress


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    made = make_dataset(folder)
    write_croissant(**(TEXTS | tables_of(made)), croissant=str(folder / "croissant.json"), progress=Progress("publish"))
    return folder


@pytest.fixture(scope="module")
def loaded(folder) -> mlcroissant.Dataset:
    return mlcroissant.Dataset(str(folder / "croissant.json"))


def test_it_is_valid(loaded):
    assert set(loaded.metadata.ctx.issues.errors) == set()
    assert loaded.metadata.name == "tiny"
    assert [record_set.id for record_set in loaded.metadata.record_sets] == ["train", "test"]


@pytest.mark.parametrize("split", ["train", "test"])
def test_every_image_is_loaded_with_its_columns(folder, loaded, split):
    found = {record[f"{split}/id"].decode(): record for record in loaded.records(split)}
    rows = [row for row in pq.read_table(folder / "manifest.parquet").to_pylist() if row["split"] == split]
    assert len(found) == len(rows) == sum(count for (_, _, of), count in CELLS.items() if of == split)
    for row in rows:
        record = found[row["id"]]
        assert isinstance(record[f"{split}/image"], Image.Image)
        assert record[f"{split}/image"].size == (row["width"], row["height"])
        assert record[f"{split}/label"] == row["label"]
        assert record[f"{split}/sha256"].decode() == row["sha256"]


def test_questions_are_answered_from_the_tables(folder):
    document = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    assert "Of 44 items drawn, 12 were rejected: 9 spare" in document["rai:dataCollectionMissingData"]
    assert "16 fake and 16 real images" in document["rai:dataLimitations"]
    assert HASH in document["rai:dataReleaseMaintenancePlan"]
    assert document["license"] == ["CC0-1.0", "MIT"]
