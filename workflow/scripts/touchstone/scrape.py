"""Taking images from a list of addresses with img2dataset.

img2dataset fetches and nothing more: it hands the bytes over as the servers sent them, and whether
they are an image is found out here. It runs in processes of its own, under the ``guard`` that sets
the limits it lacks. Its exit status and marker files decide nothing: a
shard is made when every address has its row in the output.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.demo.web import serving
from touchstone.errors import TouchstoneError
from touchstone.guard import REFUSED, TOO_LARGE, refusal
from touchstone.progress import INTERVAL, Progress, clock, size
from touchstone.shards import append_rows, read_picks, shard_writer, taken

# Of a card's recipe: seconds of silence until an attempt is given up, further attempts at once,
# connections at the same time, bytes of the largest image (100 + 2 x threads of them can be in memory).
DEFAULTS = {"timeout": 10, "retries": 1, "threads": 32, "max_bytes": 20_000_000}
PATIENCE = 10  # times the timeout that one attempt may take
START = 300  # seconds that starting and ending img2dataset may take on a slow disk
OPT_OUTS = ["noai", "noimageai", "noindex", "noimageindex"]  # of X-Robots-Tag, for all agents or "touchstone"
OUTPUT = "out/00000.parquet"  # of img2dataset, in the scratch folder
MANY = 10  # addresses of which one at least must answer, or the fault is here
LOG_LINES = 15  # of img2dataset's log, shown when it failed

OPTED_OUT = "Use of image disallowed by X-Robots-Tag"  # how the message of img2dataset begins


def scrape_shard(*, picks: str, shard: str, recipe: dict, serve: str | None, partial: str, progress: Progress) -> None:
    """Make one shard of an origin of kind ``urls``; rows are in the order of the pick list.

    The same answers give the same rows, ``scrape.fetched_at`` apart. Memory is bounded by two row
    groups of 100 images here, and see ``DEFAULTS`` for img2dataset.

    Args:
        picks: Pick list that ``draw_origin`` wrote; ``source_url`` is the address.
        shard: The shard to write; an address that gives no image becomes a rejected row.
        recipe: The card's recipe; see ``DEFAULTS``.
        serve: Zip of photographs for ``demo.web`` to serve meanwhile; no address leaves the machine.
        partial: Scratch folder, emptied first and removed at the end. It stays after a failure.

    Raises:
        TouchstoneError: Addresses are missing in img2dataset's output, or not one of them answered.
    """
    started = time.monotonic()
    wanted = read_picks(picks)
    scratch = Path(partial)
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(parents=True)
    refusals = {row: why for row, pick in enumerate(wanted) if (why := refusal(pick["source_url"]))}
    answers = {
        row: {"reason": "refused_address", "scrape": {"status": "not_asked", "message": refusals[row]}} for row in refusals
    }
    asked = {row: pick["source_url"] for row, pick in enumerate(wanted) if row not in refusals}
    if asked:
        settings = DEFAULTS | {key: recipe[key] for key in DEFAULTS if key in recipe}
        with serving(Path(serve)) if serve else nullcontext() as proxy:
            _run(asked, settings, proxy, scratch, progress)
        answers |= _read_answers(asked, scratch, picks)
    engine = {"engine": f"img2dataset {importlib.metadata.version('img2dataset')}"}
    # Its rows come in the order of the answers, nearly that of the picks: two groups in memory are enough.
    images = functools.lru_cache(maxsize=2)(functools.partial(_read_images, scratch / OUTPUT))
    progress.start(len(wanted), "addresses")
    with shard_writer(shard) as writer:
        for row, pick in enumerate(wanted):
            reason, scrape = answers[row]["reason"], engine | answers[row]["scrape"]
            data = None if reason else images(answers[row]["group"])[answers[row]["place"]].as_py()
            append_rows(writer, [taken(pick, data, reason=reason, detail=scrape["message"], scrape=scrape)])
            progress.advance()
    shutil.rmtree(scratch)
    progress.finish(f"in all {clock(time.monotonic() - started)}")


def verdict(message: str) -> tuple[str, int | None]:
    """``(reason, HTTP status)`` of an image that img2dataset did not get, by its message.

    The reason is a key of ``record.REASONS``. urllib says "HTTP Error 404: Not Found"; a status of
    3xx there means that redirects lead nowhere.
    """
    for start, reason in {REFUSED: "refused_address", TOO_LARGE: "too_many_bytes", OPTED_OUT: "opted_out"}.items():
        if message.startswith(start):
            return reason, None
    found = re.match(r"HTTP Error (\d{3})\b", message)
    status = int(found[1]) if found else None
    return "http_error" if status and status >= 400 else "not_reached", status


def _run(asked: dict[int, str], settings: dict, proxy: str | None, scratch: Path, progress: Progress) -> None:
    """Have img2dataset fetch the addresses; its output is ``scratch/out``, its log lies beside it."""
    pq.write_table(pa.table({"url": list(asked.values()), "row": list(asked)}), scratch / "urls.parquet")
    options = {
        "url_list": "urls.parquet",
        "input_format": "parquet",
        "save_additional_columns": ["row"],
        "output_folder": str(Path(OUTPUT).parent),
        "output_format": "parquet",
        "number_sample_per_shard": len(asked),
        "thread_count": settings["threads"],
        "timeout": settings["timeout"],
        "retries": settings["retries"],
        "disable_all_reencoding": True,
        "extract_exif": False,
        "user_agent_token": "touchstone",
        "disallowed_header_directives": OPT_OUTS,
    }
    guard = {"max_bytes": settings["max_bytes"], "seconds": PATIENCE * settings["timeout"]}
    command = [sys.executable, "-m", "touchstone.guard", json.dumps(options), json.dumps(guard)]
    modules = [str(Path(__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {"PYTHONPATH": os.pathsep.join(modules), "PYTHONUNBUFFERED": "1"}
    variables |= {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
    if proxy:
        variables |= {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""}
    with open(scratch / "img2dataset.log", "wb") as log:
        streams = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
        process = subprocess.Popen(command, cwd=scratch, env=os.environ | variables, start_new_session=True, **streams)
    started = time.monotonic()
    rounds = math.ceil(len(asked) / settings["threads"]) * (settings["retries"] + 1)
    try:
        while (waited := time.monotonic() - started) < START + rounds * (settings["timeout"] + guard["seconds"]):
            with suppress(subprocess.TimeoutExpired):
                process.wait(INTERVAL)
                break
            got = sum(path.stat().st_size for path in scratch.glob(OUTPUT))
            progress.say(f"waiting for {len(asked):,} addresses, {clock(waited + INTERVAL)}, {size(got)} so far")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # img2dataset's logger can outlive it
        process.stdin.close()
        process.wait()


def _read_answers(asked: dict[int, str], scratch: Path, picks: str) -> dict[int, dict]:
    """What came of every address, by its row.

    Raises:
        TouchstoneError: See ``scrape_shard``.
    """
    answers: dict[int, dict] = {}
    with suppress(FileNotFoundError, pa.ArrowInvalid), pq.ParquetFile(path := scratch / OUTPUT) as file:
        fetched_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime))
        for group in range(file.num_row_groups):
            for place, told in enumerate(file.read_row_group(group, columns=["row", "status", "error_message"]).to_pylist()):
                message = " ".join((told["error_message"] or "").split())[:200]
                reason, status = ("", None) if told["status"] == "success" else verdict(message)
                scrape = {"status": told["status"], "http_status": status, "message": message, "fetched_at": fetched_at}
                answers[told["row"]] = {"reason": reason, "scrape": scrape, "group": group, "place": place}
    if missing := asked.keys() - answers.keys():
        log = scratch / "img2dataset.log"
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise TouchstoneError(
            "\n    ".join([f"img2dataset left out {len(missing):,} of {len(asked):,} addresses; its log ends with", *tail]),
            where=log,
            mend="run again; the shard is then made anew",
        )
    unreached = sum(answer["reason"] == "not_reached" and not answer["scrape"]["http_status"] for answer in answers.values())
    if unreached == len(answers) >= MANY:
        first = min(asked)
        raise TouchstoneError(
            f"not one of {len(asked):,} addresses answered; {asked[first]}: {answers[first]['scrape']['message']}",
            where=picks,
            mend="is there no internet on this node? run this rule where there is, or set http_proxy and https_proxy",
        )
    return answers


def _read_images(path: Path, group: int) -> pa.ChunkedArray:
    with pq.ParquetFile(path) as file:
        return file.read_row_group(group, columns=["jpg"])["jpg"]
