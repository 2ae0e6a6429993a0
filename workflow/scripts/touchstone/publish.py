"""The publish step: the manifest with its root hash, and the closing summary."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone import __version__
from touchstone.errors import TouchstoneError
from touchstone.files import read_json, replacing, write_text
from touchstone.progress import Progress
from touchstone.record import KEPT, MANIFEST, PACKED
from touchstone.shards import read_shard
from touchstone.versions import SEALED, read_table, stamped

IN_ROOT_HASH = ("id", "sha256", "split", "label", "generator")


def write_manifest(
    *, packed: list[str], folder: str, selection: str, ledger: str, code: str, manifest: str, progress: Progress
) -> None:
    """Write ``record.MANIFEST`` of the packed shards, whose metadata holds ``root_hash`` and ``code``.

    The root hash is the SHA-256 over the sorted lines ``id, sha256, split, label, generator``
    (tab-separated): what the dataset is, however it is cut into files.

    Shards below ``<folder>/data`` that are not among ``packed`` are remains of an earlier
    configuration; a loader would read them, so they are deleted.

    Args:
        packed: Packed shards, ``<folder>/data/<split>/<shard>.parquet``.
        folder: The dataset's folder.
        selection: Table of ``record.SELECTED``, which knows every image's group.
        code: Version of the code that built it.

    Raises:
        TouchstoneError: The shards hold another number of images than the ledger says was kept.
    """
    _delete_remains(packed, Path(folder), progress)
    progress.start(len(packed), "shards")
    hashed = pa.concat_tables(_with_split(path, IN_ROOT_HASH) for path in packed)
    kept = pc.sum(read_table(ledger, "ledger", filters=[("state", "==", KEPT)])["items"]).as_py() or 0
    if kept != len(hashed):
        raise TouchstoneError(
            f"the ledger says {kept:,} images were kept, the shards hold {len(hashed):,}",
            where=folder,
            mend=f"remake them: rm -r {folder}/data and run again",
        )
    metadata = {"root_hash": root_hash(hashed), "code": code}
    groups = read_table(selection, "selection", ["id", "group"], filters=[("state", "==", KEPT)])
    with (
        replacing(manifest) as temporary,
        pq.ParquetWriter(temporary, stamped(MANIFEST.with_metadata(metadata)), **SEALED) as writer,
    ):
        for path in sorted(packed):
            table = _with_split(path, [field.name for field in PACKED if field.name != "image"])
            extra = {
                "group": groups["group"].take(pc.index_in(table["id"], groups["id"])),
                "file": pa.repeat(Path(path).relative_to(folder).as_posix(), len(table)),
                "row": pa.array(range(len(table)), pa.int32()),
            }
            for name, values in extra.items():
                table = table.append_column(name, values)
            writer.write_table(table.select(MANIFEST.names).cast(writer.schema))
            progress.advance()
    progress.finish(f"{len(hashed):,} images")


def version_of_code(home: str) -> str:
    """Version of Touchstone and, where the file ``home`` is in a git checkout, its commit: ``0.1.0 (26d4544)``."""
    git = ["git", "-C", str(Path(home).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    with suppress(OSError, subprocess.SubprocessError):
        commit = subprocess.run(git, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
        return f"{__version__} ({commit})"
    return __version__


def root_hash(table: pa.Table) -> str:
    """SHA-256 over the sorted lines of id, sha256, split, label and generator of every image."""
    columns = [pc.cast(table[name], pa.string()) for name in IN_ROOT_HASH]
    lines = pc.binary_join_element_wise(*columns, "\t").to_pylist()
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def write_summary(*, ledger: str, manifest: str, gates: str, folder: str, summary: str) -> None:
    """Write, and print, the few lines that end a build: kept, rejected, warnings, and where it all lies."""
    sums = read_table(ledger, "ledger")
    kept, rejected = ({}, {})
    for row in sums.to_pylist():
        key, target = (row["split"], kept) if row["state"] == KEPT else (row["reason"], rejected)
        label = "fake" if row["generator"] else "real"
        counts = target.setdefault(key, {"real": 0, "fake": 0})
        counts[label] += row["items"]
    drawn = pc.sum(sums["items"]).as_py()
    total = sum(sum(counts.values()) for counts in kept.values())
    lines = [_line("kept", {"real": "real", "fake": "fake"})]
    lines += [_line(name, counts) for name, counts in kept.items()]
    lines += ["", f"    {drawn:,} items drawn = {total:,} kept + {drawn - total:,} rejected"]
    if rejected:
        lines += ["", _line("rejected", {"real": "real", "fake": "fake"})]
    lines += [_line(name, counts) for name, counts in sorted(rejected.items(), key=lambda pair: -sum(pair[1].values()))]
    warned = [entry for entry in read_json(gates) if entry["verdict"] == "warned"]
    if warned:
        lines += ["", "    warnings (the report tells how to mend them)"]
    for gate in dict.fromkeys(entry["gate"] for entry in warned):
        mine = [entry["what"] for entry in warned if entry["gate"] == gate]
        lines.append(f"    {gate:<10} {mine[0]}" + (f" (and {len(mine) - 1} more)" if len(mine) > 1 else ""))
    hash_ = pq.read_schema(manifest).metadata[b"root_hash"].decode()
    lines += ["", f"    dataset    {folder}", f"    report     {folder}/report.html", f"    root hash  {hash_}"]
    write_text(summary, "\n".join(lines) + "\n")
    for line in ["", *lines, ""]:
        print(line, flush=True)


def _line(name: str, counts: dict) -> str:
    real, fake = (f"{count:,}" if isinstance(count, int) else count for count in (counts["real"], counts["fake"]))
    return f"    {name:<22}{real:>10}{fake:>10}"


def _with_split(path: str, columns: Iterable[str]) -> pa.Table:
    """Columns of a packed shard, and the split its folder is called after."""
    table = read_shard(path, [name for name in columns if name != "split"], "packed").replace_schema_metadata()
    return table.append_column("split", pa.repeat(Path(path).parent.name, len(table)))


def _delete_remains(packed: list[str], folder: Path, progress: Progress) -> None:
    expected = {Path(path) for path in packed}
    for path in sorted((folder / "data").rglob("*.parquet")):
        if path not in expected:
            path.unlink()
            progress.say(f"deleted {path}, which the configuration no longer asks for")
