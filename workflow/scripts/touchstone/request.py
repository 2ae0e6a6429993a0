"""Having images made by a service that is paid for each: no call twice, none over the budget, a shard when all are settled."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

from touchstone.apis import DEFAULTS, key_of, provider_of
from touchstone.apis.asking import Asking
from touchstone.apis.ledger import Ledger
from touchstone.checking import load_checked
from touchstone.painting.reals import Originals
from touchstone.progress import Progress
from touchstone.shards import ROW_GROUP_ROWS, append_rows, read_picks, shard_writer, taken


def request_shard(
    *,
    picks: str,
    shard: str,
    card: str,
    recipe: dict,
    source: str | None,
    unrolled: str | None = None,
    paid: str,
    threads: int = 1,
    progress: Progress,
) -> None:
    """Make one shard of an origin of kind ``api``; rows are in the order of the pick list.

    An item is asked for under a key: the hash of its id, the recipe's request and revision, and its real image. What
    the ledger has of that key is taken from there. A call of which nobody knows what it came to counts as paid, and its
    item is rejected, or asked for again if the card's ``unknown`` says so.

    Args:
        picks: Pick list that ``draw_origin`` wrote.
        card: The origin's card. Its ``service`` is read here, so that another budget or pace makes nothing anew.
        recipe: The card's recipe.
        source: Receipt of the origin whose images go along.
        unrolled: What ``unroll_origin`` wrote of that origin's archives that are one stream.
        paid: Folder of the origin's ledger, for all its shards and datasets.
        threads: Images measured at the same time.

    Raises:
        TouchstoneError: The key is missing, the budget is spent, the service does not work, or the job was told to stop.
    """
    wanted = read_picks(picks)
    service = DEFAULTS | load_checked("origin", card)["service"]
    with closing(Ledger(paid, service, progress.say)) as ledger:
        originals = Originals(source, unrolled) if provider_of(recipe).CALLS[recipe["call"]] else None
        asking = Asking(wanted, recipe, service, key_of(service, card), originals, ledger, progress)
        asyncio.run(asking.run())
        with shard_writer(shard) as writer, ThreadPoolExecutor(threads) as pool:
            for start in range(0, len(wanted), ROW_GROUP_ROWS):
                rows = range(start, min(start + ROW_GROUP_ROWS, len(wanted)))
                append_rows(writer, list(pool.map(partial(_row, asking), rows)))
        progress.finish(f"{ledger.spent} of {ledger.budget} {ledger.currency} spent")


def _row(asking: Asking, number: int) -> dict:
    """The finished row of an item."""
    pick, recipe, ledger = asking.wanted[number], asking.recipe, asking.ledger
    line = ledger.outcome(asking.keys.get(number, "")) or {}
    extra = {
        "conditioning": pick["conditioning"] or ("image" if asking.originals else "text"),
        "generation": {
            "model": recipe["model"],
            "mode": recipe["call"],
            "pipeline": recipe["provider"],
            "service": asking.service["url"],
            "request_id": line.get("request_id"),
            "revised_prompt": line.get("revised_prompt"),
        },
    }
    if number in asking.rejected:
        error = asking.rejected[number]
        return taken(pick, None, reason=error.reason, detail=error.detail, **extra)
    made = taken(pick, ledger.image(asking.keys[number]), **extra)
    size = recipe.get("size")
    if made["reason"] or not size or [made["width"], made["height"]] == size:
        return made
    return taken(pick, None, reason="wrong_size", detail=f"{made['width']} x {made['height']}", **extra)
