"""Odd pictures: what is kept though it hardly is a picture, and what was rejected for a fault, with examples."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from touchstone.files import replacing
from touchstone.record import REASONS, REJECTED
from touchstone.versions import read_table

EXAMPLES = 3
FLAT = 2.0  # standard deviation of the grey values, below which a picture is nearly one colour
SHORT = 80  # characters of what is said of an example
TINY = 64  # pixels of the shorter side
LONG = 4.0  # longer side by shorter side
KINDS = {
    "nearly_one_colour": f"grey values deviate by less than {FLAT:g} of 255",
    "tiny": f"shorter side below {TINY} pixels",
    "extreme_aspect": f"one side more than {LONG:g} times the other",
    "animated": "more than one frame",
}


def find_oddities(manifest: str, selection: str) -> list[dict]:
    """Rows ``{kind, state, meaning, origin, generator, images, examples}``, the most frequent of each kind first.

    ``state`` is kept or rejected. Of the kept ones the oddest are the examples, as ids with what is odd; of
    the rejected ones, those drawn first. Rejections count if the origin is to blame (``record.REASONS``).
    """
    columns = ["id", "origin", "generator", "width", "height", "frames", "luma_std"]
    kept = read_table(manifest, "manifest", columns)
    width, height, frames, spread = (kept[name].to_numpy().astype(np.float64) for name in columns[3:])
    shorter = np.minimum(width, height)
    odd = {  # what is odd, the odder the lower
        "nearly_one_colour": (spread < FLAT, spread),
        "tiny": (shorter < TINY, shorter),
        "extreme_aspect": (np.maximum(width, height) > LONG * shorter, -np.maximum(width, height) / shorter),
        "animated": (frames > 1, -frames),
    }
    rows = []
    for kind, (mask, order) in odd.items():
        chosen = np.flatnonzero(mask)
        chosen = kept.take(pa.array(chosen[np.argsort(order[chosen], kind="stable")]))
        rows += _counted(chosen, "kept", kind, KINDS[kind])
    faults = [reason for reason, (blame, _) in REASONS.items() if blame == "fault"]
    rejected = read_table(
        selection,
        "selection",
        ["id", "origin", "generator", "reason", "detail", "rank"],
        filters=(pc.field("state") == REJECTED) & pc.field("reason").isin(faults),
    ).sort_by([("rank", "ascending"), ("id", "ascending")])
    for reason in faults:
        rows += _counted(rejected.filter(pc.field("reason") == reason), "rejected", reason, REASONS[reason][1])
    return rows


def write_oddities(rows: list[dict], path: str) -> None:
    """The rows as CSV."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["kind", "state", "origin", "generator", "images", "examples"])
        for row in rows:
            examples = "; ".join(name for name, _ in row["examples"])
            writer.writerow([*(row[key] for key in ("kind", "state", "origin", "generator", "images")), examples])


def _counted(table: pa.Table, state: str, kind: str, meaning: str) -> list[dict]:
    """One row for each origin and generator of ``table``, whose first rows are the examples."""
    keys = pc.binary_join_element_wise(table["origin"], table["generator"], "\n").combine_chunks().dictionary_encode()
    code = keys.indices.to_numpy()
    counts = np.bincount(code, minlength=len(keys.dictionary))
    rows = []
    for number in np.argsort(-counts, kind="stable").tolist():
        origin, generator = keys.dictionary[number].as_py().split("\n")
        examples = table.take(pa.array(np.flatnonzero(code == number)[:EXAMPLES])).to_pylist()
        rows.append(
            {"kind": kind, "state": state, "meaning": meaning, "origin": origin, "generator": generator}
            | {"images": int(counts[number]), "examples": [(row["id"], _seen(row, kind)) for row in examples]}
        )
    return rows


def _seen(row: dict, kind: str) -> str:
    """What is odd about an example."""
    if "detail" in row:
        return (row["detail"] or "")[:SHORT]
    size = f"{row['width']} x {row['height']}"
    return {"nearly_one_colour": f"{row['luma_std']:.1f}", "animated": f"{row['frames']} frames"}.get(kind, size)
