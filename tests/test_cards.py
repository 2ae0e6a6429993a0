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


def example_listing(given: str | dict) -> Listing:
    """What the reader is shown of one example: a member, or a row of a table or of another's index."""
    if isinstance(given, str):
        return Listing(members=[("example.zip", given)])
    return Listing(table=lambda file, columns: [{column: given[column] for column in columns}], pairs=[given])


@pytest.mark.parametrize("path", CARDS, ids=[path.stem for path in CARDS])
def test_the_examples_of_a_card_become_what_it_says(path):
    card = load_checked("origin", path)
    generators = load_checked("generators", path.with_name("generators.yaml"))
    models = load_checked("models", path.with_name("models.yaml"))
    keys = [models[card["recipe"]["model"]]["generator"]] if card["kind"] == "generate" else card.get("generators", [])
    table = {key: generators[key] for key in keys}
    options = card["recipe"]["reader"]
    for example in card["examples"]:
        (item,) = reader(options["name"])(example_listing(example["given"]), options)
        if example["expect"] == "skip":
            assert isinstance(item, Skip), example
        else:
            assert not isinstance(item, Skip), example
            row = complete(item, path.stem, table, card["kind"], card["licence"])
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
