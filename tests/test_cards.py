"""Every card of the catalogue is valid and passes its own test: its examples, without its data."""

from __future__ import annotations

from pathlib import Path

import pytest

from touchstone.catalogue import Catalogue
from touchstone.checking import load_checked
from touchstone.listing import complete
from touchstone.readers import Listing, Skip, reader

HOME = Path(__file__).resolve().parents[1]
TABLES = ("models", "generators")
CARDS = sorted(path for path in (HOME / "config/origins").glob("*.yaml") if path.stem not in TABLES)


def example_listing(example: dict, options: dict) -> Listing:
    """What the reader is shown of one example: a member, or a row of a table or of another's index;
    other tables are empty but for what the example gives."""
    given = example["given"]
    file = example.get("file", options.get("file", "example.zip"))
    tables = {file: [given], **example.get("tables", {})}

    def table(name: str, columns: list[str]) -> list[dict]:
        return [{column: row[column] for column in columns} for row in tables.get(name, [])]

    def columns(name: str) -> list[str]:
        return [*dict.fromkeys(column for row in tables.get(name, []) for column in row)]

    def document(name: str) -> dict:
        return tables.get(name, {"annotations": []})

    def no_texts(name: str, wanted: list[str]) -> list:
        return []

    if isinstance(given, str):
        members = [(file, given), *((file, name.removeprefix(file)) for name in tables if name.startswith(file) and name != file)]
        files = [file, *tables]
        return Listing(files, members, table, document, tables=[*tables], columns=columns, texts=no_texts)
    return Listing(table=table, columns=columns, files=[file], tables=[file], pairs=[given])


@pytest.mark.parametrize("path", CARDS, ids=[path.stem for path in CARDS])
def test_the_examples_of_a_card_become_what_it_says(path):
    card = load_checked("origin", path)
    generators = load_checked("generators", path.with_name("generators.yaml"))
    models = load_checked("models", path.with_name("models.yaml"))
    keys = [models[card["recipe"]["model"]]["generator"]] if card["kind"] == "generate" else card.get("generators", [])
    table = {key: generators[key] for key in keys}
    options = card["recipe"]["reader"]
    for example in card["examples"]:
        found = list(reader(options["name"])(example_listing(example, options), options))
        if example["expect"] == "skip":
            assert found and all(isinstance(item, Skip) for item in found), example
            continue
        items = [item for item in found if not isinstance(item, Skip)]
        rows = [complete(item, path.stem, table, card["kind"], card["licence"], options.get("prefix")) for item in items]
        assert rows, example
        row = rows[0] if len(rows) == 1 else next(row for row in rows if row["id"] == example["expect"]["id"])
        assert {key: row[key] for key in example["expect"]} == example["expect"]


@pytest.mark.parametrize("path", sorted((HOME / "config/datasets").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_dataset_can_be_planned(path):
    config = load_checked("config", HOME / "config/config.yaml") | {"dataset": path.stem}
    catalogue = Catalogue(config, HOME)
    assert catalogue.packed()
    assert all(catalogue.shards(origin) for origin in catalogue.origins)


def test_every_model_names_a_generator_that_is_known():
    generators = load_checked("generators", HOME / "config/origins/generators.yaml")
    for name, model in load_checked("models", HOME / "config/origins/models.yaml").items():
        assert model["generator"] in generators, name
