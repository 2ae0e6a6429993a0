"""The screen step: what the facts of all images say, once every origin has been taken.

No image is read: only columns of the take shards. Besides rejecting what no dataset wants, this
finds which items belong together, so that ``split`` never has to ask why.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from touchstone.draw import rank_keys
from touchstone.duplicates import near_pairs
from touchstone.errors import TouchstoneError
from touchstone.files import replacing
from touchstone.image_lists import on_list, read_list
from touchstone.policies import longest_side
from touchstone.progress import Progress
from touchstone.record import REJECTED, SCREENED, TAKEN_OK
from touchstone.shards import read_shard
from touchstone.versions import SEALED, stamped

FACTS = ["phash", "luma_std", "source_url"]  # needed here and not passed on


def screen(
    *,
    drawn: list[str],
    shards: list[str],
    takedown: list[str],
    limits: dict,
    images: dict,
    seed: int,
    out: str,
    progress: Progress,
) -> None:
    """Write ``screen.parquet``: ``record.SCREENED`` for every drawn item.

    Args:
        drawn: ``draw.parquet`` of every origin, in the order of the dataset file.
        shards: All take shards, ``<folder>/<origin>/<shard>.parquet``.
        takedown: Lists of images that must not be in the dataset, as ``image_lists.read_list`` reads them.
        limits: The dataset's ``screen``: ``min_side`` in pixels, ``near_duplicate_bits``, ``placeholder_addresses``.
        images: The dataset's image policy; what it cannot write is rejected.
        seed: The dataset's seed; a group's key is the least hash of (seed, id) of its members.

    Raises:
        TouchstoneError: A shard does not hold exactly the items that were drawn for it, or a list cannot be read.
    """
    unwanted = [(path, read_list(path)) for path in takedown]
    by_name = {(Path(path).parent.name, Path(path).stem): path for path in shards}
    progress.start(len(shards), "shards")
    table = pa.concat_tables(_origin(path, by_name, progress) for path in drawn)
    state = Verdicts(table)
    for path, listed in unwanted:
        state.reject(on_list(table, listed), "taken_down", np.full(len(table), Path(path).name, dtype=object))
    state.reject(pc.equal(table["luma_std"], 0), "blank")
    short = pc.less(pc.min_element_wise(table["width"], table["height"]), limits["min_side"])
    state.reject(short, "too_small")
    if (longest := longest_side(images)) is not None:
        state.reject(pc.greater(pc.max_element_wise(table["width"], table["height"]), longest), "too_long")
    state.reject(_placeholders(table, state.open(), limits["placeholder_addresses"]), "placeholder")
    repeated, kept_as = _repetitions(table, state.open())
    state.reject(repeated, "exact_duplicate", kept_as)
    group = _groups(table, limits["near_duplicate_bits"], seed)
    for name, values in (*state.columns().items(), ("group", group)):
        table = table.set_column(
            table.schema.get_field_index(name), SCREENED.field(name), pa.array(values, SCREENED.field(name).type)
        )
    with replacing(out) as temporary:
        pq.write_table(table.select(SCREENED.names).cast(stamped(SCREENED)), temporary, **SEALED)
    progress.finish(f"{len(table):,} items in {len(np.unique(group)):,} groups, {state.count():,} rejected here")


class Verdicts:
    """State, step, reason and detail of every row; the first reason stays."""

    def __init__(self, table: pa.Table):
        self.state = table["state"].to_numpy(zero_copy_only=False).astype(object)
        self.reason = table["reason"].to_numpy(zero_copy_only=False).astype(object)
        self.detail = table["detail"].to_numpy(zero_copy_only=False).astype(object)
        self.step = np.where(self.state == REJECTED, "take", "").astype(object)

    def open(self) -> np.ndarray:
        """Mask of rows not rejected so far."""
        return self.state == TAKEN_OK

    def reject(self, mask: pa.ChunkedArray | np.ndarray, reason: str, detail: np.ndarray | None = None) -> None:
        """Reject the open rows of ``mask`` (nulls count as false)."""
        if isinstance(mask, pa.ChunkedArray):
            mask = pc.fill_null(mask, False).to_numpy(zero_copy_only=False)
        rows = mask & self.open()
        self.state[rows], self.step[rows], self.reason[rows] = REJECTED, "screen", reason
        if detail is not None:
            self.detail[rows] = detail[rows]

    def count(self) -> int:
        return int((self.step == "screen").sum())

    def columns(self) -> dict[str, np.ndarray]:
        return {"state": self.state, "step": self.step, "reason": self.reason, "detail": self.detail}


def _origin(drawn: str, shards: dict[tuple[str, str], str], progress: Progress) -> pa.Table:
    """The taken rows of one origin, in the order of its draw."""
    draw = pq.read_table(drawn, page_checksum_verification=True)
    origin = Path(drawn).parent.name
    columns = [*(name for name in SCREENED.names if name not in (*draw.schema.names, "step", "group")), *FACTS]
    tables = []
    for shard in pc.unique(draw["shard"]).to_pylist():
        wanted = draw.filter(pc.equal(draw["shard"], shard))
        path = shards[origin, shard]
        taken = read_shard(path, ["id", *columns], "taken")
        if not taken["id"].equals(wanted["id"]):
            raise TouchstoneError(
                "a shard does not hold exactly the items that were drawn for it",
                where=path,
                mend=f"remake it: snakemake --forcerun {path}",
            )
        for name in draw.schema.names[1:]:
            taken = taken.append_column(draw.schema.field(name), wanted[name])
        empty = pa.nulls(len(taken), pa.string())
        tables.append(taken.append_column("step", empty).append_column("group", pa.nulls(len(taken), pa.uint64())))
        progress.advance()
    return pa.concat_tables(tables)


def _placeholders(table: pa.Table, open_rows: np.ndarray, limit: int) -> np.ndarray:
    """Mask of the open rows whose pixels at least ``limit`` different addresses gave."""
    urls = pc.and_(pa.array(open_rows), pc.greater(pc.binary_length(table["source_url"]), 0))
    counts = table.filter(urls).group_by("pixel_sha256").aggregate([("source_url", "count_distinct")])
    many = counts.filter(pc.greater_equal(counts["source_url_count_distinct"], limit))["pixel_sha256"]
    return pc.and_(urls, pc.is_in(table["pixel_sha256"], value_set=many.combine_chunks())).to_numpy(zero_copy_only=False)


def _repetitions(table: pa.Table, open_rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mask of rows whose pixels an earlier open row has, and which row that is (its id)."""
    rows = np.flatnonzero(open_rows)
    hashes = table["pixel_sha256"].to_numpy(zero_copy_only=False)[rows].astype(str)
    _, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    earlier = first[inverse]
    ids = table["id"].to_numpy(zero_copy_only=False)
    mask = np.zeros(len(table), dtype=bool)
    detail = np.full(len(table), "", dtype=object)
    repeated = earlier != np.arange(len(rows))
    mask[rows[repeated]] = True
    detail[rows[repeated]] = ids[rows[earlier[repeated]]]
    return mask, detail


