"""What is there of all that a dataset needs, and what a person must get: one table, one error that names it all."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from touchstone.apis import lacking
from touchstone.catalogue import Catalogue
from touchstone.errors import TouchstoneError
from touchstone.files import write_text
from touchstone.placing import Found, complaint, in_the_way, look, look_at_model
from touchstone.progress import size

HEAD = ("origin", "kind", "access", "there", "to fetch", "missing", "size", "lies in")


@dataclass
class Stock:
    """What is known, at a glance, of the files of one origin or model."""

    name: str
    kind: str
    access: str
    lies: str
    found: list[Found]
    error: TouchstoneError | None = None
    blocking: list[Found] = field(default_factory=list)


def stock(catalogue: Catalogue, folder: str | Path = ".", names: Iterable[str] | None = None) -> list[Stock]:
    """What lies where of every origin with files and every model that the dataset needs, and whether services can be asked.

    Args:
        folder: Where the workflow runs.
        names: Only these origins and models.
    """
    wanted = None if names is None else set(names)
    stocks = [origin_stock(catalogue, origin, folder) for origin, card in catalogue.cards.items() if card.get("files")]
    stocks += [model_stock(catalogue, model, folder) for model in catalogue.models_used()]
    stocks += [service_stock(catalogue, origin) for origin in catalogue.of_kind("api")]
    return [each for each in stocks if wanted is None or each.name in wanted]


def origin_stock(catalogue: Catalogue, origin: str, folder: str | Path) -> Stock:
    """What lies where of one origin."""
    card = catalogue.card(origin)
    placed = catalogue.config.get("paths", {}).get(origin)
    kept = Path(folder, "resources/archives", origin)
    about = {"card": card["file"], "access": card["access"], "placed": placed, "folder": kept}
    found = [look(file, **about, incomplete=catalogue.may_be_incomplete(origin)) for file in card["files"]]
    error = complaint(
        origin,
        found,
        card=card["file"],
        access=card["access"],
        instructions=card.get("instructions", ""),
        lies=placed or kept,
    )
    return Stock(origin, card["kind"], card["access"], str(placed or kept), found, error, in_the_way(found))


def model_stock(catalogue: Catalogue, name: str, folder: str | Path) -> Stock:
    """What is there of one model: one folder, from one of its sources."""
    placed = catalogue.config.get("models", {}).get(name)
    kept = Path(folder, "resources/models", name)
    found = look_at_model(catalogue.models[name]["sources"], placed=placed, folder=kept)
    error = None
    if found.state in ("missing", "wrong"):
        error = TouchstoneError(
            f"model {name!r} is not there: {found.why}",
            where=placed or kept,
            mend="name its folder under `models` in config/config.yaml, or correct `sources` in models.yaml",
        )
    return Stock(f"model {name}", "model", "", str(placed or kept), [found], error, [found] if error else [])


def service_stock(catalogue: Catalogue, origin: str) -> Stock:
    """Whether the service of an origin can be asked: its key, and a budget that is enough for what is drawn."""
    card = catalogue.card(origin)
    service, name, error = card["service"], "key", None
    calls = catalogue.calls_to_service(origin)
    try:
        if missing := lacking(service, card["file"]):
            error = TouchstoneError(
                f"origin {origin!r}: the service {service['url']} {missing}",
                where=f"{card['file']}: service.key",
                mend=f"{card.get('instructions', 'get a key')}; then export {service['key']}=... where the build is started",
            )
        elif calls * service["price"] > service["budget"] * (1 + 1e-9):
            name = "budget"
            error = TouchstoneError(
                f"origin {origin!r}: {calls:,} calls at {service['price']} are more than the budget of {service['budget']}",
                where=f"{card['file']}: service.budget",
                mend="raise the budget, or lower quota or margin in the dataset file",
            )
    except TouchstoneError as wrong:
        error = wrong
    found = Found(name, "missing" if error else "there", why=error.what if error else "")
    return Stock(f"service {origin}", "service", card["access"], service["url"], [found], error, [found] if error else [])


def require(catalogue: Catalogue, names: Iterable[str], folder: str | Path = ".") -> None:
    """Raise one TouchstoneError that names all that is in the way of using these origins and ``model ...``s, if anything is."""
    errors = [each.error for each in stock(catalogue, folder, names) if each.error]
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise TouchstoneError(
            f"{len(errors)} origins and models cannot be used yet\n\n" + "\n\n".join(map(str, errors)) + "\n",
            mend="do this for each, and look again with `snakemake check_origins -c1`",
        )


def check_origins(catalogue: Catalogue, log: str) -> None:
    """Print the table of what is there and what is missing, and write it to ``log``.

    Raises:
        TouchstoneError: Something is missing that only a person can get.
    """
    stocks = stock(catalogue)
    text = table(stocks, f"{catalogue.dataset_name}: {catalogue.dataset['title']}")
    write_text(log, f"{text}\n")
    print(text, flush=True)
    require(catalogue, [each.name for each in stocks])


def table(stocks: list[Stock], title: str, folder: str | Path = ".") -> str:
    """The table as text for a terminal: a line for each origin and model, and what is wrong or to be fetched in all."""
    rows = [HEAD, *(_cells(each) for each in stocks)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "  ".join(
            cell.rjust(width) if column in (3, 4, 5, 6) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    to_fetch = [found for each in stocks for found in each.found if found.state == "remote"]
    known = [found.n_bytes for found in to_fetch if found.n_bytes is not None]
    told = f"to fetch: {len(to_fetch):,} file(s) and folders"
    if to_fetch:
        told += f", {'at least ' if len(known) < len(to_fetch) else ''}{size(sum(known))}"
    free = shutil.disk_usage(folder).free
    blocked = sum(bool(each.blocking) for each in stocks)
    return "\n".join(
        [
            title,
            "",
            lines[0],
            "-" * (sum(widths) + 2 * len(widths) - 2),
            *lines[1:],
            "",
            f"{told}; free here: {size(free)}",
            f"in the way: {blocked} origin(s)" if blocked else "nothing is in the way of a build",
        ]
    )


def _cells(each: Stock) -> tuple[str, ...]:
    there = [found for found in each.found if found.state == "there"]
    fetched = [found for found in each.found if found.state in ("remote", "made")]
    n_bytes = [found.n_bytes for found in each.found if found.n_bytes]
    return (
        each.name,
        each.kind,
        each.access,
        f"{len(there)} of {len(each.found)}",
        str(len(fetched) or ""),
        str(len(each.blocking) or ""),
        size(sum(n_bytes)) if n_bytes else "",
        each.lies,
    )
