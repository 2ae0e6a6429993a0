"""citations.py: one entry for each origin, which BibTeX can read whatever the cards hold."""

from __future__ import annotations

import re

import pytest
from tests.test_cards import CARDS

from touchstone.checking import load_checked
from touchstone.citations import entry, plain, reference, write_citations
from touchstone.errors import TouchstoneError

CARD = {"title": "Photographs", "homepage": "https://example.org/a_b"}


def fields(text: str) -> dict[str, str]:
    """Fields of one entry, read as BibTeX reads it: braces balanced, commas between; nothing left over."""
    head, rest = re.fullmatch(r"@\w+\{([^\s,{}]+),(.*)\}", text, re.DOTALL).groups()
    found = {"key": head}
    while rest.strip():
        name, start = re.match(r"\s*(\w+)\s*=\s*(\{)", rest).groups()[0], rest.index("{")
        depth, end = 0, start
        for end in range(start, len(rest)):
            depth += (rest[end] == "{") - (rest[end] == "}")
            if not depth:
                break
        assert not depth
        found[name] = rest[start + 1 : end]
        rest = rest[end + 1 :].strip().removeprefix(",")
    return found


def test_an_entry_of_a_card_gets_the_key_of_its_origin():
    text = "@article{Some:key_2020, title = {A {B} c}, year = {2020}}"
    assert fields(entry("photos", CARD | {"citation": f"{text}\n"})) == {"key": "photos", "title": "A {B} c", "year": "2020"}


def test_without_one_title_address_and_reference_stand_for_it():
    assert fields(entry("photos", CARD)) == {
        "key": "photos",
        "title": "{Photographs}",
        "howpublished": r"\url{https://example.org/a_b}",
    }
    assert fields(entry("photos", CARD | {"citation": "Doe & al.,\n 100 %"}))["note"] == r"Doe \& al., 100 \%"


BROKEN = ("@misc{a, title = {x}", "@misc{a, title = {x}}}", "@misc{a, title = {x}} more", "@misc title", "@misc{a,} @misc{b,}")


@pytest.mark.parametrize("citation", BROKEN)
def test_what_is_no_entry_is_told_with_its_card(citation):
    with pytest.raises(TouchstoneError, match=r"not one BibTeX entry[\s\S]*card of photos"):
        entry("photos", CARD | {"citation": citation})


def test_people_are_shown_author_year_and_title():
    shown = {path.stem: reference(load_checked("origin", path).get("citation", "")) for path in CARDS}
    assert shown["coco_2017"] == "Lin et al. (2014), Microsoft COCO: Common Objects in Context"
    assert shown["demo_photos"] == "van der Walt et al. (2014), scikit-image: Image Processing in Python"
    assert shown["nyu_weather"] == "Weather Phenomenon Database (WEAPD)"
    assert not [text for text in shown.values() if set(text) & set("@{}\\")]
    assert reference("Doe (2020),\n  A title.") == "Doe (2020), A title."


def test_hostile_texts_cannot_leave_their_field():
    attack = r"}, evil = {x} } @misc{b, \input{/etc/passwd} 100% $a_1$ #~^"
    found = fields(entry("photos", {"title": attack, "homepage": f"https://x.org/{attack}", "citation": attack}))
    assert set(found) == {"key", "title", "howpublished", "note"}
    assert "\\input" not in "".join(found.values())
    assert plain("a_b") == r"a\_b"


def test_every_card_of_the_catalogue_can_be_cited(tmp_path, progress):
    cards = {path.stem: load_checked("origin", path) for path in CARDS}
    write_citations(cards=cards, citations=str(tmp_path / "citations.bib"), progress=progress)
    entries = (tmp_path / "citations.bib").read_text(encoding="utf-8").strip().split("\n\n")
    found = [fields(text) for text in entries]
    assert [each["key"] for each in found] == list(cards)
    assert all(each["title"] for each in found)
    assert all(each["author"] for each in found if "booktitle" in each or "journal" in each)
