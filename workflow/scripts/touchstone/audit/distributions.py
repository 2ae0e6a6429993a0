"""How the facts of the files are distributed: real against fake, in each split, of each origin and generator."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from touchstone.files import replacing
from touchstone.versions import read_table

SIDES = [64, 128, 256, 512, 1024, 2048, 4096]  # pixels
DENSITIES = [0.05, 0.1, 0.2, 0.5, 1, 2, 5]  # bytes per pixel
QUALITIES = [*range(50, 100, 5), 100]
ASPECTS = [0.25, 0.5, 0.66, 0.74, 0.99, 1.01, 1.34, 1.51, 2, 4]  # width by height; 1, 4:3 and 3:2 have ranges of their own
MOST_CATEGORIES = 8
# What names a cell; every number of the report is a sum over cells.
CELL = ("label", "split", "origin", "generator")
METADATA = {"has_exif": "EXIF", "has_icc": "ICC"}
NUMBERS = ("width", "height", "n_bytes", "jpeg_quality", "frames", "bit_depth", "progressive", *METADATA)
TEXTS = ("format", "mode", "chroma_subsampling")


@dataclass(frozen=True)
class Property:
    """Images of every cell in every bin of one fact: ``counts[cell, bin]``; only images that have the fact count."""

    key: str
    title: str
    about: str
    bins: list[str]
    counts: np.ndarray


@dataclass(frozen=True)
class Distributions:
    """``cells`` are rows ``{label, split, origin, generator}``, which the properties' counts belong to."""

    cells: list[dict]
    properties: list[Property]


def count_facts(manifest: str) -> Distributions:
    """Count the facts of every image; what is read of a million images is some 100 MB."""
    table = read_table(manifest, "manifest", [*CELL, *TEXTS, *NUMBERS], read_dictionary=[*CELL[1:], *TEXTS])
    table = table.unify_dictionaries()
    coded = [table["label"].combine_chunks().dictionary_encode(), *(table[name].combine_chunks() for name in CELL[1:])]
    names = [column.dictionary.to_pylist() for column in coded]
    shape = [len(column) for column in names]
    codes = np.ravel_multi_index([column.indices.to_numpy() for column in coded], shape) if len(table) else np.empty(0, int)
    present, cell = np.unique(codes, return_inverse=True)
    cells = [
        {key: words[code] for key, words, code in zip(CELL, names, at, strict=True)}
        for at in zip(*(axis.tolist() for axis in np.unravel_index(present, shape)), strict=True)
    ]
    order = sorted(range(len(cells)), key=lambda number: list(cells[number].values()))
    place = np.argsort(order)
    return Distributions([cells[number] for number in order], list(_properties(table, place[cell], len(cells))))


def tables_of_jpegs(pixels: dict) -> Distributions:
    """The one property that only a sample of the pictures tells: whether a JPEG's tables are the standard ones.

    Args:
        pixels: ``audit/pixels.json``.
    """
    parts = pixels["tables"].items()
    cells = [dict(zip(CELL, (int(name != "real"), "", "", "" if name == "real" else name), strict=True)) for name, _ in parts]
    counts = np.array([[kinds["standard"], kinds["own"]] for _, kinds in parts], dtype=np.int64).reshape(-1, 2)
    return Distributions(cells, [Property("tables", "JPEG tables", "of a sample's JPEG images", ["standard", "own"], counts)])


