"""Which files of an origin a pick list reads, and what these are; a list of others makes its shard anew."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from touchstone.containers import is_container


def members_by_file(wanted: list[dict], files: list[dict]) -> dict[str, dict[str, list[int]]]:
    """``{file of the card: {member: rows of wanted that show it}}``; without a file it is the first container."""
    default = next((file["name"] for file in files if is_container(file["name"])), "")
    by_file: dict[str, dict[str, list[int]]] = {}
    for row, pick in enumerate(wanted):
        by_file.setdefault(pick["source_file"] or default, {}).setdefault(pick["source_member"], []).append(row)
    return by_file


class Sources:
    """What the receipt says of the files that pick lists read; not where they lie, so they can be moved.

    Args:
        files: Of the receipt, see ``fetch.fetch_origin``.
    """

    def __init__(self, files: list[dict]):
        self.files = files
        self._told: dict[str, dict] = {}
        for file in files:
            self._told[file["name"]] = {key: value for key, value in file.items() if key not in ("path", "contents")}
            below = {file["name"] + name: checksum for name, checksum in file.get("contents", {}).items()}
            self._told |= {name: {"name": name, "checksum": checksum} for name, checksum in below.items()}
        self._folders = [file["name"] for file in files if file["name"].endswith("/")]
        self._volumes: dict[str, list[str]] = {}
        for name in self._told:
            self._volumes.setdefault(_stem(name), []).append(name)

    def read_by(self, picks: pa.Table) -> list[dict]:
        """Entries of the files that rows with ``source_file`` and ``source_member`` are read from, by name.

        Volumes of an archive count together: what has the same name up to the first dot. Of a folder whose files have
        checksums those of the members count, of any other how many files it holds and of how many bytes.
        """
        by_file = members_by_file(picks.select(["source_file", "source_member"]).to_pylist(), self.files)
        names = {name for source, members in by_file.items() for name in self._read(source, members)}
        return [self._told[name] for name in sorted(names)]

    def _read(self, source: str, members: Iterable[str]) -> list[str]:
        if source in self._folders:
            below = [source + member for member in members]
            return below if self._told.keys() >= set(below) else [source]
        around = [] if source in self._told else [name for name in self._folders if source.startswith(name)]
        return [*self._volumes.get(_stem(source), []), *around]


def _stem(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.split('.')[0]}"
