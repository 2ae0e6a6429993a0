"""What changed between two builds: ``python -m touchstone.difference OLD NEW``, two dataset folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError

KINDS = ("added", "removed", "changed", "moved")
SHOWN = 10  # examples of each kind


def difference(old: str, new: str) -> pa.Table:
    """Every image that differs between two datasets.

    Args:
        old, new: Folders of finished datasets, or their manifests.

    Returns:
        ``{kind, id, origin, old_split, new_split}``; ``kind`` is ``added``, ``removed``, ``changed`` (other bytes,
        label or generator; perhaps moved too) or ``moved`` (to another split).

    Raises:
        TouchstoneError: A manifest cannot be read.
    """
    columns = ["id", "origin", "split", "sha256", "label", "generator"]
    before, after = (_manifest(path, columns) for path in (old, new))
    both = before.join(after, "id", join_type="full outer", left_suffix="_old", right_suffix="_new")
    left, right = pc.is_null(both["sha256_old"]), pc.is_null(both["sha256_new"])
    same = pc.equal(both["sha256_old"], both["sha256_new"])
    for name in ("label", "generator"):
        same = pc.and_(same, pc.equal(both[f"{name}_old"], both[f"{name}_new"]))
    kept = pc.equal(both["split_old"], both["split_new"])
    kind = pc.case_when(
        pc.make_struct(left, right, pc.invert(same), pc.invert(kept)), *(pa.scalar(name) for name in KINDS), pa.scalar("")
    )
    table = pa.table(
        {
            "kind": kind,
            "id": both["id"],
            "origin": pc.coalesce(both["origin_old"], both["origin_new"]),
            "old_split": both["split_old"],
            "new_split": both["split_new"],
        }
    )
    return table.filter(pc.not_equal(kind, "")).sort_by([("kind", "ascending"), ("id", "ascending")])


def _manifest(path: str, columns: list[str]) -> pa.Table:
    place = Path(path)
    place = place / "manifest.parquet" if place.is_dir() else place
    try:
        return pq.read_table(place, columns=columns)
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise TouchstoneError(
            f"there is no manifest that can be read: {error}", where=place, mend="name the folder of a finished dataset"
        ) from None


def main(arguments: list[str]) -> int:
    """Print the difference of two datasets; 0 if there is none, 1 if there is, 2 for an error."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        table = difference(*arguments)
    except TouchstoneError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2
    for kind in KINDS:
        rows = table.filter(pc.equal(table["kind"], kind))
        print(f"{kind:<8} {len(rows):>10,}")
        for row in rows.slice(0, SHOWN).to_pylist():
            splits = f"{row['old_split'] or '-'} -> {row['new_split'] or '-'}"
            print(f"           {row['id']}  {splits}")
        if len(rows) > SHOWN:
            print(f"           ... and {len(rows) - SHOWN:,} more")
    return int(bool(len(table)))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
