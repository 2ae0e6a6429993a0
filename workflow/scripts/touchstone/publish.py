"""The publish step: the manifest with its root hash, the gates, and the closing summary."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.files import replacing, write_json, write_text
from touchstone.progress import Progress
from touchstone.record import KEPT, MANIFEST, REASONS, REJECTED
from touchstone.shards import read_shard


def write_manifest(*, packed: list[str], folder: str, ledger: str, manifest: str, progress: Progress) -> None:
    """Write ``record.MANIFEST`` of the packed shards, whose metadata holds the ``root_hash``.

    The root hash is the SHA-256 over the sorted lines ``id, sha256, split, label, generator``
    (tab-separated): what the dataset is, however it is cut into files.

    Shards below ``<folder>/data`` that are not among ``packed`` are remains of an earlier
    configuration; a loader would read them, so they are deleted.

    Args:
        packed: Packed shards, ``<folder>/data/<split>/<shard>.parquet``.
        folder: The dataset's folder.

    Raises:
        TouchstoneError: The shards hold another number of images than the ledger says was kept.
    """
    _delete_remains(packed, Path(folder), progress)
    progress.start(len(packed), "shards")
    tables = []
    columns = [name for name in MANIFEST.names if name not in ("split", "file", "row")]
    for path in sorted(packed):
        table = read_shard(path, columns).replace_schema_metadata()
        place = Path(path)
        extra = {
            "split": pa.repeat(place.parent.name, len(table)),
            "file": pa.repeat(place.relative_to(folder).as_posix(), len(table)),
            "row": pa.array(range(len(table)), pa.int32()),
        }
        for name, values in extra.items():
            table = table.append_column(name, values)
        tables.append(table.select(MANIFEST.names).cast(MANIFEST))
        progress.advance()
    table = pa.concat_tables(tables)
    kept = pc.sum(pq.read_table(ledger, filters=[("state", "==", KEPT)])["items"]).as_py() or 0
    if kept != len(table):
        raise TouchstoneError(
            f"the ledger says {kept:,} images were kept, the shards hold {len(table):,}",
            where=folder,
            mend=f"remake them: rm -r {folder}/data and run again",
        )
    with replacing(manifest) as temporary:
        pq.write_table(table.replace_schema_metadata({"root_hash": root_hash(table)}), temporary, compression="zstd")
    progress.finish(f"{len(table):,} images")


def root_hash(table: pa.Table) -> str:
    """SHA-256 over the sorted lines of id, sha256, split, label and generator of every image."""
    columns = [pc.cast(table[name], pa.string()) for name in ("id", "sha256", "split", "label", "generator")]
    lines = pc.binary_join_element_wise(*columns, "\t").to_pylist()
    digest = hashlib.sha256()
    for line in sorted(lines):
        digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def check_gates(*, selection: str, ledger: str, limits: dict, dataset_file: str, gates: str, progress: Progress) -> None:
    """Stop the build where the dataset is not what was asked for; else write what was measured.

    Args:
        limits: The dataset's ``gates``, and ``survival``: the part of an origin's addresses that was expected to
            live. What was expected to be dead does not count as rejected.

    Raises:
        TouchstoneError: Too many items of an origin were rejected for a fault, a quota is short by
            more than allowed, or a group is torn. All that is wrong is named at once.
    """
    sums = pq.read_table(ledger)
    progress.start(0)
    measured = {"origins": _rejected_shares(sums), "parts": _shortfalls(sums), "torn_groups": _torn(selection)}
    faults = []
    for origin, values in measured["origins"].items():
        allowed = 1 - limits["survival"].get(origin, 1) * (1 - limits["max_rejected"])
        if values["share"] > allowed + 1e-9:
            reasons = ", ".join(f"{count:,} {reason} ({REASONS[reason][1]})" for reason, count in values["reasons"].items())
            faults.append(
                f"{origin}: {values['faulty']:,} of {values['drawn']:,} items are rejected ({100 * values['share']:.3g}%, "
                f"gates.max_rejected allows {100 * allowed:.3g}%): {reasons}"
            )
    for name, values in measured["parts"].items():
        if values["wanted"] and values["missing"] / values["wanted"] > limits["max_shortfall"]:
            faults.append(
                f"{name}: {values['missing']:,} of {values['wanted']:,} images are missing "
                f"(gates.max_shortfall allows {100 * limits['max_shortfall']:g}%): raise its margin, or lower its quota"
            )
    if measured["torn_groups"]:
        faults.append(f"{measured['torn_groups']:,} groups are torn between splits: report this, it is a defect of Touchstone")
    if faults:
        raise TouchstoneError(
            "the dataset does not pass its gates\n" + "\n".join(f"  - {fault}" for fault in faults),
            where=f"{dataset_file}; every item and its reason: {selection}",
            mend="mend the origin, or change margin, quota or gates in the dataset file",
        )
    write_json(gates, measured | {"limits": limits})
    progress.finish("all gates passed")


def write_summary(*, ledger: str, manifest: str, folder: str, summary: str) -> None:
    """Write, and print, the few lines that end a build: kept, rejected, and where it all lies."""
    sums = pq.read_table(ledger)
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
    lines += ["", f"    {drawn:,} items drawn = {total:,} kept + {drawn - total:,} rejected", ""]
    lines += [_line("rejected", {"real": "real", "fake": "fake"})]
    lines += [_line(name, counts) for name, counts in sorted(rejected.items(), key=lambda pair: -sum(pair[1].values()))]
    hash_ = pq.read_schema(manifest).metadata[b"root_hash"].decode()
    lines += ["", f"    dataset    {folder}", f"    report     {folder}/report.html", f"    root hash  {hash_}"]
    write_text(summary, "\n".join(lines) + "\n")
    for line in ["", *lines, ""]:
        print(line, flush=True)


def _line(name: str, counts: dict) -> str:
    real, fake = (f"{count:,}" if isinstance(count, int) else count for count in (counts["real"], counts["fake"]))
    return f"    {name:<22}{real:>10}{fake:>10}"


def _delete_remains(packed: list[str], folder: Path, progress: Progress) -> None:
    expected = {Path(path) for path in packed}
    for path in sorted((folder / "data").rglob("*.parquet")):
        if path not in expected:
            path.unlink()
            progress.say(f"deleted {path}, which the configuration no longer asks for")


def _rejected_shares(sums: pa.Table) -> dict[str, dict]:
    """Per origin: items drawn, items rejected for a fault, their share, and counts by reason."""
    shares: dict[str, dict] = {}
    for row in sums.to_pylist():
        entry = shares.setdefault(row["origin"], {"drawn": 0, "faulty": 0, "reasons": {}})
        entry["drawn"] += row["items"]
        if row["state"] == REJECTED and REASONS[row["reason"]][0] == "fault":
            entry["faulty"] += row["items"]
            entry["reasons"][row["reason"]] = entry["reasons"].get(row["reason"], 0) + row["items"]
    for entry in shares.values():
        entry["share"] = entry["faulty"] / entry["drawn"]
    return shares


def _shortfalls(sums: pa.Table) -> dict[str, dict]:
    """Per part: images wanted, kept and missing."""
    parts: dict[str, dict] = {}
    for row in sums.to_pylist():
        entry = parts.setdefault(f"{row['origin']} {row['part']}", {"wanted": row["wanted"], "kept": 0})
        entry["kept"] += row["items"] if row["state"] == KEPT else 0
    for entry in parts.values():
        entry["missing"] = entry["wanted"] - entry["kept"]
    return parts


def _torn(selection: str) -> int:
    """Number of groups with kept images in more than one split."""
    table = pq.read_table(selection, columns=["group", "split"], filters=[("state", "==", KEPT)])
    splits = table.group_by("group").aggregate([("split", "count_distinct")])["split_count_distinct"]
    return pc.sum(pc.greater(splits, 1)).as_py() or 0
