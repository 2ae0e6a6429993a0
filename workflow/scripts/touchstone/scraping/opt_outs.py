"""What servers and owners say about the use of their images: X-Robots-Tag, TDM-Reservation, robots.txt."""

from __future__ import annotations

import re
from collections.abc import Iterable

AGENT = "touchstone"
DIRECTIVES = {"noai", "noimageai", "noindex", "noimageindex", "none"}
# Directives that take a value after a colon, and so are no agents (Google's reference of X-Robots-Tag).
VALUED = {"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"}


def robots_tag(values: Iterable[str]) -> str:
    """The directive of X-Robots-Tag headers that forbids the use of an image; empty if none does.

    A directive after ``agent:`` is for that agent alone, up to the next agent or the header's end.
    """
    for value in values:
        agent = AGENT
        for token in value.lower().split(","):
            name, colon, rest = token.partition(":")
            if colon and name.strip() not in VALUED:
                agent, token = name.strip(), rest
            if agent == AGENT and (word := token.strip()) in DIRECTIVES:
                return word
    return ""


def tdm_reserved(value: str | None) -> bool:
    """Whether a TDM-Reservation header reserves text and data mining (W3C TDM Reservation Protocol)."""
    return bool(value and re.fullmatch(r"\s*1\s*", value))


def robots_txt(text: str, address: str) -> bool:
    """Whether a robots.txt (RFC 9309) lets this agent ask for ``address``."""
    from protego import Protego

    return Protego.parse(text).can_fetch(address, AGENT)
