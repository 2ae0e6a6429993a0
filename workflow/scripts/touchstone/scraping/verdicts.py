"""How answers of the web are told apart: what is worth trying again, and what is the network's fault.

``scrape.status`` of a row is one of these words; its reason follows from it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

# Word, and the reason of record.REASONS it leads to.
STATUS = {
    "success": "",
    "http_error": "http_error",  # the server answered with an error
    "no_such_host": "not_reached",  # name servers say that there is no such name
    "lookup_failed": "not_reached",  # name servers say nothing
    "timed_out": "not_reached",
    "not_connected": "not_reached",
    "broken_off": "not_reached",  # the connection ended before the answer did
    "host_down": "not_reached",  # not asked, because others on this host went unanswered
    "redirect_loop": "not_reached",
    "bad_certificate": "not_reached",
    "too_large": "too_many_bytes",
    "opted_out": "opted_out",
    "refused": "refused_address",  # of a redirect or a looked-up name; the list's own are not asked
    "not_asked": "refused_address",
}
NETWORK = {"no_such_host", "lookup_failed", "timed_out", "not_connected", "broken_off", "host_down"}
MANY = 10  # answers or failures; of fewer nothing is concluded
# 408, 425, 429 and 5xx of RFC 9110 that pass, and those that Cloudflare (52x) and others add.
PASSING = {408, 425, 429, 500, 502, 503, 504, 507, 509, *range(520, 528), 529, 530}


def is_network(scrape: dict) -> bool:
    """Whether no server answered, which can be the fault of this side."""
    return scrape["status"] in NETWORK


def blames_network(scrape: dict, answered: int) -> bool:
    """Whether a failure counts against the network, where servers gave so many answers.

    A name that does not exist is a dead link, unless next to nothing else answers either.
    """
    return is_network(scrape) and not (scrape["status"] == "no_such_host" and answered >= MANY)


def is_passing(reason: str, scrape: dict) -> bool:
    """Whether the same address may well give an image at another time."""
    return is_network(scrape) or (reason == "http_error" and scrape["http_status"] in PASSING)


def histogram(answers: Iterable[tuple[str, dict]]) -> str:
    """``404: 12, timed_out: 3`` of ``(reason, scrape)``, the most frequent first."""
    counts = Counter(_word(reason, scrape) for reason, scrape in answers)
    return ", ".join(f"{word}: {count:,}" for word, count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0])))


def _word(reason: str, scrape: dict) -> str:
    if reason == "http_error":
        return f"HTTP {scrape['http_status']}"
    return scrape["status"] if reason == "not_reached" else reason or "image"
