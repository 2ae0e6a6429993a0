"""exports/redistributable.py and recipe.py: a dataset of its own without what must stay; a recipe without a pixel."""

from __future__ import annotations

import csv
from pathlib import Path

import datasets
import mlcroissant
import pyarrow.parquet as pq
import pytest
import yaml
from tests.finished import CARDS, SPLITS, make_dataset

from touchstone.checking import read_yaml
from touchstone.errors import TouchstoneError
from touchstone.exports.recipe import write_recipe
from touchstone.exports.redistributable import write_redistributable
from touchstone.files import sha256_of
from touchstone.publish import root_hash
from touchstone.verify import verify

FREE = {"images": "free", "source": "its page"}
TERMS = {"images": "terms", "terms": "name us", "source": "its page"}
ABOUT = {"title": "A tiny dataset", "description": "For tests.", "seed": 7, "splits": SPLITS, "note": ""}


def cards(**redistribution: object) -> dict:
    return {origin: card | {"redistribution": redistribution.get(origin, ""), "made_from": ""} for origin, card in CARDS.items()}


@pytest.fixture
def made(tmp_path) -> dict:
    made = make_dataset(tmp_path / "tiny")
    table = pq.read_table(made["manifest"])
    metadata = {"root_hash": root_hash(table), "code": "0.1.0 (abc)"}
    pq.write_table(table.replace_schema_metadata(metadata), made["manifest"])
    return made | {"folder": str(tmp_path / "out"), "hash": metadata["root_hash"]}


def passed_on(made: dict, progress, **redistribution: object) -> Path:
    write_redistributable(
        manifest=made["manifest"],
        ledger=made["ledger"],
        cards=cards(**redistribution),
        about=ABOUT,
        images={},
        name="tiny",
        folder=made["folder"],
        progress=progress,
    )
    return Path(made["folder"])


def test_what_no_card_allows_stays_and_is_counted_and_named(made, progress, tmp_path):
    folder = passed_on(made, progress, photos=TERMS)
    manifest = pq.read_table(folder / "manifest.parquet")
    assert set(manifest["origin"].to_pylist()) == {"photos"}
    assert len(manifest) == 16
    assert verify(folder=str(folder), progress=progress) == root_hash(manifest) != made["hash"]
    assert pq.read_schema(folder / "manifest.parquet").metadata[b"part_of"].decode() == made["hash"]
    left = list(csv.DictReader((folder / "left_out.csv").open(encoding="utf-8")))
    assert [(row["origin"], row["generator"], row["redistribution"], row["images"]) for row in left] == [
        ("painter", "Painter 1.5", "unknown", "12"),
        ("painter", "Painter XL", "unknown", "4"),
    ]
    ledger = pq.read_table(folder / "ledger.parquet")
    assert sum(ledger["items"].to_pylist()) == sum(pq.read_table(made["ledger"])["items"].to_pylist())
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "44 items drawn = 16 kept + 28 rejected" in card
    assert "| `photos` | under its terms | name us | its page | 0 |" in card
    assert "| `painter` | not stated, so no |  |  | 16 |" in card
    assert "16 of 32 images" in card
    assert "@misc{painter," in (folder / "citations.bib").read_text(encoding="utf-8")
    assert not set(mlcroissant.Dataset(str(folder / "croissant.json")).metadata.ctx.issues.errors)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 12, "test": 4}


def test_shards_that_stay_whole_are_the_same_file_and_others_hold_the_rest(made, progress):
    chosen = sorted(row["id"] for row in made["rows"] if row["origin"] == "photos")
    by_licence = {"images": "unknown", "licences": {"CC0-1.0": "free"}, "source": "x"}
    source = Path(made["manifest"]).parent
    shard = next((source / "data/train").glob("painter-painter_xl*.parquet"))
    table = pq.read_table(made["manifest"])
    freed = {row["id"] for row in made["rows"][::3] if row["origin"] == "painter"}
    licences = ["CC0-1.0" if row["id"] in freed else row["licence"] for row in table.to_pylist()]
    place = table.schema.get_field_index("licence")
    pq.write_table(table.set_column(place, table.schema.field("licence"), [licences]), made["manifest"])
    folder = passed_on(made, progress, photos=FREE, painter=by_licence)
    found = pq.read_table(folder / "manifest.parquet").to_pylist()
    wanted = [*chosen, *freed]
    assert sorted(row["id"] for row in found) == sorted(wanted)
    verify(folder=str(folder), progress=progress)
    for path in (folder / "data").rglob("photos-*.parquet"):
        assert path.samefile(source / path.relative_to(folder))
    for row in found:
        there = pq.read_table(folder / row["file"]).slice(row["row"], 1).to_pylist()[0]
        assert (there["id"], there["sha256"]) == (row["id"], row["sha256"])
    assert pq.read_metadata(shard).num_rows == 3, "the dataset's own shard is as it was"


def test_where_nothing_may_be_passed_on_nothing_is_written(made, progress):
    with pytest.raises(TouchstoneError, match=r"no image of this dataset may be passed on[\s\S]*redistribution"):
        passed_on(made, progress, photos={"images": "forbidden", "source": "x"})
    assert not Path(made["folder"]).exists()


# -- recipe ----------------------------------------------------------------------------------------


def recipe(made: dict, progress, tmp_path: Path, *files: tuple[str, str]) -> Path:
    (tmp_path / "pins.txt").write_text("a==1\n", encoding="utf-8")
    write_recipe(
        manifest=made["manifest"],
        beside=[made["ledger"]],
        receipts=[],
        files=list(files),
        texts={"config/config.yaml": {"dataset": "tiny", "note": "yes", "day": "2022-08-22"}},
        pins=str(tmp_path / "pins.txt"),
        cards=cards(),
        to_get={"painter": "ask <them>"},
        name="tiny",
        title="A tiny dataset",
        folder=made["folder"],
        progress=progress,
    )
    return Path(made["folder"])


def test_a_recipe_holds_all_but_pixels(made, progress, tmp_path):
    (tmp_path / "card.yaml").write_text("title: x\n", encoding="utf-8")
    folder = recipe(made, progress, tmp_path, ("config/origins/painter.yaml", str(tmp_path / "card.yaml")))
    assert sha256_of(folder / "manifest.parquet") == sha256_of(made["manifest"])
    assert read_yaml(folder / "config/config.yaml") == {"dataset": "tiny", "note": "yes", "day": "2022-08-22"}
    assert yaml.safe_load((folder / "config/origins/painter.yaml").read_text(encoding="utf-8")) == {"title": "x"}
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert made["hash"] in readme
    assert "0.1.0 (abc)" in readme
    assert "`painter`: ask &lt;them>" in readme
    assert not list(folder.rglob("data"))
    assert max(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 100_000


def test_a_list_that_is_gone_or_in_the_way_is_told(made, progress, tmp_path):
    with pytest.raises(TouchstoneError, match=r"a file of the recipe is gone[\s\S]*nowhere"):
        recipe(made, progress, tmp_path, ("config/lists/x.txt", str(tmp_path / "nowhere")))
    (tmp_path / "x").write_text("x", encoding="utf-8")
    with pytest.raises(TouchstoneError, match="two files of the recipe would lie in one place"):
        recipe(made, progress, tmp_path, ("manifest.parquet", str(tmp_path / "x")))
    assert not Path(made["folder"]).exists()
