"""The plan of a build, from its configuration alone: jobs, items, bytes, files, GPU-hours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from touchstone.catalogue import GPUS_PER_NODE, START_SECONDS, Catalogue
from touchstone.exports.outputs import exports_of
from touchstone.files import write_text
from touchstone.inventory import model_stock, origin_stock, service_stock
from touchstone.parts import numbered
from touchstone.progress import size

FILES_PER_SHARD = {"take": 4, "pack": 4}  # shard, pick list, log, benchmark
NETWORK_KINDS = {"urls", "api"}
NODES = (1, 2, 8)  # for which the plan says how long generating takes


@dataclass
class Row:
    """One line of the plan; ``None`` where a number cannot be known or has no meaning."""

    step: str
    subject: str
    jobs: int
    items: int | None = None
    n_bytes: float | None = None
    files: int = 0
    gpu_hours: float | None = None
    network: bool = False
    note: str = ""


def plan(catalogue: Catalogue, folder: str | Path = ".") -> list[Row]:
    """The rows of the plan, in the order of the data flow.

    Sizes and times come from the cards' ``cost``; GPU-hours count one GPU for one hour.

    Args:
        folder: Where the workflow runs; files of origins are looked for there.
    """
    rows = []
    rows += [_model_row(catalogue, name, Path(folder)) for name in catalogue.models_used()]
    for origin, card in catalogue.cards.items():
        if card.get("files"):
            rows.append(_fetch_row(catalogue, origin, Path(folder)))
    rows += [Row("list", origin, 1, files=3) for origin in catalogue.cards]
    rows += [
        Row("draw", origin, 1, sum(part.drawn for part in catalogue.parts_of(origin)), files=3) for origin in catalogue.origins
    ]
    takes = [_take_row(catalogue, origin) for origin in catalogue.origins]
    rows += [Row("unroll", row.subject, 1, row.items, row.n_bytes, 3) for row in takes if row.subject in catalogue.streamed]
    rows += takes
    if catalogue.dataset["members"]:
        rows.append(Row("draw", "published lists", 2, files=6))
    spared = [part for part in catalogue.parts if _shards(catalogue, part.drawn) > _shards(catalogue, part.usable)]
    rows += [Row("take", f"{part.key}: survivors", 1, files=3, note="spares are asked only if needed") for part in spared]
    drawn = sum(part.drawn for part in catalogue.parts)
    rows += [Row("screen", "all origins", 1, drawn, files=3), Row("split", "all origins", 1, drawn, files=4)]
    packed = catalogue.packed()
    images = sum(part.quota for part in catalogue.parts)
    n_bytes = _sum(part.quota * cost if (cost := _bytes(catalogue, part.origin)) else None for part in catalogue.parts)
    rows.append(Row("pack", "all origins", len(packed), images, n_bytes, FILES_PER_SHARD["pack"] * len(packed)))
    if catalogue.dataset["images"]["encoding"] == "match":
        rows.append(Row("pack", "encodings of the real images", 1, files=3))
    rows.append(Row("publish", "manifest, protocols, audit, card, report", 11, images, files=36))
    exports = exports_of(catalogue)
    for form in catalogue.dataset["exports"]:
        made = exports.of(form)
        rows.append(Row("export", form, len(made), images, n_bytes, exports.files(form) + 2 * len(made)))
    return rows


def print_plan(catalogue: Catalogue, log: str) -> None:
    """Print the plan of the catalogue's dataset, and write it to ``log``."""
    text = table(plan(catalogue), f"{catalogue.dataset_name}: {catalogue.dataset['title']}")
    write_text(log, f"{text}\n")
    print(text, flush=True)


def _model_row(catalogue: Catalogue, name: str, folder: Path) -> Row:
    (found,) = model_stock(catalogue, name, folder).found
    note = f"missing by hand: {found.why}" if found.state in ("missing", "wrong") else ""
    return Row("fetch", f"model {name}", 1, files=3, network=found.state == "remote", note=note)


