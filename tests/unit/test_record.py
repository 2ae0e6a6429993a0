"""record.py: one row type, which `datasets` reads as it is meant."""

from __future__ import annotations

import datetime
import json

import datasets
import pyarrow as pa
import pytest

from touchstone import record
from touchstone.record import (
    EMPTY,
    FACTS,
    GENERATION,
    ITEM,
    LEDGER,
    MANIFEST,
    PACKED,
    REASONS,
    SCREENED,
    SELECTED,
    STATE,
    TAKEN,
    empty_item,
    hub_schema,
    table_of,
)


def test_every_table_adds_columns_to_the_one_before():
    assert set(ITEM.names) | set(FACTS.names) | set(STATE.names) | {"image", "generation", "scrape"} == set(TAKEN.names)
    assert set(SCREENED.names) < set(SELECTED.names)
    assert set(PACKED.names) - {"processing", "origin_sha256", "marks"} < set(TAKEN.names)
    assert set(MANIFEST.names) == set(PACKED.names) - {"image"} | {"group", "split", "file", "row"}
    for schema in (SCREENED, PACKED, MANIFEST):
        for field in schema:
            if field.name in TAKEN.names:
                assert field.equals(TAKEN.field(field.name))


@pytest.mark.parametrize("schema", [ITEM, FACTS, TAKEN, SCREENED, SELECTED, LEDGER, MANIFEST, PACKED])
def test_no_table_has_a_column_twice(schema):
    assert len(schema.names) == len(set(schema.names))


def test_the_record_of_the_design_is_all_there():
    promised = """id origin origin_dataset label generator released content conditioning description positive_prompt
        negative_prompt class_label paired_real_images groups licence source_url image format width height mode bit_depth
        jpeg_quality chroma_subsampling progressive has_exif has_icc n_bytes sha256 pixel_sha256 phash state reason"""
    assert set(promised.split()) <= set(TAKEN.names)
    told = "model model_revision model_sha256 pipeline scheduler steps guidance seed dtype device batch versions watermark safety"
    assert set(told.split()) <= {field.name for field in GENERATION}


def test_hub_features_are_what_datasets_would_make_of_the_columns_but_image_and_label():
    stored = datasets.Features.from_arrow_schema(hub_schema())
    plain = datasets.Features.from_arrow_schema(PACKED)
    assert stored["image"] == datasets.Image()
    assert stored["label"] == datasets.ClassLabel(names=["real", "fake"])
    assert {name: stored[name] for name in stored if name not in ("image", "label")} == {
        name: plain[name] for name in plain if name not in ("image", "label")
    }
    assert list(stored) == PACKED.names
    assert stored["groups"] == datasets.List(datasets.Value("string"))
    assert stored["released"] == datasets.Value("date32")
    assert stored["generation"]["guidance"] == datasets.Value("float32")


def test_the_hub_metadata_is_as_datasets_writes_it_itself():
    features = datasets.Features.from_arrow_schema(hub_schema())
    written = json.loads(features.arrow_schema.metadata[b"huggingface"])
    assert json.loads(hub_schema().metadata[b"huggingface"]) == written
    assert features.arrow_schema.remove_metadata().equals(PACKED)


def test_a_row_with_everything_goes_through_datasets_and_back(picture):
    made = {
        field.name: {pa.string(): "x", pa.int32(): 3, pa.int64(): 2**62, pa.float32(): 0.5}[field.type] for field in GENERATION
    }
    row = empty_item() | {"released": datetime.date(2022, 8, 22), "groups": ["a", "b"], "label": 1, "generation": made}
    row = {name: value for name, value in row.items() if name in PACKED.names} | {"image": {"bytes": picture(), "path": "x.jpg"}}
    loaded = datasets.Dataset(table_of([row], PACKED).cast(hub_schema()))
    assert loaded.features["label"].int2str(loaded[0]["label"]) == "fake"
    assert loaded[0]["image"].format == "JPEG"
    assert (loaded[0]["released"], loaded[0]["groups"], loaded[0]["generation"]) == (row["released"], ["a", "b"], made)


def test_an_empty_item_fits_and_belongs_to_nobody_else():
    one, other = empty_item(), empty_item()
    one["groups"].append("x")
    assert other["groups"] == []
    assert list(other) == ITEM.names
    assert table_of([other], ITEM).num_rows == 1


def test_a_table_of_rows():
    table = table_of([{"id": "a", "label": 1}, {"groups": ["x"]}], ITEM)
    assert table.schema.equals(ITEM)
    assert table["id"].to_pylist() == ["a", None]
    assert table["groups"].to_pylist() == [None, ["x"]]
    assert table_of([], ITEM).num_rows == 0
    assert table_of(iter([{"id": "a"}]), ITEM).num_rows == 1
    with pytest.raises(KeyError, match=r"\['colour', 'size'\]"):
        table_of([{"id": "a"}, {"size": 1, "colour": 2}], ITEM)
    with pytest.raises(pa.ArrowException):
        table_of([{"label": "fake"}], ITEM)


def test_reasons_are_a_fault_or_a_choice_and_say_what_they_mean():
    assert {kind for kind, _ in REASONS.values()} == {"fault", "choice"}
    assert all(meaning and not meaning.endswith(".") for _, meaning in REASONS.values())
    assert REASONS["spare"][0] == "choice"


def test_dates():
    assert record.date_of("2022-08-22") == datetime.date(2022, 8, 22)
    with pytest.raises(ValueError, match="22"):
        record.date_of("22.8.2022")


def test_columns_that_no_row_fills_have_their_defaults():
    rows = [{"id": "a"}, {"id": "b", "licence": "CC0-1.0"}]
    full = [EMPTY | {"licence": "MIT"} | row for row in rows]
    assert table_of(rows, ITEM, EMPTY | {"licence": "MIT"}) == table_of(full, ITEM)
    assert table_of([], ITEM, EMPTY) == ITEM.empty_table()


def test_empty_items_share_nothing():
    empty_item()["groups"].append("a group")
    assert empty_item() == EMPTY
    assert EMPTY["groups"] == []
