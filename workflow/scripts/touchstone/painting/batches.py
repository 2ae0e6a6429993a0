"""Which rows of a pick list are painted together: settled before any worker starts."""

from __future__ import annotations

from collections.abc import Iterable

from touchstone.painting.reals import Reals, canvas_of
from touchstone.painting.seeds import chosen

Size = tuple[int, int]  # width and height in pixels


def sizes_of(rows: list[dict], recipe: dict, source: str | None, unrolled: str | None = None) -> list[Size]:
    """The canvas of each row: the recipe's one size, a draw from its mix, or what the real image asks for.

    Args:
        source, unrolled: Receipt of the origin whose images are varied, and what was unrolled of its archives.
    """
    size = recipe["size"]
    if size == "real":
        return [canvas_of(own, recipe) for own in Reals(source, recipe, unrolled).sizes(rows)]
    if isinstance(size[0], dict):
        return [tuple(chosen(size, recipe["seed"], row["id"], "size")["size"]) for row in rows]
    return [tuple(size)] * len(rows)


def cut(rows: Iterable[int], sizes: list[Size], batch: int) -> list[list[int]]:
    """Rows cut into batches of one size each, in order; the last of a size may be short."""
    by_size: dict[Size, list[int]] = {}
    for row in rows:
        by_size.setdefault(sizes[row], []).append(row)
    return [same[start : start + batch] for same in by_size.values() for start in range(0, len(same), batch)]
