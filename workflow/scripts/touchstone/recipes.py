"""Recipes: all that a dataset is made by but its pixels, in a folder that another user builds it from again."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from touchstone.checking import load_checked, read_yaml
from touchstone.errors import TouchstoneError

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
    told = read_yaml(path)
    told = load_checked("config", path, told)
    blocked = [os.path.relpath(folder / name) for name in told.get("blocked", [])]
    mine = {key: config[key] for key in OWN if key in config}
    return told | mine | ({"blocked": blocked} if blocked else {}), folder


def files_of_recipe(catalogue) -> dict[str, str]:
    """``{place in the recipe: path}`` of dataset file, cards and the lists that these name beside them.

    A list that would not lie in ``config/`` is left to the user, as are the origins' own files.
    """
    dataset = catalogue.dataset
    named = {f"config/datasets/{catalogue.dataset_name}.yaml": os.path.relpath(catalogue.dataset_file)}
    for name in [*dataset["takedown"], *dataset["audit"]["against"]]:
        named[f"config/datasets/{name}"] = os.path.relpath(catalogue.dataset_file.parent / name)
    for origin, card in catalogue.cards.items():
        named[f"config/origins/{origin}.yaml"] = card["file"]
        for file in card.get("files", []):
            if (source := file.get("source", "")).startswith("card:"):
                named[f"config/origins/{source[5:]}"] = os.path.relpath(Path(card["file"]).parent / source[5:])
    named |= {f"config/lists/{place}-{Path(path).name}": path for place, path in enumerate(catalogue.config.get("blocked", []))}
    placed = {os.path.normpath(place): path for place, path in named.items()}
    return {place: path for place, path in placed.items() if PurePosixPath(place).is_relative_to("config")}


def settings_of_recipe(catalogue) -> dict:
    """What ``config/config.yaml`` of the recipe says: nothing about machines."""
    config = catalogue.config
    blocked = [f"config/lists/{place}-{Path(path).name}" for place, path in enumerate(config.get("blocked", []))]
    told = {"dataset": catalogue.dataset_name, "cards": ["config/origins"], "datasets": ["config/datasets"], "blocked": blocked}
    return {key: value for key, value in told.items() if value} | {key: config[key] for key in ("incomplete",) if key in config}


def to_get(catalogue) -> dict[str, str]:
    """What a person must get before a rebuild, and how: ``{origin or list: instructions}``."""
    told = {
        origin: card.get("instructions") or f"see {card['homepage']}"
        for origin, card in catalogue.cards.items()
        if card["access"] != "open"
    }
    return told | {entry["file"]: entry.get("instructions", "") for entry in catalogue.dataset["members"]}
