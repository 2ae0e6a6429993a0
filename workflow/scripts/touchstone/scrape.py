"""Taking images from a list of addresses: passes over what failed for now, and a shard when it is whole.

An engine of ``touchstone.scraping`` fetches. Here it is found out whether bytes are an image, each
row is settled in a journal as soon as the web has answered it for good, and it is decided whether the
network is to blame.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import shutil
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, nullcontext
from pathlib import Path

from touchstone.demo.web import serving
from touchstone.errors import TouchstoneError, writing
from touchstone.files import read_json, sole_owner
from touchstone.progress import Progress, clock
from touchstone.record import TAKEN
from touchstone.scraping import DEFAULTS, JUDGING, Answer, Fetch
from touchstone.scraping.addresses import Blocked, refusal
from touchstone.scraping.journal import KEY, Journal
from touchstone.scraping.unfinished import EARLIER, JOURNAL
from touchstone.scraping.verdicts import MANY, blames_network, histogram, is_network, is_passing
from touchstone.shards import ROW_GROUP_BYTES, ROW_GROUP_ROWS, append_rows, read_picks, shard_writer, taken

WINDOW, TOO_MANY = 200, 0.9  # of so many answers in a row, more than this part from no server: stop
AHEAD, MEMORY = 64, 400_000_000  # answers being measured, and the bytes that they may have together


def scrape_shard(
    *,
    picks: str,
    shard: str,
    recipe: dict,
    blocked: list[str],
    survivors: str | None,
    serve: str | None,
    partial: str,
    threads: int,
    progress: Progress,
) -> None:
    """Make one shard of an origin of kind ``urls``; rows are in the order of the pick list.

    The same answers give the same rows, ``scrape.fetched_at`` apart. Nothing is asked for again that
    the web has answered for good: not after a kill, and not when a shard at ``shard`` is remade.
    Memory is bounded by ``AHEAD`` images and what the engine holds.

    Args:
        picks: Pick list that ``draw_origin`` wrote; ``source_url`` is the address.
        shard: The shard to write; an address that gives no image becomes a rejected row.
        recipe: The card's recipe; see ``scraping.DEFAULTS``.
        blocked: The user's block lists.
        survivors: For a shard of spares, what ``count_survivors`` wrote: ranks beyond it are not asked for.
        serve: Zip of photographs for ``demo.web`` to serve meanwhile; no address leaves the machine.
        partial: Scratch folder with the journal. It stays after a failure, and is removed at the end.
        threads: Images measured at the same time.

    Raises:
        TouchstoneError: The network is to blame for most failures, or the engine failed.
    """
    started = time.monotonic()
    wanted = read_picks(picks)
    settings = DEFAULTS | {key: recipe[key] for key in DEFAULTS if key in recipe}
    blocks = Blocked.read(blocked)
    last = read_json(survivors)["last_rank"] if survivors else None
    outcomes = {row: verdict for row, pick in enumerate(wanted) if (verdict := _before(pick, last, settings, blocks))}
    scratch = Path(partial)
    with writing(scratch), sole_owner(scratch), closing(Journal(scratch / JOURNAL, _key(recipe, settings))) as journal:
        known = {(pick["id"], pick["source_url"]) for row, pick in enumerate(wanted) if row not in outcomes}
        for earlier in (Path(shard), scratch / EARLIER):
            journal.adopt(earlier, known)
        due = {row: pick for row, pick in enumerate(wanted) if row not in outcomes and pick not in journal}
        progress.start(len(wanted), "addresses", done=len(wanted) - len(due))
        if due:
            module = importlib.import_module(f"touchstone.scraping.{settings['engine']}")
            with serving(Path(serve)) if serve else nullcontext() as proxy, module.engine(settings, scratch, proxy) as fetch:
                failed = _passes(fetch, due, journal, settings, threads, progress, fresh=len(due) > len(known) / 2)
            _check_network(failed, len(known), settings, picks)
            outcomes |= failed
        schema = TAKEN.with_metadata({KEY: journal.key})
        with shard_writer(shard, schema) as writer:
            batch, n_bytes = [], 0
            for row, pick in enumerate(wanted):
                batch.append(outcomes[row] if row in outcomes else _unless_blocked(journal.get(pick), pick, blocks))
                n_bytes += batch[-1].get("n_bytes") or 0
                if len(batch) == ROW_GROUP_ROWS or n_bytes > ROW_GROUP_BYTES:
                    append_rows(writer, batch)
                    batch, n_bytes = [], 0
            append_rows(writer, batch)
        shutil.rmtree(scratch, ignore_errors=True)  # NFS keeps files that are open, as lock and journal are
    progress.finish(f"in all {clock(time.monotonic() - started)}")


def _before(pick: dict, last: int | None, settings: dict, blocks: Blocked) -> dict | None:
    """The row of an item that is not asked for; ``None`` if it is."""
    url = pick["source_url"]
    if last is not None and pick["rank"] > last:
        reason, why = "spare", "enough images without it"
    elif why := refusal(url, settings["networks"]):
        reason = "refused_address"
    elif why := blocks.tells(url):
        reason = "blocked"
    else:
        return None
    return taken(pick, None, reason=reason, detail=why, scrape={"status": "not_asked", "message": why})


def _unless_blocked(row: dict, pick: dict, blocks: Blocked) -> dict:
    """A settled row, or its rejection if its bytes or where they came from are on a block list."""
    scrape = row["scrape"]
    why = blocks.tells(scrape["fetched_url"] or "")
    if scrape["sha256"] in blocks.hashes:
        why = "these bytes are on a block list"
    return taken(pick, None, reason="blocked", detail=why, scrape=scrape) if why else row


def _key(recipe: dict, settings: dict) -> str:
    """Stands for all that decides what becomes of an answer; rows settled under another are asked for again."""
    judging = {"revision": recipe["revision"]} | {name: settings[name] for name in JUDGING}
    return hashlib.sha256(json.dumps(judging, sort_keys=True).encode()).hexdigest()[:16]


def _passes(
    fetch: Fetch, due: dict[int, dict], journal: Journal, settings: dict, threads: int, progress: Progress, fresh: bool
) -> dict[int, dict]:
    """Ask for all that is due, and again for what failed for now; the rows that failed to the end.

    Raises:
        TouchstoneError: Nearly nothing answers at the first pass of a ``fresh`` shard.
    """
    failed: dict[int, dict] = {}
    ahead = min(AHEAD, max(2, MEMORY // settings["max_bytes"]))
    for number in range(settings["retries"] + 1):
        if number:
            pause = settings["pause"] * 2 ** (number - 1)
            progress.say(f"{len(failed):>7,} addresses failed for now ({_told(failed.values())}); again in {pause:g} s")
            time.sleep(pause)
        again, failed = failed, {}
        window: deque[bool] = deque(maxlen=WINDOW)
        for row, made in _measured(fetch, due if not number else {row: due[row] for row in again}, journal, threads, ahead):
            if is_passing(made["reason"], made["scrape"]):
                failed[row] = made
            else:
                progress.advance()
            window.append(is_network(made["scrape"]))
            if fresh and not number and len(window) == WINDOW and sum(window) > TOO_MANY * WINDOW:
                raise TouchstoneError(
                    f"of the last {WINDOW} addresses {sum(window)} did not answer: {_told(failed.values())}; "
                    f"first: {next(iter(failed.values()))['detail']}",
                    where=f"{len(journal):,} addresses are settled and will not be asked for again",
                    mend="is the network in order? snakemake check_network tells; then run again",
                )
        if not failed:
            break
    progress.advance(len(failed))
    return failed


def _measured(fetch: Fetch, due: dict[int, dict], journal: Journal, threads: int, ahead: int) -> Iterator[tuple[int, dict]]:
    """Rows of ``record.TAKEN`` as the answers come, images measured and rows settled beside the fetching."""
    waiting: deque[tuple[int, Future]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        for answer in fetch({row: pick["source_url"] for row, pick in due.items()}):
            waiting.append((answer.row, pool.submit(_settle, due[answer.row], answer, journal)))
            while waiting and (len(waiting) > ahead or waiting[0][1].done()):
                row, future = waiting.popleft()
                yield row, future.result()
        for row, future in waiting:
            yield row, future.result()


def _settle(pick: dict, answer: Answer, journal: Journal) -> dict:
    """The row of an answer, which the journal has if it is for good."""
    whole = {"http_status": None, "fetched_url": pick["source_url"], "content_type": ""} | answer.scrape
    whole["sha256"] = hashlib.sha256(answer.data).hexdigest() if not answer.reason else ""
    row = taken(pick, answer.data, reason=answer.reason, detail=whole["message"], scrape=whole)
    if not is_passing(row["reason"], whole):
        journal.add(row)
    return row


def _told(rows: Iterator[dict]) -> str:
    return histogram((row["reason"], row["scrape"]) for row in rows)


def _check_network(failed: dict[int, dict], asked: int, settings: dict, picks: str) -> None:
    """A shard is not done where most addresses got no answer.

    Raises:
        TouchstoneError: So it is; the rows that were answered stay settled.
    """
    unreached = {row: made for row, made in failed.items() if blames_network(made["scrape"], asked - len(failed))}
    if len(unreached) >= MANY and len(unreached) > settings["max_unreached"] * asked:
        first = unreached[min(unreached)]
        raise TouchstoneError(
            f"{len(unreached):,} of {asked:,} addresses did not answer: {_told(unreached.values())}; "
            f"{first['source_url']}: {first['detail']}",
            where=picks,
            mend="snakemake check_network tells whether this node reaches the web; run again, and only these are asked for. "
            "If the list is that old, raise max_unreached in the card's recipe",
        )
