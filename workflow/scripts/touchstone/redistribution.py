"""Which images of a dataset may be passed on: what the cards of their origins state, and nothing else.

An origin that states nothing is taken as one that forbids. An image made from a photograph may go where both may.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

FREE, TERMS, FORBIDDEN, UNKNOWN = "free", "terms", "forbidden", "unknown"
ORDER = (FREE, TERMS, UNKNOWN, FORBIDDEN)  # the later one decides
MAY = (FREE, TERMS)
WORDS = {FREE: "yes", TERMS: "under its terms", FORBIDDEN: "no", UNKNOWN: "not stated, so no"}
COLUMNS = ["id", "origin", "licence", "paired_real_images"]


def stated(card: Mapping, licence: str = "") -> str:
    """What a card says of images under ``licence``: its ``redistribution.licences``, or else ``redistribution.images``."""
    told = card.get("redistribution") or {}
    return told.get("licences", {}).get(licence) or told.get("images", UNKNOWN)


def verdicts(images: pa.Table, cards: Mapping[str, Mapping]) -> list[str]:
    """``free``, ``terms``, ``forbidden`` or ``unknown`` for each image.

    Args:
        images: ``COLUMNS`` of a manifest.
        cards: Of every origin ``{redistribution, made_from}``; ``made_from`` names the origin whose images it varies.
            A variation of an image that is not in the dataset goes by what that origin says of all its images, and
            licences without derivatives (ND) allow none.
    """
    rows = list(zip(*(images[name].to_pylist() for name in COLUMNS), strict=True))
    known: dict[tuple[str, str], str] = {}
    for origin, licence in {(origin, licence) for _, origin, licence, _ in rows}:
        known[origin, licence] = stated(cards[origin], licence or "")
    varies = {origin: card["made_from"] for origin, card in cards.items() if card.get("made_from")}
    if not varies:
        return [known[origin, licence] for _, origin, licence, _ in rows]
    sources = set(varies.values())
    places = {name: (origin, licence) for name, origin, licence, _ in rows if origin in sources}
    found = []
    for _, origin, licence, pairs in rows:
        all_of_it = [known[origin, licence]]
        for pair in pairs if origin in varies else []:
            source, under = places.get(pair, (varies[origin], ""))
            all_of_it.append(FORBIDDEN if "-ND" in (under or "") else known.get((source, under)) or stated(cards[source]))
        found.append(max(all_of_it, key=ORDER.index))
    return found
