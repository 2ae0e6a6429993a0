"""Datasets with planted faults: pictures of known distribution in zips, and cards and a dataset file for them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from tests.building import Workplace

SIZES = [(128, 128), (160, 120), (120, 160), (192, 128), (144, 144)]
QUALITIES = range(85, 96)
GATES = ("rejected", "shortfall", "torn_groups", "leaks", "mirrored", "listed", "shortcut", "pixels", "watermark")


class Source:
    """Pictures none of which is like another, in sizes and qualities that are drawn alike for all."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)

    def picture(self, size: tuple[int, int] | None = None) -> Image.Image:
        """A coarse random pattern, smoothly enlarged: its perceptual hash is random, too."""
        coarse = self.random.normal(128, 60, (8, 8, 3)).clip(0, 255).astype(np.uint8)
        size = size or SIZES[self.random.integers(len(SIZES))]
        smooth = np.asarray(Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
        return Image.fromarray((smooth + self.random.normal(0, 3, smooth.shape)).clip(0, 255).astype(np.uint8))

    def jpeg(self, image: Image.Image | None = None, **options: object) -> bytes:
        return encoded(image or self.picture(), "JPEG", **{"quality": int(self.random.choice(QUALITIES))} | options)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def with_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[271] = "Maker"
    return exif


def place_of(folder: Path, reals: dict[str, bytes], fakes: dict[str, dict[str, bytes]], dataset: dict) -> Workplace:
    """A workplace whose dataset is ``dataset``, of the origins ``reals`` and one of each generator's name, ``{stem: bytes}``."""
    place = Workplace(folder / "place")
    cards = place.folder / "my_cards"
    cards.mkdir()
    names = {name: {"name": name.title(), "released": "2023-01-01"} for name in fakes}
    (cards / "generators.yaml").write_text(yaml.safe_dump(names), encoding="utf-8")
    for name, pictures in {"photos": reals, **fakes}.items():
        with zipfile.ZipFile(place.folder / f"{name}.zip", "w") as archive:
            for stem, data in pictures.items():
                archive.writestr(f"{name}/{stem}", data)
        reader = {"name": "folders", "top": name} | ({"generators": {".": name}} if name in fakes else {})
        about = {"title": name, "homepage": "https://example.org", "licence": "CC0-1.0", "access": "manual", "kind": "archive"}
        card = about | {"instructions": "none", "files": [{"path": f"{name}.zip"}], "recipe": {"revision": 1, "reader": reader}}
        if name in fakes:
            card["generators"] = [name]
        card["examples"] = [{"given": f"{name}/0.jpg", "expect": {"id": f"{name}/0", "label": int(name in fakes)}}]
        (cards / f"{name}.yaml").write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")
    whole = {"title": "Planted", "seed": 5, "splits": {"train": 0.8, "test": 0.2}, "shard_items": 1000} | dataset
    (place.folder / "config/datasets/demo.yaml").write_text(yaml.safe_dump(whole), encoding="utf-8")
    paths = dict.fromkeys(["photos", *fakes], str(place.folder))
    place.edit("config.yaml", cards=[str(place.folder / "config/origins"), str(cards)], paths=paths)
    return place


def many(count: int, make: Callable[[], bytes], suffix: str = "jpg") -> dict[str, bytes]:
    """``{stem: bytes}`` of so many pictures."""
    return {f"{number:03d}.{suffix}": make() for number in range(count)}


def ids(name: str, stems: dict[str, bytes]) -> Iterator[str]:
    return (f"{name}/{stem.rpartition('.')[0]}" for stem in stems)
