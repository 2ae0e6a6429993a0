"""The part of a dataset that may be passed on: a dataset folder of its own, with what was left out counted and named."""

from __future__ import annotations

import csv
import os
import shutil
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.citations import write_citations
from touchstone.croissant import write_croissant
from touchstone.dataset_card import write_card
from touchstone.errors import TouchstoneError
from touchstone.exports.packed import new_folder
from touchstone.progress import Progress
from touchstone.publish import root_hash
from touchstone.record import KEPT, LEDGER, MANIFEST, REJECTED, hub_schema
from touchstone.redistribution import COLUMNS, MAY, verdicts
from touchstone.shards import open_shard, shard_writer
from touchstone.versions import SEALED, read_table, stamped

LEFT = "not_redistributable"


def write_redistributable(
    *, manifest: str, ledger: str, cards: dict[str, dict], about: dict, images: dict, name: str, folder: str, progress: Progress
) -> None:
    """Write ``folder``: packed shards without the images that may not be passed on, manifest, ledger, card, Croissant,
    citations, and ``left_out.csv``. Shards that keep all their images are links to the dataset's own, or copies.

    Args:
        cards: What the dataset card tells of each origin, ``redistribution`` and ``made_from`` among it.
        about: Title, description, seed, splits and note of the dataset.
        images: Its image policy.
        name: Its name.

    Raises:
        TouchstoneError: No image may be passed on, or a shard is damaged.
    """
    table = read_table(manifest, "manifest")
    found = np.array(verdicts(table.select(COLUMNS), cards), dtype=object)
    kept = np.isin(found, MAY)
    if not kept.any():
        raise TouchstoneError(
            "no image of this dataset may be passed on, as far as the cards of its origins state",
            where=f"{name}: {', '.join(cards)}",
            mend="state it, with its source, as `redistribution` in a card; what is not stated counts as no",
        )
    whole, code = ((table.schema.metadata or {}).get(key, b"").decode() for key in (b"root_hash", b"code"))
    part = f"The part of {name} that may be passed on: {int(kept.sum()):,} of {len(table):,} images."
    note = f"{part} The whole has the root hash {whole}; report.html and protocols are of it. {about.get('note') or ''}"
    told = about | {"note": note.strip(), "name": f"{name}_redistributable"}
    with new_folder(folder) as temporary:
        smaller = _copied(table, kept, Path(manifest).parent, temporary, progress)
        metadata = {"root_hash": root_hash(smaller), "code": code, "part_of": whole}
        paths = {key: str(temporary / f"{key}.parquet") for key in ("manifest", "ledger")}
        pq.write_table(smaller.cast(stamped(MANIFEST.with_metadata(metadata))), paths["manifest"], **SEALED)
        pq.write_table(_sums(read_table(ledger, "ledger"), table, kept), paths["ledger"], **SEALED)
        _name_left_out(table, found, kept, temporary / "left_out.csv")
        write_card(**paths, cards=cards, **told, images=images, readme=str(temporary / "README.md"), progress=progress)
        write_croissant(**paths, cards=cards, **told, croissant=str(temporary / "croissant.json"), progress=progress)
        write_citations(cards=cards, citations=str(temporary / "citations.bib"), progress=progress)
    progress.finish(f"{int(kept.sum()):,} images may be passed on, {int((~kept).sum()):,} may not")


def _copied(table: pa.Table, kept: np.ndarray, source: Path, target: Path, progress: Progress) -> pa.Table:
    """Packed shards with the kept images only; their rows of the manifest, with the places they have now."""
    files = table["file"].to_numpy(zero_copy_only=False)
    order = np.lexsort((table["row"].to_numpy(), files))
    names, starts = np.unique(files[order], return_index=True)
    progress.start(len(names), "shards")
    rows, places = [], []
    for name, mine in zip(names, np.split(order, starts[1:]), strict=True):
        chosen = kept[mine]
        if chosen.any():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            _shard(source / name, target / name, chosen)
            rows.append(mine[chosen])
            places.append(np.arange(chosen.sum(), dtype=np.int32))
        progress.advance()
    smaller = table.take(pa.array(np.concatenate(rows)))
    return smaller.set_column(smaller.schema.get_field_index("row"), "row", pa.array(np.concatenate(places)))


def _shard(source: Path, target: Path, chosen: np.ndarray) -> None:
    """The chosen rows of a packed shard; all of them as a link, for a shard is never changed in its place."""
    if chosen.all():
        with suppress(OSError):
            os.link(source, target)
            return
        shutil.copyfile(source, target)
        return
    start = 0
    with open_shard(source, "packed") as shard, shard_writer(target, hub_schema()) as writer:
        for number in range(shard.num_row_groups):
            group = shard.read_row_group(number)
            writer.append(group.filter(pa.array(chosen[start : start + len(group)])).cast(hub_schema()))
            start += len(group)


def _sums(ledger: pa.Table, table: pa.Table, kept: np.ndarray) -> pa.Table:
    """The ledger in which images that are left out are rejected: drawn = kept + rejected is still so."""
    keys = list(zip(*(table[name].to_pylist() for name in ("origin", "generator", "split")), strict=True))
    left = Counter(key for key, is_kept in zip(keys, kept, strict=True) if not is_kept)
    rows = []
    for row in ledger.to_pylist():
        gone = left[row["origin"], row["generator"], row["split"]] if row["state"] == KEPT else 0
        rows.append(row | {"items": row["items"] - gone})
        if gone:
            rows.append(row | {"state": REJECTED, "step": "export", "reason": LEFT, "split": "", "items": gone})
    return pa.Table.from_pylist([row for row in rows if row["items"]], schema=stamped(LEDGER))


def _name_left_out(table: pa.Table, found: np.ndarray, kept: np.ndarray, path: Path) -> None:
    """A row for each origin, generator and licence of what was left out."""
    columns = {name: pc.fill_null(table[name], "") for name in ("origin", "generator", "licence")}
    left = pa.table(columns | {"redistribution": pa.array(found, pa.string())}).filter(pa.array(~kept))
    counts = (
        left.group_by(left.column_names).aggregate([([], "count_all")]).sort_by([(key, "ascending") for key in left.column_names])
    )
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*left.column_names, "images"])
        writer.writerows(row.values() for row in counts.select([*left.column_names, "count_all"]).to_pylist())
