"""The dataset card: counts as the tables count, metadata the hub reads, a folder that opens."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from tests.finished import CARDS, HASH, SPLITS, make_dataset

from touchstone.dataset_card import COLUMNS, plain, write_card
from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.record import IMAGE, PACKED, REASONS


def written(folder, made: dict, **changes: object) -> str:
    options = {
        "cards": CARDS,
        "name": "tiny",
        "title": "A tiny dataset",
        "description": "For tests.",
        "seed": 7,
        "splits": SPLITS,
    }
    tables = {"manifest": made["manifest"], "ledger": made["ledger"]}
    write_card(**(tables | options | changes), readme=str(folder / "README.md"), progress=Progress("publish"))
    return (folder / "README.md").read_text(encoding="utf-8")


def front_matter(text: str) -> dict:
    return yaml.safe_load(text.split("---\n")[1])


def rows_of(text: str, heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its header."""
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip(" *`") for cell in line.strip("|").split(" |")] for line in lines]


def test_counts_are_those_of_the_tables(tmp_path):
    text = written(tmp_path, make_dataset(tmp_path))
    assert rows_of(text, "Counts") == [
        ["real", "photos", "", "12", "4", "16"],
        ["fake", "painter", "Painter 1.5", "9", "3", "12"],
        ["fake", "painter", "Painter XL", "3", "1", "4"],
        ["real", "", "", "12", "4", "16"],
        ["fake", "", "", "12", "4", "16"],
        ["all", "", "", "24", "8", "32"],
    ]
    assert "44 items drawn = 32 kept + 12 rejected" in text
    assert [[row[0], row[2], row[3]] for row in rows_of(text, "What was left out")] == [
        ["spare", "split", "9"],
        ["truncated", "take", "2"],
        ["exact_duplicate", "screen", "1"],
    ]
    assert REASONS["truncated"][1] in text
    assert HASH in text


def test_front_matter_is_metadata_of_the_hub(tmp_path):
    from huggingface_hub import DatasetCard

    text = written(tmp_path, make_dataset(tmp_path), title='Tiny: a "set" of #1')
    metadata = front_matter(text)
    assert metadata["pretty_name"] == 'Tiny: a "set" of #1'
    assert metadata["license"] == "other"
    assert metadata["license_details"] == "CC0-1.0, MIT"
    assert metadata["size_categories"] == ["n<1K"]
    assert metadata["configs"] == [
        {
            "config_name": "default",
            "data_files": [{"split": split, "path": f"data/{split}/*.parquet"} for split in ("train", "test")],
        }
    ]
    assert DatasetCard(text).data.to_dict()["task_categories"] == ["image-classification"]


@pytest.mark.parametrize(("licence", "expected"), [("CC-BY-4.0", "cc-by-4.0"), ("Unsplash licence", "other")])
def test_one_licence_is_named_where_the_hub_knows_it(tmp_path, licence, expected):
    made = make_dataset(tmp_path)
    table = pq.read_table(made["manifest"])
    column = table.schema.get_field_index("licence")
    pq.write_table(table.set_column(column, "licence", pa.array([licence] * len(table))), made["manifest"])
    assert front_matter(written(tmp_path, made))["license"] == expected


def test_the_folder_opens_with_its_card(tmp_path):
    from datasets import ClassLabel, load_dataset
    from datasets import Image as ImageFeature

    home = tmp_path / "dataset"
    made = make_dataset(home)
    written(home, made)
    loaded = load_dataset(str(home), cache_dir=str(tmp_path / "cache"))
    assert {split: len(loaded[split]) for split in loaded} == {"train": 24, "test": 8}
    features = loaded["train"].features
    assert features["image"] == ImageFeature()
    assert features["label"] == ClassLabel(names=["real", "fake"])
    assert set(features) == set(PACKED.names)
    assert sorted(loaded["test"]["id"]) == sorted(row["id"] for row in made["rows"] if row["split"] == "test")
    assert loaded["test"][0]["image"].size == (loaded["test"][0]["width"], loaded["test"][0]["height"])


def test_every_column_has_a_meaning():
    assert list(COLUMNS) == PACKED.names
    assert PACKED.field("image").type == IMAGE


def test_hostile_texts_stay_texts(tmp_path):
    note = "noise\n# [click](javascript:alert(1)) <b>"
    text = written(tmp_path, make_dataset(tmp_path), note=note, title="a\n---\n<script>alert(1)</script>")
    _, metadata, body = text.split("---\n", 2)
    assert yaml.safe_load(metadata)["pretty_name"] == "a --- <script>alert(1)</script>"
    assert "<script>" not in body
    assert "<b>" not in body
    assert "\n# [" not in body
    assert "\\[click\\](javascript" in body
    assert len(rows_of(text, "Columns")) == len(PACKED.names)
    assert plain("a|b\n*c*") == "a\\|b \\*c\\*"


def test_a_ledger_that_disagrees_is_an_error(tmp_path):
    made = make_dataset(tmp_path)
    table = pq.read_table(made["manifest"])
    pq.write_table(table.slice(1), made["manifest"])
    with pytest.raises(TouchstoneError, match="ledger keeps 3 images but the manifest holds 2"):
        written(tmp_path, made)


def test_the_datasheet_says_what_tables_and_file_know_and_what_nobody_stated(tmp_path):
    text = written(tmp_path, make_dataset(tmp_path), datasheet={"authors": "<b>Us</b>", "contact": "us@example.org"})
    sheet = text.split("\n## Datasheet\n")[1].split("\n## ")[0]
    assert "32 images: 16 real, 16 of 2 generators" in sheet
    assert "44 items were drawn" in sheet
    assert "&lt;b>Us&lt;/b>" in sheet
    assert "Who funded it?** Not stated: `datasheet.funding` in the dataset file." in sheet
    assert "Published archives: `photos`. Downloaded from addresses: none. Generated here: `painter`." in sheet
    assert "CC0-1.0 (16), MIT (16)" in sheet
