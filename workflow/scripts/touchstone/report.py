"""The report: one HTML page that shows what a finished dataset holds, and what it gives away."""

from __future__ import annotations

import base64
import io

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from touchstone.dataset_card import environment, tally
from touchstone.files import read_json, write_text
from touchstone.progress import Progress
from touchstone.spent import spent

SIDES = [64, 128, 256, 512, 1024, 2048, 4096]  # pixels
DENSITIES = [0.05, 0.1, 0.2, 0.5, 1, 2, 5]  # bytes per pixel
QUALITIES = [*range(50, 100, 5), 100]
MOST_CATEGORIES = 8


def write_report(
    *,
    manifest: str,
    ledger: str,
    sheet: str,
    gates: str,
    shortcuts: str,
    cards: dict[str, dict],
    name: str,
    title: str,
    description: str,
    seed: int,
    splits: dict[str, float],
    report: str,
    progress: Progress,
    versions: dict[str, str] | None = None,
    note: str = "",
    benchmarks: str | None = None,
) -> None:
    """Write the report as one HTML file that needs nothing beside it.

    Args:
        manifest: ``manifest.parquet`` of the dataset.
        ledger: ``ledger.parquet`` of the dataset.
        sheet: The contact sheet, a PNG; it is embedded as JPEG, a tenth of its bytes.
        gates: ``gates.json`` of the dataset, shown in its order.
        shortcuts: ``audit/shortcuts.json`` of the dataset.
        cards: Title, homepage, licence, access, citation and kind of each origin.
        name: The dataset's name, as its file is called.
        splits: Share of each split, in the order to show them.
        report: The file to write.
        versions: Name and version of the programs that built it.
        note: A sentence on the limits of this build, such as a model with random weights.
        benchmarks: Folder of Snakemake's benchmarks, for what the build asked for and used.

    Raises:
        TouchstoneError: Ledger and manifest do not count the same images.
    """
    counted = tally(manifest, ledger, splits)
    text = environment().get_template("report.html.j2").render(
        counted, cards=cards, name=name, title=title, description=description, seed=seed, shares=splits,
        versions=versions or {}, spent=spent(benchmarks, name) if benchmarks else [], note=note,
        comparisons=compare(manifest), sheet=_embedded(sheet), gates=read_json(gates), shortcuts=read_json(shortcuts),
    )  # fmt: skip
    write_text(report, text)
    progress.finish(f"{counted['images']:,} images reported")


def compare(manifest: str) -> list[dict]:
    """Real against fake, property by property: ``{key, title, about, bins, totals, guess}``.

    ``bins`` are ``{name, counts, shares, lengths}``, each a pair (real, fake): images, their share
    of the class, and that share against the largest one. ``totals`` are the images that have the
    property at all. ``guess`` is the balanced accuracy of the best classifier that sees nothing but
    the bin, ``(1 + TV) / 2`` with TV the total variation distance ``1/2 sum |p_real - p_fake|``
    (the Bayes rule for equal priors); None where a class has no image.
    """
    columns = ["label", "format", "width", "height", "n_bytes", "jpeg_quality"]
    table = pq.read_table(manifest, columns=columns)
    label, width, height = (table[name].to_numpy() for name in ("label", "width", "height"))
    density = table["n_bytes"].to_numpy() / (width.astype(np.int64) * height)
    jpegs = table.filter(table["jpeg_quality"].is_valid())
    qualities = jpegs["jpeg_quality"].to_numpy()
    formats = table["format"].combine_chunks().dictionary_encode()
    sizes, size_of = np.unique(width.astype(np.int64) << 32 | height, return_inverse=True)
    by_format = _frequent(formats.indices.to_numpy(), formats.dictionary.to_pylist())
    by_size = _frequent(size_of, [f"{size >> 32} x {size & 0xFFFFFFFF}" for size in sizes.tolist()])
    return [
        _compare("format", "Format", "of the encoded bytes", label, *by_format),
        _compare("jpeg_quality", "JPEG quality", "of the JPEG images", jpegs["label"].to_numpy(), *_ranges(qualities, QUALITIES)),
        _compare("bytes_per_pixel", "Bytes per pixel", "as encoded", label, *_ranges(density, DENSITIES)),
        _compare("size", "Frequent sizes", "width x height, pixels", label, *by_size),
        _compare("width", "Width", "pixels", label, *_ranges(width, SIDES)),
        _compare("height", "Height", "pixels", label, *_ranges(height, SIDES)),
    ]


def _compare(key: str, title: str, about: str, label: np.ndarray, bins: np.ndarray, names: list[str]) -> dict:
    counts = np.stack([np.bincount(bins[label == value], minlength=len(names)) for value in (0, 1)])
    totals = counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    lengths = shares / max(shares.max(initial=0), 1e-9)
    return {
        "key": key,
        "title": title,
        "about": about,
        "totals": totals.tolist(),
        "guess": (1 + np.abs(shares[0] - shares[1]).sum() / 2) / 2 if totals.all() else None,
        "bins": [
            dict(zip(("name", "counts", "shares", "lengths"), row, strict=True))
            for row in zip(names, counts.T.tolist(), shares.T.tolist(), lengths.T.tolist(), strict=True)
        ],
    }


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
    """``codes`` renumbered from the most frequent down, and their names; the tail is one bin, ``other``."""
    order = np.argsort(-np.bincount(codes, minlength=len(names)), kind="stable")
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    names = [names[code] for code in order]
    return np.minimum(place[codes], MOST_CATEGORIES), names[:MOST_CATEGORIES] + ["other"] * (len(names) > MOST_CATEGORIES)


def _embedded(sheet: str) -> dict:
    """The contact sheet as a data URI, with its size in pixels."""
    with Image.open(sheet) as image:
        encoded = io.BytesIO()
        image.convert("RGB").save(encoded, "JPEG", quality=90, subsampling=0)
        data = base64.b64encode(encoded.getvalue()).decode()
        return {"uri": f"data:image/jpeg;base64,{data}", "width": image.width, "height": image.height}