def _fetch_row(catalogue: Catalogue, origin: str, folder: Path) -> Row:
    card, stock = catalogue.card(origin), origin_stock(catalogue, origin, folder)
    told = ", ".join(" ".join(filter(None, (found.name, found.why))) for found in stock.blocking)
    note = f"missing by hand ({card['access']}): {told}" if told else ""
    network = any(found.state in ("remote", "locked") for found in stock.found)
    n_bytes = _sum(file.get("size") for file in card["files"])
    return Row("fetch", origin, 1, n_bytes=n_bytes, files=len(card["files"]) + 3, network=network, note=note)


def _take_row(catalogue: Catalogue, origin: str) -> Row:
    card, shards = catalogue.card(origin), len(catalogue.shards(origin))
    items = sum(part.drawn for part in catalogue.parts_of(origin))
    cost = card.get("cost", {})
    per_item, seconds = cost.get("bytes"), cost.get("seconds")
    start = shards * GPUS_PER_NODE * cost.get("start", START_SECONDS)  # a shard has all GPUs of its node, also while it loads
    return Row(
        "take",
        origin,
        shards,
        items,
        items * per_item if per_item else None,
        FILES_PER_SHARD["take"] * shards,
        (items * seconds + start) / 3600 if card["kind"] == "generate" and seconds else None,
        card["kind"] in NETWORK_KINDS and "serve" not in card,
        _money(catalogue, origin),
    )


def _money(catalogue: Catalogue, origin: str) -> str:
    """What the calls of an origin of kind ``api`` cost at most, and what is missing for them."""
    card = catalogue.card(origin)
    if card["kind"] != "api":
        return ""
    calls, service = catalogue.calls_to_service(origin), card["service"]
    money = f"{calls:,} calls, {calls * service['price']:,.2f} of {service['budget']:,.2f} {service.get('currency', 'USD')}"
    missing = [found.name for found in service_stock(catalogue, origin).blocking]
    return f"{money}; missing by hand: {missing[0]}" if missing else money


def _shards(catalogue: Catalogue, items: int) -> int:
    return len(numbered(items, catalogue.dataset["shard_items"], ""))


def _bytes(catalogue: Catalogue, origin: str) -> float | None:
    return catalogue.card(origin).get("cost", {}).get("bytes")


def _sum(values: object) -> float | None:
    """Sum, or None if a part of it is not known."""
    values = list(values)
    return None if any(value is None for value in values) else sum(values)


def table(rows: list[Row], title: str) -> str:
    """The plan as text for a terminal, with sums and what is missing."""
    head = ("step", "of", "jobs", "items", "size", "files", "GPU-hours", "network", "")
    body = [head, *(_cells(row) for row in rows)]
    total = Row(
        "total",
        "",
        sum(row.jobs for row in rows),
        None,
        sum(row.n_bytes or 0 for row in rows),
        sum(row.files for row in rows),
        sum(row.gpu_hours or 0 for row in rows),
    )
    body.append(_cells(total))
    widths = [max(len(line[column]) for line in body) for column in range(len(head))]
    lines = [title, ""]
    for number, line in enumerate(body):
        cells = (
            cell.ljust(width) if column in (0, 1, 7, 8) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
        if number in (0, len(body) - 2):
            lines.append("-" * sum((*widths, 2 * len(widths) - 2)))
    return "\n".join([*lines, *_wall_times(total.gpu_hours)])


def _wall_times(gpu_hours: float) -> list[str]:
    """How long generating takes on so many nodes, if its shards are many enough to keep them busy."""
    if not gpu_hours:
        return []
    times = (f"{gpu_hours / GPUS_PER_NODE / nodes:,.1f} h on {nodes} node{'s' * (nodes > 1)}" for nodes in NODES)
    return ["", f"generating, on nodes of {GPUS_PER_NODE} GPUs: {', '.join(times)} (rates: `cost` in the cards)"]


def _cells(row: Row) -> tuple[str, ...]:
    return (
        row.step,
        row.subject,
        f"{row.jobs:,}",
        "" if row.items is None else f"{row.items:,}",
        "" if row.n_bytes is None else size(row.n_bytes),
        f"{row.files:,}",
        "" if row.gpu_hours is None else f"{row.gpu_hours:,.2f}",
        "yes" if row.network else "",
        row.note,
    )
