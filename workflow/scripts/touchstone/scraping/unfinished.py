"""Shards that were to be scraped anew when their job failed.

Snakemake puts such a shard back where it was and notes it as made of today's recipe and list (`update`, 9.27), so that the
next build would be content with it. Imported when planning, so it needs the standard library only.
"""

from __future__ import annotations

import os
from pathlib import Path

EARLIER = "earlier.parquet"  # in the scratch folder: a shard whose settled rows are not asked for again
JOURNAL = "journal"


def set_unfinished_aside(folder: str | os.PathLike) -> int:
    """Move each shard in ``folder`` whose scratch folder is still there into that, to be finished; how many there were."""
    count = 0
    for journal in Path(folder).glob(f"*.partial/{JOURNAL}"):
        shard = journal.parent.with_suffix("")
        if shard.exists():
            os.replace(shard, journal.with_name(EARLIER))
            count += 1
    return count
