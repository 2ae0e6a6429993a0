"""The report: one HTML page that shows what a finished dataset holds, and what it gives away."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import numpy as np
import pyarrow.parquet as pq

from touchstone.audit.distributions import Distributions, Property, count_facts, guess, tables_of_jpegs, write_distributions
from touchstone.audit.gates import merged
from touchstone.audit.oddities import find_oddities, write_oddities
from touchstone.dataset_card import environment, tally
from touchstone.files import read_json, write_text
from touchstone.progress import Progress
from touchstone.spent import spent

PICTURES = 8_000_000  # bytes of the page that pictures may take
MOST_GROUPS = 100  # rows of a property's table; the file of distributions has all


def write_report(
    *,
    manifest: str,
    ledger: str,
    selection: str,
    thumbnails: str,
    gates: str,
    shortcuts: str,
    pixels: str,
    cards: dict[str, dict],
    name: str,
    title: str,
    description: str,
    seed: int,
    splits: dict[str, float],
    report: str,
    distributions: str,
    oddities: str,
    progress: Progress,
    versions: dict[str, str] | None = None,
    note: str = "",
    benchmarks: str | None = None,
) -> None:
    """Write the report as one HTML file that needs nothing beside it, and its largest tables as CSV.

    Args:
        manifest: ``manifest.parquet`` of the dataset.
        ledger: ``ledger.parquet`` of the dataset.
        selection: ``selection.parquet`` of the dataset, for examples of what was rejected.
        thumbnails: Pictures of each part, of ``contact_sheets.THUMBNAIL``.
        gates: ``gates.json`` of the dataset, shown in its order.
        shortcuts, pixels: What the audit's probes wrote.
        cards: Title, homepage, licence, access, citation and kind of each origin.
        name: The dataset's name, as its file is called.
        splits: Share of each split, in the order to show them.
        report, distributions, oddities: The files to write.
        versions: Name and version of the programs that built it.
        note: A sentence on the limits of this build, such as a model with random weights.
        benchmarks: Folder of Snakemake's benchmarks, for what the build asked for and used.

    Raises:
        TouchstoneError: Ledger and manifest do not count the same images.
    """
    counted = tally(manifest, ledger, splits)
    facts, odd, verdicts = count_facts(manifest), find_oddities(manifest, selection), read_json(gates)
    properties = [*compare(facts), *compare(tables_of_jpegs(read_json(pixels)))]
    templates = environment()
    templates.filters["times"] = lambda text: text.replace(" x ", " \N{MULTIPLICATION SIGN} ").replace("-", "\N{EN DASH}")
    text = templates.get_template("report.html.j2").render(
        counted, cards=cards, name=name, title=title, description=description, seed=seed, shares=splits,
        versions=versions or {}, spent=spent(benchmarks, name) if benchmarks else [], note=note, odd=odd,
        comparisons=properties, matrix=matrix(properties), cut=any(entry["cut"] for entry in properties),
        most=MOST_GROUPS, meanings={row["kind"]: row["meaning"] for row in odd}, sheets=_sheets(thumbnails),
        gates=merged(verdicts), shortcuts=read_json(shortcuts),
    )  # fmt: skip
    write_distributions(facts, distributions)
    write_oddities(odd, oddities)
    write_text(report, text)
    progress.finish(f"{counted['images']:,} images reported, {len(text) / 1e6:.1f} MB")


def compare(facts: Distributions) -> list[dict]:
    """Real against fake, property by property: ``{key, title, about, bins, totals, guess, groups}``.

    ``bins`` are ``{name, counts, shares, lengths}``, each a pair (real, fake): images, their share
    of the class, and that share against the largest one. ``totals`` are the images that have the
    property at all. ``groups`` are rows ``{by, name, label, images, shares, guess}`` of splits, origins and
    generators. A guess is that of ``distributions.guess``: of a class or group against the other class, of
    a split against the other class in it.
    """
    return [_compared(entry, facts.cells) for entry in facts.properties]


def _compared(entry: Property, cells: list[dict]) -> dict:
    label = np.array([cell["label"] for cell in cells], dtype=np.int64)
    classes = np.stack([entry.counts[label == value].sum(axis=0) for value in (0, 1)])
    totals = classes.sum(axis=1)
    shares = classes / np.maximum(totals, 1)[:, None]
    lengths = shares / max(shares.max(initial=0), 1e-9)
    groups = list(_groups(entry, cells, label, classes))
    if len(groups) > MOST_GROUPS:
        groups.sort(key=lambda group: -(group["guess"] or 0))
    return {
        "key": entry.key,
        "title": entry.title,
        "about": entry.about,
        "totals": totals.tolist(),
        "guess": guess(*classes),
        "bins": [
            dict(zip(("name", "counts", "shares", "lengths"), row, strict=True))
            for row in zip(entry.bins, classes.T.tolist(), shares.T.tolist(), lengths.T.tolist(), strict=True)
        ],
        "groups": groups[:MOST_GROUPS],
        "cut": len(groups) > MOST_GROUPS,
    }


def _groups(entry: Property, cells: list[dict], label: np.ndarray, classes: np.ndarray) -> Iterator[dict]:
    for by in ("split", "origin", "generator"):
        names = np.array([cell[by] for cell in cells], dtype=object)
        for value, name in sorted({(cell["label"], cell[by]) for cell in cells if cell[by]}):
            mine = entry.counts[(names == name) & (label == value)].sum(axis=0)
            others = entry.counts[(names == name) & (label != value)].sum(axis=0) if by == "split" else classes[1 - value]
            if mine.sum():
                yield {
                    "by": by,
                    "name": name,
                    "label": value,
                    "images": int(mine.sum()),
                    "shares": (mine / mine.sum()).tolist(),
                    "guess": guess(mine, others),
                }


def matrix(properties: list[dict]) -> list[dict]:
    """``{generator, images, guesses: {property: guess}, worst}``; first the generators that differ most from the reals."""
    rows: dict[str, dict] = {}
    for entry in properties:
        for group in entry["groups"]:
            if group["by"] == "generator" and group["guess"] is not None:
                row = rows.setdefault(group["name"], {"generator": group["name"], "images": 0, "guesses": {}})
                row["images"] = max(row["images"], group["images"])
                row["guesses"][entry["key"]] = group["guess"]
    made = [row | {"worst": max(row["guesses"].values())} for row in rows.values()]
    return sorted(made, key=lambda row: (-row["worst"], row["generator"]))


def _sheets(thumbnails: str) -> list[dict]:
    """Parts with as many pictures as the page may hold, as data URIs."""
    parts: dict[tuple, list[tuple[str, bytes]]] = {}
    for row in pq.read_table(thumbnails).to_pylist():
        parts.setdefault((row["label"], row["origin"], row["generator"]), []).append((row["id"], row["webp"]))
    places = max(map(len, parts.values()), default=1)
    while places > 1 and sum(len(data) * 4 / 3 for mine in parts.values() for _, data in mine[:places]) > PICTURES:
        places -= 1
    return [
        dict(zip(("label", "origin", "generator"), part, strict=True))
        | {"pictures": [(name, f"data:image/webp;base64,{base64.b64encode(data).decode()}") for name, data in mine[:places]]}
        for part, mine in parts.items()
    ]
