"""Which files of an origin are used, which are not, and which lists name in vain. Nothing is ever deleted."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from touchstone.files import read_json, replacing
from touchstone.imaginet import FIELDS, overlap
from touchstone.listing import CHUNK, listing_of
from touchstone.progress import Progress
from touchstone.readers import Listing, Skip, reader


def list_files(*, receipt: str, index: str, options: dict, table: str, progress: Progress) -> None:
    """Write ``table``, a csv with one row per member of the origin's folders and archives.

    Its columns are ``state`` (``used``: the index has an item of it; ``unused``; ``missing``: named, but not
    there), ``file`` of the card, ``member``, ``bytes`` (of files in folders) and ``why`` a member is no item.

    Args:
        receipt: What ``fetch_origin`` wrote about the origin's files.
        index: What ``list_origin`` wrote.
        options: The reader of the card.
    """
    files = read_json(receipt)["files"]
    used: dict[str, set[str]] = {}
    with pq.ParquetFile(index, page_checksum_verification=True) as items:
        for batch in items.iter_batches(batch_size=CHUNK, columns=["source_file", "source_member"]):
            for file, member in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                used.setdefault(file, set()).add(member)
    why = {item.name: item.why for item in reader(options["name"])(listing_of(files), options) if isinstance(item, Skip)}
    folders = {file["name"]: file["path"] for file in files if file["name"].endswith("/")}
    totals: dict[str, Counter] = {"used": Counter(), "unused": Counter(), "missing": Counter()}
    there: set[str] = set()
    progress.start(0)
    with replacing(table) as temporary, open(temporary, "w", encoding="utf-8", errors="backslashreplace", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["state", "file", "member", "bytes", "why"])
        for file, member in listing_of(files).members:
            state = "used" if member in used.get(file, ()) else "unused"
            size = Path(folders[file], member).lstat().st_size if file in folders else ""
            reason = "" if state == "used" else why.get(member, "another of its id is used")
            writer.writerow([state, file, member, size, reason])
            there.add(member)
            totals[state].update(files=1, bytes=size or 0)
            progress.advance()
        for name, reason in why.items():
            if name not in there:
                writer.writerow(["missing", "", name, "", reason])
                totals["missing"].update(files=1)
    for state, total in totals.items():
        size = f" ({total['bytes']:,} bytes in folders)" if total["bytes"] else ""
        progress.say(f"{total['files']:>9,} {state}{size}")
    for line in _comparisons(options.get("compare", []), listing_of(files)):
        progress.say(line)
    progress.finish(table)


def _comparisons(wanted: list[dict], listing: Listing) -> list[str]:
    """What ``compare`` of the reader asks for, in sentences."""
    lines = []
    for each in wanted:
        names = [each["whole"], *each["parts"]]
        if gone := [name for name in names if name not in listing.files]:
            lines.append(f"not compared, as not there: {', '.join(gone)}")
            continue
        whole, *parts = ([row["path"] for row in listing.table(name, FIELDS)] for name in names)
        found = overlap(whole, dict(zip(names[1:], parts, strict=True)))
        repeats = ", ".join(f"{count:,} {times} times" for times, count in sorted(found.times.items()))
        lines.append(
            f"{', '.join(names[1:])}: {found.times.total():,} images, {found.times.total() - len(found.elsewhere):,} of the"
            f" {len(set(whole)):,} in {each['whole']} ({repeats}); {sum(found.within.values()):,} rows repeat one of their list"
        )
    return lines
