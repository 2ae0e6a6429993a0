"""classes.py: numbers and words of ImageNet's classes, in the table that comes with the cards."""

from __future__ import annotations

import pytest
from tests.building import HOME

from touchstone import classes, tables
from touchstone.checking import load_checked
from touchstone.readers import Listing, reader

TABLE = HOME / "config/lists/imagenet_classes.csv"
LISTING = Listing(files=["classes.csv"], table=lambda name, columns: tables.rows(TABLE, columns))


def test_the_number_of_a_class_is_its_place_among_the_wnids():
    wnids = list(classes.by_wnid(LISTING, "classes.csv"))
    numbers = list(classes.by_number(LISTING, "classes.csv"))
    assert len(wnids) == 1_000
    assert wnids == sorted(wnids)
    assert numbers == [str(number) for number in range(1_000)]
    assert list(classes.by_wnid(LISTING, "classes.csv").values()) == list(classes.by_number(LISTING, "classes.csv").values())


@pytest.mark.parametrize(
    ("number", "wnid", "words"),
    [
        ("0", "n01440764", "tench, Tinca tinca"),
        ("134", "n02012849", "crane"),
        ("517", "n03126707", "crane"),  # the same words for another class
        ("999", "n15075141", "toilet tissue, toilet paper, bathroom tissue"),
    ],
)
def test_known_classes(number, wnid, words):
    assert classes.by_number(LISTING, "classes.csv")[number] == classes.by_wnid(LISTING, "classes.csv")[wnid] == words


def test_tables_that_are_not_there_tell_nothing():
    assert classes.by_wnid(Listing(), "classes.csv") == classes.by_number(Listing(), "") == {}
    assert classes.of_validation(Listing(), "LOC_val_solution.csv") == {}


@pytest.mark.parametrize(
    ("origin", "file", "member", "words"),
    [
        ("genimage", "wukong/imagenet_ai_0424_wukong.zip", "x/val/ai/583_wukong_00060.png", "guillotine"),
        ("dmid_test", "DMimageDetection_TestSet/", "biggan_256/biggan_004_554409.png", "hammerhead, hammerhead shark"),
        ("imagenet_2012", "train/", "n01440764/n01440764_10026.JPEG", "tench, Tinca tinca"),
    ],
)
def test_cards_describe_images_with_the_words(origin, file, member, words):
    options = load_checked("origin", HOME / f"config/origins/{origin}.yaml")["recipe"]["reader"]
    listing = Listing(
        files=["imagenet_classes.csv"],
        members=[(file, member)],
        table=lambda name, columns: tables.rows(TABLE, columns),
        document=lambda name: {"annotations": []},
    )
    (item,) = reader(options["name"])(listing, options)
    assert item["description"] == words
    assert item.get("positive_prompt", "") == ("photo of guillotine" if origin == "genimage" else "")
