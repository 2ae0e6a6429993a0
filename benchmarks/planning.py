"""Planning at scale: time and memory of ``snakemake -n`` for catalogues of 5,000 and 20,000 shard jobs.

python -m benchmarks.planning [--write]
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import yaml
from tests.building import HOME, Workplace

IMAGES = {"a million images": 1_000_000, "5,000 shard jobs": 3_400_000, "20,000 shard jobs": 13_600_000}
RUNS = 3
print(resource, argparse, os, re, subprocess, sys, tempfile, time, dataclass, RUNS, HOME) if 0 else None

GENERATED, COLLECTED, PHOTOGRAPHED, SCRAPED = 10, 8, 4, 3  # origins of each sort, 25 in all
GENERATORS_OF_COLLECTION = 3


def write_catalogue(folder: Path, images: int) -> Workplace:
    """A catalogue of 25 origins of all kinds in ``folder/config``, and a dataset ``demo`` of so many images.

    Half of the images are fakes: from 10 models, and from 8 archives of 3 generators each; half are
    reals: from 4 archives and 3 lists of addresses. Shard sizes and margins are the defaults.
    """
    cards, files = {}, {}
    models = {f"model_{n}": f"generator_{n}" for n in range(GENERATED)}
    generators = [*models.values(), *(f"collected_{n}" for n in range(GENERATORS_OF_COLLECTION * COLLECTED))]
    for n, model in enumerate(models):
        recipe = {"mode": "text_to_image", "model": model, "steps": 50, "size": [512, 512], "batch": 8, "seed": 1}
        cards[f"generated_{n}"] = _card("generate", "prompts.csv", _table("prompts.csv"), **recipe)
    for n in range(COLLECTED):
        own = generators[GENERATED:][n::COLLECTED]
        reader = {"name": "folders", "generators": {name: name for name in own}}
        cards[f"collection_{n}"] = _card("archive", "images.zip", reader) | {"generators": own}
    for n in range(PHOTOGRAPHED):
        cards[f"photos_{n}"] = _card("archive", "images.zip", {"name": "folders"})
    for n in range(SCRAPED):
        cards[f"addresses_{n}"] = _card("urls", "addresses.csv", _table("addresses.csv"))
    for name, card in cards.items():
        files[f"origins/{name}"] = card
    fakes = [name for name in cards if name.startswith(("generated", "collection"))]
    reals = [name for name in cards if name not in fakes]
    files["origins/models"] = {
        name: {"source": "hub:owner/name", "revision": "0" * 40, "generator": made, "licence": "MIT"} for name, made in models.items()
    }
    files["origins/generators"] = {name: {"name": name.title(), "released": "2026-01-01"} for name in generators}
    files["datasets/scale"] = {
        "title": "Planning at scale",
        "seed": 1,
        "splits": {"train": 0.8, "validation": 0.1, "test": 0.1},
        "fakes": {name: {"quota": images // 2 // len(generators)} for name in fakes},
        "reals": {name: {"share": 1} for name in reals},
    }
    files["config"] = {"dataset": "scale", "cards": [], "datasets": []}
    for name, content in files.items():
        path = folder / "config" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Workplace(folder)  # names its own folders in config.yaml


def _card(kind: str, file: str, reader: dict, **recipe: object) -> dict:
    return {
        "title": f"Synthetic origin of kind {kind}",
        "homepage": "https://example.org",
        "licence": "CC0-1.0",
        "access": "open",
        "kind": kind,
        "files": [{"path": file, "source": f"https://example.org/{file}", "size": 10**11}],
        "cost": {"bytes": 200_000, "seconds": 2},
        "recipe": {"revision": 1, "reader": reader, **recipe},
        "examples": [{"given": "x", "expect": "skip"}],
    }


def _table(file: str) -> dict:
    return {"name": "table", "file": file, "columns": {"id": "id"}}
