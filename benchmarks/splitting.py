"""How long the split of ten million drawn items takes, and of a tenth of them.

Run it from the repository's folder: ``python -m benchmarks.splitting [--write]``. What it is measured against
is its own time for a tenth of the rows: tables are to take one pass, whose cost grows like they do.
"""

from __future__ import annotations

import io
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from benchmarks.measuring import cost_of, machine, main

from touchstone.parts import apportion
from touchstone.progress import Progress
from touchstone.record import KEPT, SCREENED
from touchstone.split import split

SIZES = {"1,000,000 rows": 1_000_000, "10,000,000 rows": 10_000_000}
GENERATORS, REALS, ROWS_PER_GROUP, MARGIN = 40, 4, 10 / 3, 1.25
SPLITS = {"train": 0.8, "validation": 0.1, "test": 0.1}
BATCH = 1 << 18
ABOUT = """\
`python -m benchmarks.splitting`, {date}, on {machine}: wall time and peak memory of the split step, one run each.
A synthetic table: {generators} generators and {reals} origins of reals in groups of {per_group:.3g} items on average, anyone with
anyone (a harder table than prompts and pairs make), margin {margin}. *Missing* is what the quotas lack.
"""


def plan_of(rows: int) -> list[dict]:
    """As many reals as fakes, in three splits."""
    quota = int(rows / 2 / MARGIN / GENERATORS)
    fakes = [("painter", f"generator_{number}", quota, False) for number in range(GENERATORS)]
    reals = [(f"photos_{number}", "real", quota * GENERATORS // REALS, True) for number in range(REALS)]
    return [
        {"origin": origin, "part": part, "matched": matched, "targets": apportion(quota, SPLITS)}
        for origin, part, quota, matched in (*fakes, *reals)
    ]


def write_screen(folder: Path, rows: int) -> None:
    """``screen.parquet`` of so many rows; written in batches, as nobody needs it whole."""
    random, start = np.random.default_rng(1), 0
    groups = random.integers(0, 2**64, int(rows / ROWS_PER_GROUP), dtype=np.uint64)
    with pq.ParquetWriter(folder / "screen.parquet", SCREENED, compression="zstd") as writer:
        for entry in plan_of(rows):
            drawn, real = int(sum(entry["targets"].values()) * MARGIN), entry["part"] == "real"
            for first in range(0, drawn, BATCH):
                rank = np.arange(first, min(first + BATCH, drawn))
                number, count = pc.cast(pa.array(rank), pa.string()), len(rank)
                known = {
                    "id": pc.binary_join_element_wise(f"{entry['origin']}/{entry['part']}", number, "/"),
                    "origin": pa.repeat(entry["origin"], count),
                    "label": pa.repeat(int(not real), count),
                    "generator": pa.repeat("" if real else entry["part"], count),
                    "part": pa.repeat(entry["part"], count),
                    "shard": pc.binary_join_element_wise(entry["part"], pc.cast(pa.array(rank // 1000), pa.string()), "-"),
                    "row": pa.array(rank % 1000, pa.int32()),
                    "rank": pa.array(rank),
                    "sha256": pc.utf8_lpad(pc.cast(pa.array(start + rank), pa.string()), 64, "0"),
                    "pixel_sha256": pc.utf8_lpad(pc.cast(pa.array(start + rank), pa.string()), 64, "1"),
                    "group": pa.array(random.choice(groups, count)),
                    **{
                        name: pa.repeat(text, count)
                        for name, text in (("state", "taken"), ("reason", ""), ("detail", ""), ("step", ""))
                    },
                    **{
                        name: pa.array([[]], pa.list_(pa.string())).take(pa.repeat(0, count))
                        for name in ("groups", "paired_real_images")
                    },
                }
                columns = [known.get(field.name, pa.nulls(count, field.type)).cast(field.type) for field in SCREENED]
                writer.write_table(pa.table(columns, schema=SCREENED))
            start += drawn


def run_split(folder: Path, rows: int) -> None:
    """The whole step, from the table on disk to the lists on disk."""
    outputs = {name: str(folder / f"{name}.parquet") for name in ("selection", "ledger")}
    split(
        screen=str(folder / "screen.parquet"),
        plan=plan_of(rows),
        pack_items=5000,
        picks=str(folder / "picks"),
        progress=Progress("split", streams=(io.StringIO(),)),
        **outputs,
    )


def results() -> str:
    """Measure everything; a Markdown section."""
    lines, costs = ["| rows | groups | split | missing | torn groups |", "|--:|--:|--:|--:|--:|"], []
    for name, rows in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            cost_of(write_screen, Path(folder), rows)
            costs.append(cost_of(run_split, Path(folder), rows))
            wanted = sum(sum(part["targets"].values()) for part in plan_of(rows))
            kept = pq.read_table(f"{folder}/selection.parquet", columns=["group", "split"], filters=[("state", "==", KEPT)])
            splits = kept.group_by("group").aggregate([("split", "count_distinct")])["split_count_distinct"]
            missing, torn = 1 - len(kept) / wanted, pc.sum(pc.greater(splits, 1)).as_py()
        lines.append(f"| {name.split()[0]} | {int(rows / ROWS_PER_GROUP):,} | {costs[-1]} | {100 * missing:.3f}% | {torn} |")
    lines.append(f"| ratio | 10 | {costs[1].seconds / costs[0].seconds:.1f}, {costs[1].n_bytes / costs[0].n_bytes:.1f} | | |")
    about = ABOUT.format(
        date=date.today(), machine=machine(), generators=GENERATORS, reals=REALS, per_group=ROWS_PER_GROUP, margin=MARGIN
    )
    return "\n".join([about, *lines])


if __name__ == "__main__":
    main("splitting", __doc__, results)
