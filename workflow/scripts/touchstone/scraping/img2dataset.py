"""The engine ``img2dataset``: the downloader many know, in processes of its own under ``guard``.

It hands the bytes over as the servers sent them. Its exit status and marker files decide nothing: a
row is answered when it stands in the output. It has no manners towards single hosts.
"""

from __future__ import annotations

import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.scraping import Answer, Fetch
from touchstone.scraping.guard import REFUSED, TOO_LARGE
from touchstone.scraping.surroundings import surroundings
from touchstone.scraping.verdicts import STATUS

START = 300  # seconds that starting and ending img2dataset may take on a slow disk
OPT_OUTS = ["noai", "noimageai", "noindex", "noimageindex"]  # of X-Robots-Tag, for all agents or "touchstone"
OUTPUT = "out/00000.parquet"  # in the scratch folder
LOG_LINES = 15  # of img2dataset's log, shown when it failed
# How messages begin or what they hold, and the word for it; the first that fits counts.
MESSAGES = {
    REFUSED: "refused",
    rf"^{TOO_LARGE}": "too_large",
    r"^Use of image disallowed by X-Robots-Tag": "opted_out",
    r"^HTTP Error 3\d\d|infinite loop": "redirect_loop",
    r"^HTTP Error ": "http_error",
    r"\[Errno -[25]\]": "no_such_host",  # EAI_NONAME, EAI_NODATA
    r"\[Errno -\d+\]|name resolution": "lookup_failed",
    r"timed out|not done after|TimeoutError": "timed_out",
    r"CERTIFICATE_VERIFY_FAILED": "bad_certificate",
    r"IncompleteRead|reset by peer|without response": "broken_off",
    r"": "not_connected",
}


@contextmanager
def engine(settings: dict, scratch: Path, proxy: str | None) -> Iterator[Fetch]:
    """Run img2dataset for every pass; see ``touchstone.scraping`` for what an engine is.

    Raises:
        TouchstoneError: Addresses are missing in its output; its log is told.
    """

    def fetch(asked: dict[int, str]) -> Iterator[Answer]:
        folder = scratch / "img2dataset"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        _run(asked, settings, proxy, folder)
        yield from _answers(asked, folder)
        shutil.rmtree(folder)

    yield fetch


def verdict(message: str) -> tuple[str, int | None]:
    """``(status, HTTP status)`` of an image that img2dataset did not get, by its message.

    The status is a word of ``verdicts.STATUS``. urllib says "HTTP Error 404: Not Found"; 3xx there
    means that redirects lead nowhere.
    """
    found = re.match(r"HTTP Error (\d{3})\b", message)
    return next(word for pattern, word in MESSAGES.items() if re.search(pattern, message)), int(found[1]) if found else None


def _run(asked: dict[int, str], settings: dict, proxy: str | None, folder: Path) -> None:
    """Have img2dataset fetch the addresses; its output is ``folder/out``, its log lies beside it."""
    pq.write_table(pa.table({"url": list(asked.values()), "row": list(asked)}), folder / "urls.parquet")
    options = {
        "url_list": "urls.parquet",
        "input_format": "parquet",
        "save_additional_columns": ["row"],
        "output_folder": str(Path(OUTPUT).parent),
        "output_format": "parquet",
        "number_sample_per_shard": len(asked),
        "thread_count": settings["threads"],
        "timeout": settings["timeout"],
        "retries": 0,  # it would try again at once, and what is gone too
        "disable_all_reencoding": True,
        "extract_exif": False,
        "user_agent_token": "touchstone",
        "disallowed_header_directives": OPT_OUTS if "robots_tag" in settings["respect"] else [],
    }
    guard = {"max_bytes": settings["max_bytes"], "seconds": settings["total"], "networks": settings["networks"]}
    command = [sys.executable, "-m", "touchstone.scraping.guard", json.dumps(options), json.dumps(guard)]
    environment = surroundings(proxy) | {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
    with open(folder / "img2dataset.log", "wb") as log:
        streams = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
        process = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True, **streams)
    rounds = math.ceil(len(asked) / max(settings["threads"], 1))
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(START + rounds * (settings["timeout"] + settings["total"]))
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # img2dataset's logger can outlive it
        process.stdin.close()
        process.wait()


def _answers(asked: dict[int, str], folder: Path) -> Iterator[Answer]:
    """What came of every address, in the order of img2dataset's output."""
    missing, about = set(asked), {"engine": f"img2dataset {version('img2dataset')}"}
    with suppress(FileNotFoundError, pa.ArrowInvalid), pq.ParquetFile(path := folder / OUTPUT) as file:
        fetched_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(path.stat().st_mtime))
        for group in range(file.num_row_groups):
            for told in file.read_row_group(group, columns=["row", "status", "error_message", "jpg"]).to_pylist():
                message = " ".join((told["error_message"] or "").split())[:200]
                status, http = ("success", None) if told["status"] == "success" else verdict(message)
                scrape = {"status": status, "http_status": http, "message": message, "fetched_at": fetched_at}
                missing.discard(told["row"])
                yield Answer(told["row"], STATUS[status], about | scrape, told["jpg"] or b"")
    if missing:
        log = folder / "img2dataset.log"
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]
        raise TouchstoneError(
            "\n    ".join([f"img2dataset left out {len(missing):,} of {len(asked):,} addresses; its log ends with", *tail]),
            where=log,
            mend="run again; only these are asked for",
        )
