"""Readers turn names and rows into items: one module per layout, no pixels.

A reader module has one function::

    items(listing: Listing, options: dict) -> Iterator[dict | Skip]

It yields fields of ``record.ITEM`` (only those it knows), or a ``Skip`` for what is not an item.
``id`` is yielded without what ids of the origin begin with; ``listing`` puts it there.
"""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import NamedTuple

from touchstone.containers import is_safe
from touchstone.images import SUFFIXES


class Skip(NamedTuple):
    """Something in an origin that is not an item, and why."""

    name: str
    why: str


def no_picture(member: str) -> str:
    """Why a member can be no image, by its name; an empty text if it can."""
    if not is_safe(member):
        return "not a safe name"
    folder, _, name = member.rpartition("/")  # as text: paths would take most of the time of a long list
    if name.startswith(".") or "__MACOSX" in folder.split("/"):
        return "a file of the operating system"
    stem, dot, suffix = name.rpartition(".")
    return "" if stem and f"{dot}{suffix}".lower() in SUFFIXES else "not the suffix of an image"


class Tally:
    """How often something was said, and of which name first."""

    def __init__(self):
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    def add(self, name: str, why: str, count: int = 1) -> None:
        self.counts[why] += count
        self.first.setdefault(why, name)

    def lines(self, verb: str) -> list[str]:
        """``3 <verb> <why> (first: 'name')`` for each thing said, in the order of their first time."""
        return [f"{count:>7,} {verb} {why} (first: {self.first[why]!r})" for why, count in self.counts.items()]


@dataclass
class Listing:
    """What a reader may look at, and where it notes what an item had to be left without."""

    files: Collection[str] = ()  # files of the card that are there
    members: Iterable[tuple[str, str]] = ()  # (file of the card, member inside it)
    table: Callable[[str, list[str]], Iterable[dict]] | None = None  # (file, columns) -> rows
    document: Callable[[str], dict] | None = None  # JSON file of the card -> its contents
    tables: Iterable[str] = ()  # tables of the origin, sorted, below its folder
    columns: Callable[[str], list[str]] | None = None  # table -> names of its columns
    archives: Iterable[str] = ()  # archives of the origin, sorted, below its folder
    inside: Callable[[str], Iterable[str]] | None = None  # one of these -> its members
    texts: Callable[[str, list[str]], Iterable[tuple[str, str]]] | None = None  # (file, members) -> (member, its text)
    pairs: Iterable[dict] = field(default_factory=list)  # items of the origin that is varied
    notes: Tally = field(default_factory=Tally)

    def pictures(self) -> Iterator[tuple[str, str, PurePosixPath] | Skip]:
        """``(file, member, member as a path)`` of every member that can be an image."""
        for picture in self.picture_names():
            yield picture if isinstance(picture, Skip) else (*picture, PurePosixPath(picture[1]))

    def picture_names(self) -> Iterator[tuple[str, str] | Skip]:
        """``(file, member)`` of every member that can be an image; in half the time, as paths are slow to make."""
        for file, member in self.members:
            if why := no_picture(member):
                yield Skip(member, why)
            else:
                yield file, member

    def lookup(self, file: str, key: str, value: str) -> dict[str, str]:
        """Two columns of a table as a dictionary."""
        return {row[key].strip(): row[value].strip() for row in self.table(file, [key, value])}

    def found(self, known: dict, key: object, what: str, item: str) -> str:
        """``known[key]``, or an empty text and a note that ``item`` goes without ``what``."""
        if text := known.get(key, ""):
            return text
        self.notes.add(item, what)
        return ""


def prompt_group(prompt: str) -> list[str]:
    """The group of images made from one prompt, whatever its case and spaces; none if it is empty."""
    return [f"prompt:{' '.join(prompt.split()).casefold()}"] if prompt.strip() else []


def reader(name: str) -> Callable:
    """The ``items`` function of the reader module ``name``."""
    return importlib.import_module(f"touchstone.readers.{name}").items
