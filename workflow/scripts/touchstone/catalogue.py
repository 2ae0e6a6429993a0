"""Cards and datasets: loaded, checked, and turned into the numbers a plan needs.

Snakemake parses this on every node, so it imports nothing heavy: no pyarrow, no torch.
"""

from __future__ import annotations

import math
import os
from functools import cached_property
from pathlib import Path

from touchstone.checking import load_checked, suggest
from touchstone.credentials import check_no_secrets
from touchstone.errors import TouchstoneError
from touchstone.parts import REAL, RESERVED, Part, models_in, numbered
from touchstone.quotas import check_protocols, wanted_parts
from touchstone.recipes import settings
from touchstone.suffixes import is_streamed

GPUS_PER_NODE = 4
START_SECONDS = 60  # of a shard of generated images, before the first


class Catalogue:
    """The cards, models and generators a dataset needs, and the dataset itself, all checked.

    Args:
        config: Contents of config.yaml.
        home: Folder that relative paths in ``config`` start from (the repository).

    Raises:
        TouchstoneError: A file is missing or wrong; names file, key, value and mend.
    """

    def __init__(self, config: dict, home: str | Path):
        load_checked("config", "config/config.yaml", config)
        if "recipe" in config:
            config, home = settings(config)
        self.home = Path(home)
        self.config = config
        self.models = self._shared_table("models")
        self.generators = self._shared_table("generators")
        self.dataset_name = config["dataset"]
        self.dataset_file = self._find(config["datasets"], self.dataset_name, "dataset")
        self.dataset = load_checked("dataset", self.dataset_file)
        self.cards: dict[str, dict] = {}
        self._check_dataset()
        for origin in self.origins:
            self._load_card(origin)
            source = self.card(origin)["recipe"]["reader"].get("origin")
            if source and source not in self.cards:
                self._load_card(source)
        for part in self.parts:
            self._check_part(part)

    def _folders(self, key: str) -> list[Path]:
        return [self.home / folder for folder in self.config[key]]

    def _shared_table(self, name: str) -> dict:
        table: dict = {}
        for folder in self._folders("cards"):
            if (folder / f"{name}.yaml").exists():
                table |= load_checked(name, folder / f"{name}.yaml")
        return table

    def _find(self, folders: list[str], name: str, what: str) -> Path:
        for folder in reversed(folders):
            if (path := self.home / folder / f"{name}.yaml").exists():
                return path
        known = sorted(
            path.stem
            for folder in folders
            for path in (self.home / folder).glob("*.yaml")
            if path.stem not in ("models", "generators")
        )
        raise TouchstoneError(
            f"there is no {what} called {name!r}",
            where=", ".join(str(self.home / folder) for folder in folders),
            mend=suggest(name, known) or f"known: {', '.join(known) or 'none'}",
        )

    def _load_card(self, origin: str) -> None:
        try:
            path = self._find(self.config["cards"], origin, "origin")
        except TouchstoneError as error:
            raise TouchstoneError(f"{error.what}, named in {self.dataset_file}", error.where, error.mend) from None
        if origin in RESERVED:
            raise TouchstoneError(f"an origin cannot be called {origin!r}", where=path, mend="rename the card")
        card = load_checked("origin", path)
        check_no_secrets(card, path)
        card["file"] = os.path.relpath(path)  # a clone that moves with its results changes no path
        where = f"{path}: generators"
        if card["kind"] == "generate":
            for name in models_in(card["recipe"]):
                if name not in self.models:
                    raise TouchstoneError(
                        f"there is no model called {name!r}",
                        where=f"{path}: recipe.model" if name == card["recipe"]["model"] else f"{path}: recipe.prior.model",
                        mend=suggest(name, self.models) or "add it to models.yaml",
                    )
            name = card["recipe"]["model"]
            own = card["recipe"].get("generator")
            card["generators"] = [own or self.models[name]["generator"]]
            where = f"{path}: recipe.generator" if own else f"models.yaml: {name}.generator"
        for generator in card.get("generators", []):
            if generator not in self.generators:
                raise TouchstoneError(
                    f"there is no generator called {generator!r}",
                    where=where,
                    mend=suggest(generator, self.generators) or "add it to generators.yaml",
                )
        self.cards[origin] = card

    def _check_dataset(self) -> None:
        total = sum(self.dataset["splits"].values())
        if abs(total - 1) > 1e-9:
            raise TouchstoneError(
                f"the shares of the splits add up to {total:g}, not 1",
                where=f"{self.dataset_file}: splits",
                mend="change them so that they do",
            )
        check_protocols(self.dataset, self.dataset_file)
        if any("share" in entry for entry in self.dataset.get("reals", {}).values()) and not self.dataset.get("fakes"):
            raise TouchstoneError(
                "reals given by `share` follow the number of fakes, but the dataset has none",
                where=f"{self.dataset_file}: reals",
                mend="give each origin a `quota`",
            )

    def _check_part(self, part: Part) -> None:
        card = self.card(part.origin)
        part.check_survival(card["kind"], self.dataset_file)
        if part.generator != REAL and part.generator not in card.get("generators", []):
            raise TouchstoneError(
                f"origin {part.origin!r} has no generator called {part.generator!r}",
                where=f"{self.dataset_file}: fakes.{part.origin}.quota",
                mend=suggest(part.generator, card.get("generators", [])) or f"see {card['file']}",
            )

    # -- what the dataset wants ------------------------------------------------------------------

    @property
    def origins(self) -> list[str]:
        """Origins of the dataset, in the order of its file, fakes first."""
        return list(dict.fromkeys([*self.dataset.get("fakes", {}), *self.dataset.get("reals", {})]))

    def card(self, origin: str) -> dict:
        return self.cards[origin]

    def of_kind(self, kind: str) -> list[str]:
        """Origins of the dataset with this kind."""
        return [origin for origin in self.origins if self.card(origin)["kind"] == kind]

    @cached_property
    def streamed(self) -> list[str]:
        """Origins whose images, or the real images that they vary, lie in an archive that can only be read from front to back."""
        lie = {name: self.source_of_pairs(name) or name for name in self.origins}
        return [name for name in lie if any(is_streamed(file["path"]) for file in self.card(lie[name]).get("files", []))]

    @cached_property
    def parts(self) -> list[Part]:
        """What is wanted of each generator of each origin, in a fixed order."""
        return wanted_parts(self.dataset, self.dataset_file, self.cards)

    def parts_of(self, origin: str) -> list[Part]:
        return [part for part in self.parts if part.origin == origin]

    def shards(self, origin: str) -> list[str]:
        """Shards that the take of ``origin`` makes. Each holds one generator, so quotas can grow
        without renaming a shard, and a packed shard finds its rows in few of them."""
        return [
            shard for part in self.parts_of(origin) for shard in numbered(part.drawn, self.dataset["shard_items"], part.generator)
        ]

    def models_used(self) -> list[str]:
        """Models that the dataset's origins use, sorted."""
        return sorted({name for origin in self.of_kind("generate") for name in models_in(self.card(origin)["recipe"])})

    def minutes_per_shard(self, origin: str) -> int:
        """Expected minutes of one shard of generated images on a node of four GPUs."""
        cost = self.card(origin).get("cost", {})
        seconds = self.dataset["shard_items"] * cost.get("seconds", 10) / GPUS_PER_NODE
        return math.ceil((seconds + cost.get("start", START_SECONDS)) / 60)

    def calls_to_service(self, origin: str) -> int:
        """Calls that an origin of kind ``api`` takes, if none fails: one for each item that is drawn."""
        return sum(part.drawn for part in self.parts_of(origin))

    def packed(self) -> list[tuple[str, str]]:
        """``(split, shard)`` of every shard of the finished dataset."""
        return [
            (split, shard)
            for part in self.parts
            for split, target in part.targets.items()
            for shard in numbered(target, self.dataset["pack_items"], part.key)
        ]

    # -- what rules pass on ----------------------------------------------------------------------

    def draw_plan(self, origin: str) -> list[dict]:
        """``{key, name, drawn}`` of each part of the origin: what ``draw_origin`` needs to know."""
        return [
            {"key": part.generator, "name": self.generators.get(part.generator, {}).get("name", ""), "drawn": part.drawn}
            for part in self.parts_of(origin)
        ]

    def split_plan(self) -> list[dict]:
        """Each part with its targets per split: what ``split`` needs to know."""
        return [
            {"origin": part.origin, "part": part.generator, "matched": part.matched, "targets": part.targets}
            for part in self.parts
        ]

    def published_cards(self) -> dict:
        """What the report and the dataset card tell of each origin, and of those whose images they vary."""
        told = ("title", "homepage", "licence", "access", "citation", "kind", "redistribution")
        return {
            origin: {key: self.card(origin).get(key, "") for key in told} | {"made_from": self.source_of_pairs(origin) or ""}
            for origin in dict.fromkeys([*self.origins, *self.cards])
        }

    def generator_table(self, origin: str) -> dict:
        """``{key: {name, released}}`` of the origin's generators."""
        return {key: self.generators[key] for key in self.card(origin).get("generators", [])}

    def named_generators(self) -> dict[str, dict]:
        """``{name: {family, released}}`` of all generators; a family of its own for one that has none."""
        return {
            entry["name"]: {"family": entry.get("family", entry["name"]), "released": entry["released"]}
            for entry in self.generators.values()
        }

    def lists_beside_card(self, origin: str) -> list[Path]:
        """Files of the origin that come with its card."""
        card = self.card(origin)
        sources = [file.get("source", "") for file in card.get("files", [])]
        return [Path(card["file"]).parent / source[5:] for source in sources if source.startswith("card:")]

    def beside_dataset(self, names: list[str]) -> list[str]:
        """Paths of files named in the dataset file, which are relative to it."""
        return [os.path.relpath(self.dataset_file.parent / name) for name in names]

    def source_of_pairs(self, origin: str) -> str | None:
        """The origin whose images this one varies, if it does."""
        return self.card(origin)["recipe"]["reader"].get("origin")

    def may_be_incomplete(self, origin: str) -> bool:
        """Whether its folders may hold fewer files than the card says."""
        return origin in self.config.get("incomplete", [])
