"""readers/prompts.py, readers/pairs.py: prompts out of captions, and what is refused is counted."""

from __future__ import annotations

import pytest

from touchstone.readers import Listing, Skip, reader

ROWS = [
    {"SAMPLE_ID": "1", "TEXT": "A lake  at night", "URL": "http://e.org/1", "NSFW": "UNLIKELY"},
    {"SAMPLE_ID": "2", "TEXT": "a LAKE at night", "URL": "http://e.org/2", "NSFW": "UNLIKELY"},
    {"SAMPLE_ID": "3", "TEXT": "Short", "URL": "http://e.org/3", "NSFW": "UNLIKELY"},
    {"SAMPLE_ID": "4", "TEXT": "A red kite over the sea", "URL": "http://e.org/4", "NSFW": "nsfw"},
    {"SAMPLE_ID": "5", "TEXT": " ", "URL": "http://e.org/5", "NSFW": "UNLIKELY"},
    {"SAMPLE_ID": "6", "TEXT": "A forbidden, word in it", "URL": "http://e.org/6", "NSFW": "UNLIKELY"},
    {"SAMPLE_ID": "", "TEXT": "Two boats by the shore", "URL": "http://e.org/7", "NSFW": "UNLIKELY"},
]


def made(rows: list[dict], name: str = "prompts", document: dict | None = None, **options: object) -> list:
    listing = Listing(
        tables=["lists/a.csv"],
        columns=lambda table: list(rows[0]),
        table=lambda table, columns: [{column: row[column] for column in columns} for row in rows],
        document=lambda file: document,
        pairs=rows,
    )
    return list(reader(name)(listing, options))


def test_filters_say_why_and_what_is_left_is_a_prompt():
    found = made(ROWS, words=[2, 5], refuse=["NSFW"], refuse_words=["Forbidden"], pair="LAION", negative="blurry")
    items = [item for item in found if not isinstance(item, Skip)]
    assert [item["id"] for item in items] == ["1", items[1]["id"]]
    assert items[1]["id"].startswith("url-")
    assert items[0] == {
        "id": "1",
        "positive_prompt": "A lake at night",
        "negative_prompt": "blurry",
        "original_prompt": "A lake at night",
        "class_label": "",
        "source_url": "http://e.org/1",
        "nsfw": "UNLIKELY",
        "paired_real_images": ["LAION/1"],
        "groups": ["laion:1", "prompt:a lake at night"],
    }
    assert items[1]["groups"] == ["url:http://e.org/7", "prompt:two boats by the shore"]
    assert items[1]["paired_real_images"] == []  # its real image's id is not known
    assert {item.name: item.why for item in found if isinstance(item, Skip)} == {
        "2": "the prompt is a repetition",
        "3": "the prompt has fewer than 2 words",
        "4": "the prompt has more than 5 words",
        "5": "the prompt is empty",
        "6": "the prompt holds a refused word (forbidden)",
    }
    assert Skip("4", "tagged 'nsfw'") in made(ROWS, refuse=["NSFW"])


def test_class_names_fill_every_template_as_often_as_asked_and_share_a_group():
    rows = [{"label": "tabby cat"}, {"label": "lorry"}, {"label": "lorry"}]
    templates = ["a photo of a {class_label}", "a drawing of a {caption} in {this}"]
    found = made(rows, columns={"class_label": "label"}, templates=templates, all_templates=True, repeat=2)
    items = [item for item in found if not isinstance(item, Skip)]
    assert [item["positive_prompt"] for item in items[::2]] == [
        "a photo of a tabby cat",
        "a drawing of a tabby cat in {this}",
        "a photo of a lorry",
        "a drawing of a lorry in {this}",
    ]
    assert len({item["id"] for item in items}) == 8
    assert {item["class_label"] for item in items} == {"tabby cat", "lorry"}
    assert {tuple(item["groups"]) for item in items} == {("prompt:tabby cat",), ("prompt:lorry",)}


def test_one_template_is_drawn_by_the_captions_id():
    rows = [{"id": str(number), "caption": f"picture {number}"} for number in range(200)]
    first = made(rows, templates=["x {caption}", "y {caption}"])
    again = made(rows[::-1], templates=["x {caption}", "y {caption}"])
    assert sorted(item["positive_prompt"] for item in first) == sorted(item["positive_prompt"] for item in again)
    assert 60 < sum(item["positive_prompt"].startswith("x") for item in first) < 140


def test_captions_of_coco_belong_to_their_photograph():
    document = {
        "annotations": [{"id": 7, "image_id": 139, "caption": " A woman. "}, {"id": 8, "image_id": 139, "caption": "Her."}]
    }
    found = made([{}], document=document, file="captions_train2017.json", pair="")
    assert [item["id"] for item in found] == ["7", "8"]
    assert {item["groups"][0] for item in found} == {"coco:139"}
    assert found[0]["paired_real_images"] == ["COCO2017_train/139"]
    assert found[0]["positive_prompt"] == "A woman."


@pytest.mark.parametrize(("given", "prompt"), [("Two  dogs", "a painting of Two dogs, {x}"), ("", None)])
def test_a_real_image_fills_in_its_prompt_or_is_skipped(given, prompt):
    real = {"id": "p/1", "label": 0, "groups": ["g:1"], "content": "scene", "class_label": "dog", "description": given}
    real |= {"source_file": "p.zip", "source_member": "1.jpg"}
    (found,) = made([real], "pairs", prompt="a painting of {description}, {x}", negative="bad")
    if prompt is None:
        assert found == Skip("p/1", "its real image has no description for the prompt")
    else:
        assert (found["positive_prompt"], found["negative_prompt"]) == (prompt, "bad")
        assert (found["paired_real_images"], found["source_member"]) == (["p/1"], "1.jpg")