def write_distributions(found: Distributions, path: str) -> None:
    """Every count that is not 0 as CSV: ``property, bin, label, split, origin, generator, images``."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["property", "bin", *CELL, "images"])
        for entry in found.properties:
            for number, name in enumerate(entry.bins):
                for row in np.flatnonzero(entry.counts[:, number]).tolist():
                    writer.writerow([entry.key, name, *found.cells[row].values(), int(entry.counts[row, number])])


def guess(counts: np.ndarray, others: np.ndarray) -> float | None:
    """Balanced accuracy of the best rule that tells two groups apart by nothing but the bin.

    It is ``(1 + TV) / 2`` with TV the total variation distance ``1/2 sum |p - q|`` (the Bayes rule for equal
    priors); None where a group has no image.

    Args:
        counts, others: ``(bins,)`` images of each group.
    """
    if not counts.sum() or not others.sum():
        return None
    return float((1 + np.abs(counts / counts.sum() - others / others.sum()).sum() / 2) / 2)


def _properties(table: pa.Table, cell: np.ndarray, cells: int) -> Iterable[Property]:
    number = {name: pc.cast(table[name], pa.float64()).to_numpy() for name in NUMBERS}
    width, height = number["width"].astype(np.int64), number["height"].astype(np.int64)
    sizes, size_of = np.unique(width << 32 | height, return_inverse=True)
    carried = sum((number[name] == 1).astype(np.int64) << bit for bit, name in enumerate(METADATA))
    sorts = range(1 << len(METADATA))
    metadata = [" and ".join(word for bit, word in enumerate(METADATA.values()) if sort >> bit & 1) or "none" for sort in sorts]

    def made(key: str, title: str, about: str, found: tuple[np.ndarray, list[str]], here: np.ndarray | None = None) -> Property:
        bins, names = found
        at = (cell if here is None else cell[here]) * len(names) + bins
        return Property(key, title, about, names, np.bincount(at, minlength=cells * len(names)).reshape(cells, len(names)))

    def text(name: str) -> tuple[np.ndarray, list[str]]:
        column = table[name].combine_chunks()
        here = column.is_valid().to_numpy(zero_copy_only=False)
        return here, _frequent(column.drop_null().indices.to_numpy(), column.dictionary.to_pylist())

    def named(name: str, words: Callable[[int], str]) -> tuple[np.ndarray, list[str]]:
        values, codes = np.unique(np.nan_to_num(number[name]).astype(np.int64), return_inverse=True)
        return _frequent(codes, [words(value) for value in values.tolist()])

    jpeg = np.isfinite(number["jpeg_quality"])
    sampled, chroma = text("chroma_subsampling")
    yield made("format", "Format", "of the encoded bytes", text("format")[1])
    yield made(
        "jpeg_quality", "JPEG quality", "of the JPEG images", _ranges(number["jpeg_quality"][jpeg].astype(int), QUALITIES), jpeg
    )
    yield made("chroma_subsampling", "Chroma", "subsampling of the JPEG images", chroma, sampled)
    yield made("progressive", "Scan", "of JPEG and PNG images", named("progressive", ("sequential", "progressive").__getitem__))
    yield made("metadata", "Metadata", "in the file", _frequent(carried, metadata))
    yield made("mode", "Mode", "as Pillow names it", text("mode")[1])
    yield made("bit_depth", "Bit depth", "bits per channel", named("bit_depth", str))
    yield made("frames", "Frames", "more than one: an animation", _ranges(number["frames"].astype(int), [1, 2]))
    yield made("bytes_per_pixel", "Bytes per pixel", "as encoded", _ranges(number["n_bytes"] / (width * height), DENSITIES))
    yield made(
        "size",
        "Size",
        "width x height, pixels",
        _frequent(size_of.ravel(), [f"{size >> 32} x {size & 0xFFFFFFFF}" for size in sizes.tolist()]),
    )
    yield made("aspect", "Aspect", "width by height", _ranges(width / height, ASPECTS))
    yield made("width", "Width", "pixels", _ranges(width, SIDES))
    yield made("height", "Height", "pixels", _ranges(height, SIDES))


def _ranges(values: np.ndarray, edges: list[float]) -> tuple[np.ndarray, list[str]]:
    """The range each value lies in, and the ranges' names, from the first to the last that occurs.

    Ranges hold their lower edge and not their upper one; whole numbers are named by first and last.
    """
    whole = np.issubdtype(values.dtype, np.integer)
    bins = np.digitize(values, edges)
    lowest = [f"{edge:g}" for edge in edges]
    highest = [f"{edge - whole:g}" for edge in edges]
    middle = [low if low == high else f"{low}-{high}" for low, high in zip(lowest[:-1], highest[1:], strict=True)]
    names = [f"below {lowest[0]}", *middle, f"{lowest[-1]} and more"]
    first = bins.min(initial=len(edges))
    return bins - first, names[first : bins.max(initial=0) + 1]


def _frequent(codes: np.ndarray, names: list[str]) -> tuple[np.ndarray, list[str]]:
    """``codes`` renumbered from the most frequent down, and the names that occur; the tail is one bin, ``other``."""
    counts = np.bincount(codes, minlength=len(names))
    order = np.argsort(-counts, kind="stable")
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    names = [names[code] for code in order if counts[code]]
    return np.minimum(place[codes], MOST_CATEGORIES), names[:MOST_CATEGORIES] + ["other"] * (len(names) > MOST_CATEGORIES)
