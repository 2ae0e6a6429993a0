"""Taking images from the web: engines that fetch, and what is known of how the web answers.

An engine is a module of this package with one function::

    def engine(settings: dict, scratch: Path, proxy: str | None) -> ContextManager[Fetch]

``Fetch`` is called with ``{row: address}``, as often as rows are to be tried again, and gives one
``Answer`` for each row in any order. It decides nothing but what came of a request: whether bytes
are an image, what is tried again and what is kept is the business of ``touchstone.scrape``, and is
the same for all engines.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# Of a card's recipe; what each means stands in origin.schema.yaml.
DEFAULTS: dict = {
    "engine": "direct",
    "timeout": 10,
    "total": 100,
    "retries": 2,
    "pause": 5,
    "threads": 64,
    "per_host": 8,
    "per_second": 0,
    "max_bytes": 20_000_000,
    "max_unreached": 0.5,
    "respect": ["robots_tag"],
    "networks": [],
    "check_certificates": True,
}
# Those that decide what becomes of an answer: rows settled under others are asked for again.
JUDGING = ("max_bytes", "respect", "networks")


@dataclass
class Answer:
    """What came of one address.

    ``reason`` is a key of ``record.REASONS``, or empty if ``data`` is a whole body; ``scrape`` holds
    fields of ``record.SCRAPE``, its ``status`` a word of ``touchstone.scraping.verdicts``.
    """

    row: int
    reason: str
    scrape: dict = field(default_factory=dict)
    data: bytes = b""


Fetch = Callable[[dict[int, str]], Iterator[Answer]]
