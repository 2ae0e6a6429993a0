"""Taking images out of archives and folders: read once, decoded once, bytes unchanged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from touchstone.ahead import ahead
from touchstone.containers import open_container
from touchstone.files import bytes_read, read_json
from touchstone.images import BadImage
from touchstone.listing import path_of
from touchstone.progress import Progress, size
from touchstone.shards import append_rows, is_full, read_picks, shard_writer, taken
from touchstone.sources import members_by_file
from touchstone.suffixes import is_streamed
from touchstone.unroll import Ration, Unrolled

IN_MEMORY = 500_000_000  # bytes of images that wait for their row; what is more waits on disk beside the shard


def adopt_shard(
    *, picks: str, receipt: str, shard: str, unrolled: str | None = None, threads: int = 1, progress: Progress
) -> None:
    """Make one shard of an origin of kind ``archive``; rows are in the order of the pick list.

    Every archive is read once, in its own order; images wait until all are read.

    Args:
        picks: Pick list that ``draw_origin`` wrote.
        receipt: What ``fetch_origin`` wrote about the origin's files.
        shard: The shard to write; a member that cannot be read becomes a rejected row.
        unrolled: Where ``unroll_origin`` has put what was drawn of archives that can only be read from front to back.
        threads: Images that are decoded and measured at the same time; changes no byte of the shard.

    Raises:
        TouchstoneError: An archive is gone or not whole, or ``unrolled`` was made for another draw.
    """
    wanted, files = read_picks(picks), read_json(receipt)["files"]
    before = bytes_read()
    by_file = members_by_file(wanted, files)
    progress.start(len(wanted), "images")
    rows: list[dict] = [{}] * len(wanted)
    with shard_writer(shard) as writer, WaitingRoom(Path(shard).parent) as waiting:
        contents = _contents(by_file, files, unrolled)
        for (numbers, data), made in ahead(lambda job: [_row(wanted[row], job[1]) for row in job[0]], contents, threads, _size):
            for row, facts in zip(numbers, made, strict=True):
                rows[row] = facts
            if isinstance(data, bytes) and made[0]["image"]:
                waiting.put(numbers, data)
            progress.advance(len(numbers))
        batch, n_bytes = [], 0
        for number, row in enumerate(rows):
            if row["image"]:
                row["image"]["bytes"] = waiting.take(number)
                n_bytes += len(row["image"]["bytes"])
            batch.append(row)
            rows[number] = {}
            if is_full(len(batch), n_bytes):
                append_rows(writer, batch)
                batch, n_bytes = [], 0
        append_rows(writer, batch)
    progress.finish(f"{size(bytes_read() - before)} read")


class WaitingRoom:
    """Bytes that wait for their rows: the first ``IN_MEMORY`` in memory, the rest in a file without a name in ``folder``."""

    def __init__(self, folder: Path):
        self.file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed with the room
        self.room = IN_MEMORY
        self.held: dict[int, bytes] = {}
        self.spans: dict[int, tuple[int, int]] = {}

    def __enter__(self) -> WaitingRoom:
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def put(self, rows: list[int], data: bytes) -> None:
        """Keep what ``rows`` will want; of what is put for a row twice the last."""
        for row in rows:
            self.held.pop(row, None)
        if len(data) <= self.room:
            self.room -= len(data)
            self.held |= dict.fromkeys(rows, data)
        else:
            self.spans |= dict.fromkeys(rows, (self.file.seek(0, os.SEEK_END), len(data)))
            self.file.write(data)

    def take(self, row: int) -> bytes:
        """The bytes of a row, which are then no longer kept for it."""
        if row in self.held:
            return self.held.pop(row)
        place, length = self.spans.pop(row)
        self.file.seek(place)
        return self.file.read(length)


def _contents(by_file: dict, files: list[dict], unrolled: str | None) -> Iterator[tuple[list[int], bytes | BadImage]]:
    """Rows and what their member holds, container after container."""
    ration = Ration(files)
    for name, members in by_file.items():
        container = Unrolled(unrolled, name) if unrolled and is_streamed(name) else open_container(path_of(files, name))
        try:
            for member, data in container.read_many(members):
                yield members[member], ration.share(data)
        finally:
            container.close()


def _size(job: tuple) -> int:
    return len(job[1]) if isinstance(job[1], bytes) else 0


def _row(pick: dict, data: bytes | BadImage) -> dict:
    """The shard's row, its bytes left out."""
    if isinstance(data, BadImage):
        return taken(pick, None, reason=data.reason, detail=data.detail)
    row = taken(pick, data)
    return row | {"image": row["image"] and row["image"] | {"bytes": None}}