def _groups(table: pa.Table, bits: int, seed: int) -> np.ndarray:
    """A key per row, equal for rows that share a group key, a pair, or nearly the same picture.

    Rejected rows take part: what they tie together belongs together. Blank pictures are all alike
    without being related, so they do not count as nearly the same.
    """
    count = len(table)
    ids = table["id"].combine_chunks()
    rows, keys = [np.arange(count)], [ids]
    for column in ("groups", "paired_real_images"):
        lists = table[column].combine_chunks()
        rows.append(pc.list_parent_indices(lists).to_numpy())
        keys.append(pc.list_flatten(lists))
    encoded = pa.chunked_array(keys).combine_chunks().dictionary_encode()
    columns = encoded.indices.to_numpy()
    hashed = np.flatnonzero(pc.fill_null(pc.greater(table["luma_std"], 0), False).to_numpy(zero_copy_only=False))
    hashes = np.array([int(text, 16) for text in table["phash"].take(pa.array(hashed)).to_pylist()], dtype=np.uint64)
    near = hashed[near_pairs(hashes, bits)]
    size = count + len(encoded.dictionary)  # nodes: rows, then keys
    start = np.concatenate([*rows, near[:, 0]])
    end = np.concatenate([columns + count, near[:, 1]])
    links = coo_array((np.ones(len(start), dtype=np.int8), (start, end)), shape=(size, size))
    component = connected_components(links, directed=False)[1][:count]
    least = np.full(component.max() + 1, np.iinfo(np.uint64).max, dtype=np.uint64)
    np.minimum.at(least, component, rank_keys(seed, ids.to_pylist()))
    return least[component]
