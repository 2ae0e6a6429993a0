"""Leaks between splits: fakes that show a photograph which is a real image of another split."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FAKE = 1


def leaks(table: pa.Table) -> dict[str, dict[str, int]]:
    """Fakes of each split, origin and generator whose source photograph, by pair or group key, is real in another split.

    Args:
        table: Kept rows: ``id, label, split, origin, generator, groups, paired_real_images``.

    Returns:
        ``{"<split> <origin> <generator>": {fakes, leaked}}`` of what leaks at all. A detector that has learnt the
        photograph has an easy time with what was made of it.
    """
    table = table.combine_chunks()
    label, split = table["label"].to_numpy(), table["split"].to_numpy(zero_copy_only=False)
    row, key = _keys(table, ("groups", "paired_real_images"))
    real_row, real_key = _keys(table, ("groups",))
    real_row, real_key = (
        np.concatenate([real_row, np.arange(len(table))]),
        pa.concat_arrays([real_key, table["id"].combine_chunks()]),
    )
    leaked = np.zeros(len(table), dtype=bool)
    for name in sorted(set(split.tolist())):
        elsewhere = real_key.filter(pa.array((label[real_row] != FAKE) & (split[real_row] != name)))
        here = (label[row] == FAKE) & (split[row] == name)
        met = pc.is_in(key.filter(pa.array(here)), value_set=elsewhere).to_numpy(zero_copy_only=False)
        leaked[row[here][met]] = True
    fakes = table.append_column("leaked", pa.array(leaked.astype(np.int64))).filter(pa.array(label == FAKE))
    sums = fakes.group_by(["split", "origin", "generator"]).aggregate([("leaked", "count"), ("leaked", "sum")])
    return {
        f"{entry['split']} {entry['origin']} {entry['generator']}": {
            "fakes": entry["leaked_count"],
            "leaked": entry["leaked_sum"],
        }
        for entry in sums.sort_by([(name, "ascending") for name in ("split", "origin", "generator")]).to_pylist()
        if entry["leaked_sum"]
    }


def _keys(table: pa.Table, columns: tuple[str, ...]) -> tuple[np.ndarray, pa.Array]:
    """Row and key of every key in these lists."""
    lists = [table[name].combine_chunks() for name in columns]
    rows = [pc.list_parent_indices(values).to_numpy() for values in lists]
    return np.concatenate(rows), pa.concat_arrays([pc.list_flatten(values).cast(pa.string()) for values in lists])
