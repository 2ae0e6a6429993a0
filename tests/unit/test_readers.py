"""readers/: names and rows become items, and whatever does not says why."""

from __future__ import annotations

import pytest

from touchstone.readers import Listing, Skip, reader
from touchstone.record import ITEM


def read(name: str, listing: Listing, **options) -> tuple[list[dict], list[Skip]]:
    found = list(reader(name)(listing, {"name": name, **options}))
    items = [item for item in found if not isinstance(item, Skip)]
    assert all(set(item) <= {*ITEM.names} for item in items)
    return items, [item for item in found if isinstance(item, Skip)]


def folders(*members: str, **options) -> tuple[list[dict], list[Skip]]:
    return read("folders", Listing(members=[("photos.zip", member) for member in members]), **options)


def table(rows: list[dict], **options) -> tuple[list[dict], list[Skip]]:
    columns = {"id": "id", "positive_prompt": "prompt"}
    return read("table", Listing(table=lambda file, wanted: iter(rows)), **{"file": "list.csv", "columns": columns, **options})


# -- folders ---------------------------------------------------------------------------------------


def test_an_image_in_a_folder_is_an_item():
    items, skips = folders("a/b/1.png")
    assert items == [{"id": "a/b/1", "generator": "", "groups": [], "source_file": "photos.zip", "source_member": "a/b/1.png"}]
    assert not skips


def test_the_folder_names_the_generator_and_other_folders_are_skipped():
    items, skips = folders("fake/sd/1.png", "fake/2.png", "real/3.png", generators={"fake/sd": "sd", "real": ""})
    assert [(item["id"], item["generator"]) for item in items] == [("fake/sd/1", "sd"), ("real/3", "")]
    assert skips == [Skip("fake/2.png", "folder 'fake' is not in the card")]


def test_an_empty_table_of_generators_skips_everything():
    items, skips = folders("a/1.png", generators={})
    assert (len(items), len(skips)) == (0, 1)


def test_images_of_a_folder_share_a_group():
    items, _ = folders("cat/1.png", "cat/2.png", "dog/1.png", "1.png", group="photo")
    assert [item["groups"] for item in items] == [["photo:cat"], ["photo:cat"], ["photo:dog"], ["photo:."]]


@pytest.mark.parametrize("name", ["1.PNG", "1.JpEg", "1.webp", "1.gif", "1.bmp", "1.tif", "1.TIFF", "1.avif", "a.b.c.jpg"])
def test_suffixes_of_images(name):
    items, _ = folders(name)
    assert items[0]["id"] == name.rsplit(".", 1)[0]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("LICENCE.txt", "suffix"),
        ("noext", "suffix"),
        ("a/.png", "operating system"),
        ("__MACOSX/a/1.png", "operating system"),
        ("a/._1.png", "operating system"),
        ("../1.png", "safe"),
        ("/1.png", "safe"),
        ("a\\1.png", "safe"),
        ("\udcfc.png", "safe"),
    ],
)
def test_other_files_are_skipped_with_a_reason(name, why):
    items, skips = folders(name)
    assert not items
    assert [skip.name for skip in skips] == [name]
    assert why in skips[0].why


# -- table -----------------------------------------------------------------------------------------


def test_a_row_is_an_item_with_the_columns_the_card_names():
    row = {"key": " 7 ", "link": "http://a", "text": "A temple ", "photo": "china"}
    columns = {"id": "key", "source_url": "link", "description": "text", "group": "photo"}
    items, _ = table([row], columns=columns, group="photo")
    assert items == [{"id": "7", "source_url": "http://a", "description": "A temple", "groups": ["photo:china"]}]


def test_a_row_without_a_group_or_an_id():
    columns = {"id": "id", "group": "g"}
    items, skips = table([{"id": "1", "g": ""}, {"id": " ", "g": "x"}], columns=columns)
    assert items == [{"id": "1", "groups": []}]
    assert [skip.why for skip in skips] == ["the row has no id"]


def test_a_member_is_the_locator():
    items, _ = table([{"id": "1", "m": "a/1.png"}], columns={"id": "id", "member": "m"})
    assert items == [{"id": "1", "groups": [], "source_member": "a/1.png"}]


def test_repeated_prompts_are_skipped_whatever_their_case_and_spaces():
    prompts = ["A red  kite", "a RED kite ", "a blue kite", "", "  ", "A red\tkite", "ÜBER straße", "über STRASSE"]
    items, skips = table([{"id": str(number), "prompt": prompt} for number, prompt in enumerate(prompts)], prompts=True)
    assert [(item["id"], item["positive_prompt"]) for item in items] == [
        ("0", "A red kite"),
        ("2", "a blue kite"),
        ("6", "ÜBER straße"),
    ]
    assert items[0]["groups"] == ["prompt:a red kite"]
    assert [(skip.name, skip.why.split()[-1]) for skip in skips] == [
        ("1", "repetition"),
        ("3", "empty"),
        ("4", "empty"),
        ("5", "repetition"),
        ("7", "repetition"),
    ]


def test_without_the_option_prompts_may_repeat():
    items, skips = table([{"id": "1", "prompt": "a"}, {"id": "2", "prompt": "a"}])
    assert (len(items), len(skips)) == (2, 0)
    assert items[0]["groups"] == []


def test_reading_twice_gives_the_same():
    rows = [{"id": str(number), "prompt": f"p{number % 3}"} for number in range(9)]
    assert table(rows, prompts=True) == table(rows, prompts=True)


# -- pairs -----------------------------------------------------------------------------------------


def real(name: str, label: int = 0) -> dict:
    return {
        "id": f"photos/{name}",
        "label": label,
        "groups": ["photo:moon"],
        "content": "moon",
        "source_file": "photos.zip",
        "source_member": f"{name}.png",
    }


def test_a_variation_is_paired_with_its_real_image_and_shares_its_groups():
    source = real("7")
    items, skips = read("pairs", Listing(pairs=[source, real("8", label=1)]), origin="photos")
    assert items == [
        {
            "id": "photos/7",
            "paired_real_images": ["photos/7"],
            "groups": ["photo:moon"],
            "content": "moon",
            "positive_prompt": "",
            "negative_prompt": "",
            "source_file": "photos.zip",
            "source_member": "7.png",
        }
    ]
    assert skips == [Skip("photos/8", "not a real image")]
    items[0]["groups"].append("other")
    assert source["groups"] == ["photo:moon"]  # a copy, not the real image's own list


def test_an_unknown_reader_is_an_import_error():
    with pytest.raises(ModuleNotFoundError):
        reader("telepathy")
