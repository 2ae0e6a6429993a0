"""Asking again, weeks later, for what failed for now."""

from __future__ import annotations

import os
from pathlib import Path

from touchstone.progress import Progress
from touchstone.scraping.unfinished import EARLIER
from touchstone.scraping.verdicts import is_passing
from touchstone.shards import read_shard


def retry_failures(*, shards: list[str], progress: Progress) -> None:
    """Set each shard aside that holds failures which may pass, so that the next build remakes it.

    Only those rows are asked for again; the others come out of the shard that was set aside.
    """
    progress.start(len(shards), "shards")
    rows = aside = 0
    for path in map(Path, shards):
        if path.exists():
            table = read_shard(path, ["reason", "scrape"])
            failed = sum(
                bool(reason) and is_passing(reason, scrape)
                for reason, scrape in zip(table["reason"].to_pylist(), table["scrape"].to_pylist(), strict=True)
            )
            if failed:
                target = Path(f"{path}.partial", EARLIER)
                target.parent.mkdir(exist_ok=True)
                os.replace(path, target)
                rows, aside = rows + failed, aside + 1
        progress.advance()
    progress.finish(f"the next build asks again for {rows:,} addresses in {aside:,} shards")
