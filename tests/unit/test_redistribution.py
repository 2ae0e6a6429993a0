"""redistribution.py: nothing is passed on that nobody allowed, and a variation only where its photograph may go, too."""

from __future__ import annotations

import pyarrow as pa
import pytest
from tests.building import HOME

from touchstone.catalogue import Catalogue
from touchstone.checking import load_checked
from touchstone.redistribution import COLUMNS, verdicts

CARDS = {
    "free": {"redistribution": {"images": "free"}},
    "asking": {"redistribution": {"images": "terms"}},
    "closed": {"redistribution": {"images": "forbidden"}},
    "silent": {"redistribution": ""},
    "mixed": {"redistribution": {"images": "unknown", "licences": {"CC0-1.0": "free", "CC-BY-ND-2.0": "terms"}}},
    "varied": {"redistribution": {"images": "free"}, "made_from": "mixed"},
    "own": {"redistribution": {"images": "terms"}, "made_from": "free"},
    "sealed": {"redistribution": {"images": "forbidden"}, "made_from": "free"},
}


def of(*rows: tuple) -> list[str]:
    """Verdicts on images given as (id, origin, licence, pairs ...)."""
    return verdicts(pa.table([[(*row[:3], list(row[3:]))[k] for row in rows] for k in range(4)], names=COLUMNS), CARDS)


def test_what_the_card_says_counts_and_silence_is_no():
    rows = [(f"{origin}/1", origin, "CC0-1.0") for origin in ("free", "asking", "closed", "silent")]
    assert of(*rows) == ["free", "terms", "forbidden", "unknown"]


def test_licences_of_images_go_before_what_is_said_of_all():
    rows = [("mixed/1", "mixed", "CC0-1.0"), ("mixed/2", "mixed", "unclear"), ("mixed/3", "mixed", None)]
    assert of(*rows) == ["free", "unknown", "unknown"]


def test_a_variation_goes_where_its_photograph_goes():
    photographs = [("mixed/1", "mixed", "CC0-1.0"), ("mixed/2", "mixed", "unclear"), ("mixed/3", "mixed", "CC-BY-ND-2.0")]
    varied = [(f"varied/{number}", "varied", "MIT", f"mixed/{number}") for number in (1, 2, 3, 4)]
    assert of(*photographs, *varied) == ["free", "unknown", "terms", "free", "unknown", "forbidden", "unknown"]
    assert of(("free/1", "free", ""), ("own/1", "own", "", "free/1"), ("own/2", "own", "", "free/2")) == [
        "free",
        "terms",
        "terms",
    ]
    assert of(("sealed/1", "sealed", "", "free/1")) == ["forbidden"]


def test_no_image():
    assert verdicts(pa.table([pa.array([], pa.string())] * 4, names=COLUMNS), CARDS) == []


@pytest.mark.parametrize("path", sorted((HOME / "config/datasets").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_card_of_every_dataset_says_it_with_its_source_or_not_at_all(path):
    catalogue = Catalogue(load_checked("config", HOME / "config/config.yaml") | {"dataset": path.stem}, HOME)
    cards = catalogue.published_cards()
    assert list(cards)[: len(catalogue.origins)] == catalogue.origins
    assert set(cards) == set(catalogue.cards)
    for card in cards.values():
        assert not card["redistribution"] or card["redistribution"]["source"]
        assert not card["made_from"] or card["made_from"] in cards
