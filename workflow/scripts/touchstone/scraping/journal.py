"""The journal of a shard: every row that is settled, the moment it is, in one file that only grows.

A process that is killed leaves at most a torn last frame, which is cut off when the journal is
opened again.
"""

from __future__ import annotations

import io
import threading
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from touchstone.errors import TouchstoneError
from touchstone.record import ITEM, TAKEN
from touchstone.scraping.frames import read_frame, write_frame
from touchstone.scraping.verdicts import is_passing
from touchstone.shards import open_shard

KEY = b"scraped_under"  # in the metadata of a shard: the key of its journal
LATER = ("spare", "blocked", "refused_address")  # said of a row without asking the web


class Journal:
    """Settled rows by ``(id, address)``; ``key`` stands for all that decides what an answer becomes.

    Rows that were settled under another key are forgotten.
    """

    def __init__(self, path: Path, key: str):
        self.key, self._places, self._lock = key, {}, threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(path, "a+b")  # noqa: SIM115 - closed by close()
        with open(path, "rb") as file:
            good = 0
            while frame := read_frame(file):
                if not good and frame[0] != {"key": key}:
                    break
                if good and not {"id", "source_url"} <= frame[0].keys():
                    break  # no row: damaged
                if good:
                    self._places[frame[0]["id"], frame[0]["source_url"]] = good
                good = file.tell()
        self._file.truncate(good)
        if not good:
            self._append({"key": key})

    def close(self) -> None:
        self._file.close()

    def __contains__(self, pick: dict) -> bool:
        return (pick["id"], pick["source_url"]) in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(self, row: dict) -> None:
        """Settle a row of ``record.TAKEN``; what the pick list says is not kept. Threads may call it."""
        image = row["image"] or {"bytes": b"", "path": None}
        told = {name: row[name] for name in _TOLD if name in row} | {"path": image["path"]}
        head = {"id": row["id"], "source_url": row["source_url"], "told": told}
        with self._lock:
            self._places[row["id"], row["source_url"]] = self._append(head, image["bytes"])

    def get(self, pick: dict) -> dict:
        """The settled row of a picked item."""
        self._file.seek(self._places[pick["id"], pick["source_url"]])
        head, data = read_frame(self._file)
        told = head["told"]
        path = told.pop("path")
        row = {name: pick[name] for name in TAKEN.names if name in pick}
        return row | told | {"image": {"bytes": data, "path": path} if path else None}

    def adopt(self, shard: Path, wanted: set[tuple[str, str]]) -> None:
        """Settle the ``wanted`` rows that an earlier shard holds and that the web answered for good.

        Of a damaged shard only what comes before the damage: the rest is asked for again.
        """
        with suppress(TouchstoneError, pa.ArrowException, OSError), open_shard(shard) as file:
            if (file.schema_arrow.metadata or {}).get(KEY) != self.key.encode():
                return
            for group in range(file.num_row_groups):
                for row in file.read_row_group(group, columns=TAKEN.names).to_pylist():
                    settled = row["reason"] not in LATER and not is_passing(row["reason"], row["scrape"])
                    if settled and (row["id"], row["source_url"]) in wanted and row not in self:
                        self.add(row)

    def _append(self, head: dict, body: bytes = b"") -> int:
        start = self._file.seek(0, io.SEEK_END)
        write_frame(self._file, head, body)
        self._file.flush()  # what the kernel has outlives this process
        return start


_TOLD = [name for name in TAKEN.names if name != "image" and name not in ITEM.names]
