"""Readers turn names and rows into items: one module per layout, no pixels.

A reader module has one function::

    items(listing: Listing, options: dict) -> Iterator[dict | Skip]

It yields fields of ``record.ITEM`` (only those it knows), or a ``Skip`` for what is not an item.
``id`` is yielded without the origin's name in front; ``listing`` puts it there.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple


class Skip(NamedTuple):
    """Something in an origin that is not an item, and why."""

    name: str
    why: str


@dataclass
class Listing:
    """What a reader may look at."""

    members: Iterable[tuple[str, str]] = ()  # (file of the card, member inside it)
    table: Callable[[str, list[str]], Iterable[dict]] | None = None  # (file, columns) -> rows
    pairs: Iterable[dict] = field(default_factory=list)  # items of the origin that is varied


def reader(name: str) -> Callable:
    """The ``items`` function of the reader module ``name``."""
    return importlib.import_module(f"touchstone.readers.{name}").items
