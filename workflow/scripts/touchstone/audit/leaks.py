"""Leaks: what is in more than one split, or in somebody else's test set."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from touchstone.duplicates import MIRROR, near_pairs
from touchstone.files import write_json
from touchstone.image_lists import on_list, read_list
from touchstone.leaks import leaks
from touchstone.progress import Progress
from touchstone.versions import read_table

EXAMPLES = 20


def search_leaks(*, manifest: str, bits: int, against: list[str], out: str, progress: Progress) -> None:
    """Write which images lie in two splits, alike or nearly so, or in a list named by the user.

    Args:
        manifest: Table of ``record.MANIFEST``.
        bits: Perceptual hashes that differ in at most so many bits count as nearly alike, 0 to 7.
        against: Lists of images the dataset must not hold, as ``image_lists.read_list`` reads them; nearly
            alike counts too where they have perceptual hashes.
        out: JSON to write: ``{images, torn_groups, photographs, same_pixels, near, mirrored, against}``.
            ``photographs`` are fakes that show a real image of another split, see ``leaks``; the next three
            are ``{images, examples}`` of images with a like one in another split; ``against``
            has one entry per list: ``{rows, matched: {column: images}, images, examples}``.

    Raises:
        TouchstoneError: A list cannot be read.
    """
    facts = ["sha256", "pixel_sha256", "source_url", "phash", "luma_std"]
    known = ["label", "origin", "generator", "groups", "paired_real_images"]
    table = read_table(manifest, "manifest", ["id", "split", "group", *facts, *known])
    progress.start(5 + len(against), "searches")
    split = table["split"].combine_chunks().dictionary_encode().indices.to_numpy()
    ids = table["id"].to_numpy(zero_copy_only=False)
    result: dict = {"images": len(table), "bits": bits}
    torn = table.group_by("group").aggregate([("split", "count_distinct")])["split_count_distinct"]
    result["torn_groups"] = pc.sum(pc.greater(torn, 1)).as_py() or 0
    progress.advance()
    result["photographs"] = leaks(table)
    progress.advance()
    codes = table["pixel_sha256"].combine_chunks().dictionary_encode().indices.to_numpy()
    result["same_pixels"] = _across(_equal(codes, split), split, ids)
    progress.advance()
    rows = np.flatnonzero(table["luma_std"].to_numpy() > 0)  # blank pictures all look alike
    hashes = as_numbers(table["phash"])[rows]
    result["near"] = _across(rows[near_pairs(hashes, bits)], split, ids)
    progress.advance()
    result["mirrored"] = _across(rows[_mirrored(hashes, bits)], split, ids)
    progress.advance()
    result["against"] = {}
    for path in against:
        result["against"][str(path)] = _overlap(table, hashes, rows, read_list(path), bits)
        progress.advance()
    write_json(out, result)
    foreign = sum(entry["images"] for entry in result["against"].values())
    progress.finish(
        f"{result['near']['images']:,} images with a near duplicate in another split"
        + (f", {foreign:,} in the lists" if against else "")
    )


def as_numbers(phash: pa.ChunkedArray) -> np.ndarray:
    """Perceptual hashes as ``(n,)`` uint64 from 16 hexadecimal digits each."""
    text = "".join(phash.to_pylist())
    return np.frombuffer(bytes.fromhex(text), dtype=">u8").astype(np.uint64)


def _equal(codes: np.ndarray, split: np.ndarray) -> np.ndarray:
    """Pairs of rows with the same code in neighbouring places once sorted by code and split."""
    order = np.lexsort((split, codes))
    same = np.flatnonzero(codes[order][1:] == codes[order][:-1])
    return np.stack([order[same], order[same + 1]], axis=1)


def _mirrored(hashes: np.ndarray, bits: int) -> np.ndarray:
    """Pairs of which one is nearly the other's mirror image."""
    count = len(hashes)
    pairs = near_pairs(np.concatenate([hashes, hashes ^ MIRROR]), bits)
    pairs = pairs[(pairs[:, 0] < count) != (pairs[:, 1] < count)] % max(count, 1)
    pairs.sort(axis=1)
    return np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0)


def _across(pairs: np.ndarray, split: np.ndarray, ids: np.ndarray) -> dict:
    pairs = np.unique(np.sort(pairs[split[pairs[:, 0]] != split[pairs[:, 1]]], axis=1), axis=0)  # some are found more than once
    return {"images": len(np.unique(pairs)), "examples": [[ids[one], ids[other]] for one, other in pairs[:EXAMPLES]]}


def _overlap(table: pa.Table, hashes: np.ndarray, rows: np.ndarray, listed: dict, bits: int) -> dict:
    """What the dataset shares with a list."""
    matched = {name: on_list(table, {name: values}) for name, values in listed.items() if name != "phash"}
    if "phash" in listed:
        matched["phash"] = np.zeros(len(table), dtype=bool)
        matched["phash"][rows[_near_to(as_numbers(listed["phash"]), hashes, bits)]] = True
    mask = np.logical_or.reduce(list(matched.values()))
    ids = table["id"].take(pa.array(np.flatnonzero(mask)[:EXAMPLES]))
    return {
        "rows": max(len(values) for values in listed.values()),
        "matched": {name: int(here.sum()) for name, here in matched.items()},
        "images": int(mask.sum()),
        "examples": ids.to_pylist(),
    }


def _near_to(theirs: np.ndarray, ours: np.ndarray, bits: int) -> np.ndarray:
    """Mask of ours within ``bits`` of one of theirs."""
    pairs = near_pairs(np.concatenate([theirs, ours]), bits)
    pairs = pairs[(pairs[:, 0] < len(theirs)) != (pairs[:, 1] < len(theirs))]
    found = ours[pairs.max(axis=1, initial=0)[: len(pairs)] - len(theirs)]
    return np.isin(ours, found)  # of equal hashes, near_pairs names the first only
