"""Recipes: all that a dataset is made by but its pixels, in a folder that another user builds it from again."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from touchstone.checking import load_checked
from touchstone.errors import TouchstoneError

if TYPE_CHECKING:
    from touchstone.catalogue import Catalogue

OWN = ("paths", "models", "earlier")  # settings that speak of one machine


def settings(config: dict) -> tuple[dict, Path]:
    """Settings of the recipe that ``config["recipe"]`` names, with what ``config`` says of this machine; and its folder.

    Raises:
        TouchstoneError: The folder holds no recipe.
    """
    folder = Path(config["recipe"])
    path = folder / "config/config.yaml"
    if not path.exists():
        raise TouchstoneError("there is no recipe here", where=folder, mend="name the folder that export_recipe made")
    told = load_checked("config", path)
    blocked = [os.path.relpath(folder / name) for name in told.get("blocked", [])]
    mine = {key: config[key] for key in OWN if key in config}
    return told | mine | ({"blocked": blocked} if blocked else {}), folder


def files_of_recipe(catalogue: Catalogue) -> list[tuple[str, str]]:
    """Place in the recipe and path of dataset file, cards and the lists that these name beside them.

    A list that would not lie in ``config/`` is left to the user, as are the origins' own files.
    """
    dataset, at = catalogue.dataset, catalogue.dataset_file.parent
    named = [(f"config/datasets/{catalogue.dataset_name}.yaml", str(catalogue.dataset_file))]
    named += [(f"config/datasets/{name}", str(at / name)) for name in [*dataset["takedown"], *dataset["audit"]["against"]]]
    for origin, card in catalogue.cards.items():
        named.append((f"config/origins/{origin}.yaml", card["file"]))
        sources = (file.get("source", "") for file in card.get("files", []))
        beside = [source[5:] for source in sources if source.startswith("card:")]
        named += [(f"config/origins/{name}", str(Path(card["file"]).parent / name)) for name in beside]
    named += [(_blocked(place, path), path) for place, path in enumerate(catalogue.config.get("blocked", []))]
    placed = ((os.path.normpath(place), os.path.relpath(path)) for place, path in named)
    return [(place, path) for place, path in dict.fromkeys(placed) if PurePosixPath(place).is_relative_to("config")]


def _blocked(place: int, path: str) -> str:
    return f"config/lists/{place}-{Path(path).name}"


def settings_of_recipe(catalogue: Catalogue) -> dict:
    """What ``config/config.yaml`` of the recipe says: nothing about machines."""
    config = catalogue.config
    blocked = [_blocked(place, path) for place, path in enumerate(config.get("blocked", []))]
    told = {"dataset": catalogue.dataset_name, "cards": ["config/origins"], "datasets": ["config/datasets"], "blocked": blocked}
    return {key: value for key, value in told.items() if value} | {key: config[key] for key in ("incomplete",) if key in config}


def to_get(catalogue: Catalogue) -> dict[str, str]:
    """What a person must get before a rebuild, and how: ``{origin or list: instructions}``."""
    told = {
        origin: card.get("instructions") or f"see {card['homepage']}"
        for origin, card in catalogue.cards.items()
        if card["access"] != "open"
    }
    return told | {entry["file"]: entry.get("instructions", "") for entry in catalogue.dataset["members"]}
