"""The works that a dataset's users must cite: a BibTeX file with one entry for each origin, whose key is the origin's name."""

from __future__ import annotations

import re
from collections.abc import Mapping

from touchstone.errors import TouchstoneError
from touchstone.files import write_text
from touchstone.progress import Progress

FIELD = re.compile(r"^\s*(\w+)\s*=\s*\{(.*)\},?$", re.MULTILINE)
ENTRY = re.compile(r"@(\w+)\s*\{\s*([^\s,{}]+)\s*,")


def write_citations(*, cards: Mapping[str, Mapping], citations: str, progress: Progress) -> None:
    """Write ``citations``, BibTeX of every origin.

    Args:
        cards: Title, homepage and ``citation`` (BibTeX, a plain reference, or none) of each origin.

    Raises:
        TouchstoneError: The BibTeX of a card is none.
    """
    write_text(citations, "\n\n".join(entry(origin, card) for origin, card in cards.items()) + "\n")
    progress.finish(f"{len(cards)} works to cite")


def entry(origin: str, card: Mapping) -> str:
    """BibTeX of one origin: its own entry under the origin's name, or else its title, address and plain reference."""
    citation = (card.get("citation") or "").strip()
    if citation.startswith("@"):
        match = ENTRY.match(citation)
        if not match or not _closes(citation) or citation.count("@") - citation.count("\\@") > 1:
            raise TouchstoneError(
                "this is not one BibTeX entry", where=f"card of {origin}: citation", mend="see that @type{key, ...} is closed"
            )
        return f"@{match[1]}{{{origin},{citation[match.end() :]}"
    fields = {"title": f"{{{plain(card['title'])}}}", "howpublished": f"\\url{{{address(card['homepage'])}}}"}
    if citation:
        fields["note"] = plain(" ".join(citation.split()))
    return f"@misc{{{origin},\n" + ",\n".join(f"  {key} = {{{value}}}" for key, value in fields.items()) + "\n}"


def reference(citation: str) -> str:
    """A citation as people read it: of BibTeX first author, year and title, else the plain text."""
    fields = dict(FIELD.findall(citation)) if citation.startswith("@") else {}
    if "title" not in fields:
        return " ".join(citation.split())
    plainly = {key: re.sub(r"\\[\"'`^~=.uvHc]|[{}]", "", value) for key, value in fields.items()}
    first, *others = plainly.get("author", "").split(" and ")
    who = first.partition(",")[0] + (" et al." if others else "")
    year = f" ({plainly['year']})" if "year" in plainly else ""
    return f"{who}{year}, {plainly['title']}".lstrip(", ")


def _closes(text: str) -> bool:
    """Whether the braces of an entry close at its end and nowhere before."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and letter == "}":
            return place == len(text) - 1
    return False


def plain(text: str) -> str:
    """A text that BibTeX and TeX take as it is."""
    text = text.replace("\\", "/").replace("{", "(").replace("}", ")").replace("@", "(at)")
    return re.sub(r"([&%$#_])", r"\\\1", text).replace("~", r"\textasciitilde{}").replace("^", r"\textasciicircum{}")


def address(text: str) -> str:
    """An address for ``\\url``, which nothing in it can close."""
    return re.sub(r"[{}\\\s]", "", text)
