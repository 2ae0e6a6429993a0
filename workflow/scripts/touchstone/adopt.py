"""Taking images out of archives and folders: read once, decoded once, bytes unchanged."""

from __future__ import annotations

import tempfile
from pathlib import Path

from touchstone.containers import is_container, open_container
from touchstone.files import read_json
from touchstone.images import BadImage
from touchstone.listing import path_of
from touchstone.progress import Progress
from touchstone.shards import append_rows, read_picks, shard_writer, taken

BATCH = 8  # rows turned into Arrow at a time
IN_MEMORY = 256_000_000  # bytes of images that wait for their row; what is more waits on disk beside the shard


def adopt_shard(*, picks: str, receipt: str, shard: str, progress: Progress) -> None:
    """Make one shard of an origin of kind ``archive``; rows are in the order of the pick list.

    Every archive is read once, in its own order; images wait until all are read.

    Args:
        picks: Pick list that ``draw_origin`` wrote.
        receipt: What ``fetch_origin`` wrote about the origin's files.
        shard: The shard to write; a member that cannot be read becomes a rejected row.
    """
    wanted = read_picks(picks)
    files = read_json(receipt)["files"]
    default = next((file["name"] for file in files if is_container(file["name"])), "")
    by_file: dict[str, dict[str, list[int]]] = {}  # file → member → rows that show it
    for row, pick in enumerate(wanted):
        by_file.setdefault(pick["source_file"] or default, {}).setdefault(pick["source_member"], []).append(row)
    progress.start(len(wanted), "images")
    rows: list[dict] = [{}] * len(wanted)
    spans: dict[int, tuple[int, int]] = {}  # row → its bytes in the waiting room
    with shard_writer(shard) as writer, tempfile.SpooledTemporaryFile(IN_MEMORY, dir=Path(shard).parent) as waiting:
        for name, members in by_file.items():
            container = open_container(path_of(files, name))
            try:
                for member, data in container.read_many(members):
                    for row in members[member]:
                        rows[row] = _row(wanted[row], data)
                    if isinstance(data, bytes):
                        spans |= dict.fromkeys(members[member], (waiting.tell(), len(data)))
                        waiting.write(data)
                    progress.advance(len(members[member]))
            finally:
                container.close()
        for start in range(0, len(rows), BATCH):
            for number in range(start, min(start + BATCH, len(rows))):
                if rows[number]["image"]:
                    place, length = spans[number]
                    waiting.seek(place)
                    rows[number]["image"]["bytes"] = waiting.read(length)
            append_rows(writer, rows[start : start + BATCH])
            rows[start : start + BATCH] = [{}] * len(rows[start : start + BATCH])
    progress.finish()


def _row(pick: dict, data: bytes | BadImage) -> dict:
    """The shard's row, its bytes left out."""
    if isinstance(data, BadImage):
        return taken(pick, None, reason=data.reason, detail=data.detail)
    row = taken(pick, data)
    return row | {"image": row["image"] and row["image"] | {"bytes": None}}
