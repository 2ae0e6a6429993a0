"""Which split each group goes to: by the hash of its key, and elsewhere only where a quota would fall short."""

from __future__ import annotations

import numpy as np


def assign(cell: np.ndarray, group: np.ndarray, targets: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """A split for every item, so that groups stay whole and ``targets`` can be met.

    A group is first put where the hash of its key falls in the shares of its first part, so nobody's place
    depends on who else is there. Then, as long as a part lacks items in a split, whole groups that are spare
    elsewhere move there, those first whose hash lies nearest to it: a small change of the targets moves few.
    Every move lowers the weighted sum of what is missing, so this ends. Of parts with groups of at most ``m``
    items of that part alone, nothing is missing if the items exceed the quota by ``(splits - 1) * (m - 1)``.

    Args:
        cell: ``(n,)`` part of each item, a row of ``targets``.
        group: ``(n,)`` uint64 key of each item's group.
        targets: ``(parts, splits)`` images wanted.
        weight: ``(parts,)`` how much an image missing of the part weighs.

    Returns:
        ``(n,)`` column of ``targets``. Items beyond the targets are assigned too; they are spares.
    """
    parts, splits = targets.shape
    keys, inverse = np.unique(group, return_inverse=True)
    tied, count = np.unique(inverse * parts + cell, return_counts=True)
    owner, part = np.divmod(tied, parts)  # which group has `count` items of which part, in order of the groups
    starts = np.searchsorted(owner, np.arange(len(keys)))
    bounds = np.cumsum(targets, axis=1) / np.maximum(targets.sum(axis=1, keepdims=True), 1)
    bounds = np.concatenate([np.zeros((parts, 1)), bounds], axis=1)[part[starts]]
    chance = mixed(keys) / 2.0**64
    place = np.minimum((bounds[:, 1:] <= chance[:, None]).sum(axis=1), splits - 1)
    while True:
        there = np.bincount(part * splits + place[owner], count, parts * splits).reshape(parts, splits).astype(np.int64)
        lack, spare = np.maximum(targets - there, 0), np.maximum(there - targets, 0)
        concerned = np.zeros(len(keys), dtype=bool)
        concerned[owner[(lack > 0).any(axis=1)[part]]] = True
        rows = concerned[owner]
        moved, to = _moves(owner[rows], part[rows], count[rows], place, bounds, chance, lack, spare, weight)
        if not len(moved):
            return place[inverse]
        place[moved] = to


def mixed(keys: np.ndarray) -> np.ndarray:
    """Keys made uniform: that of a group is the least of many hashes, so a large group's would be a small one.

    Source: the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
    """
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))


def _moves(
    owner: np.ndarray,
    part: np.ndarray,
    count: np.ndarray,
    place: np.ndarray,
    bounds: np.ndarray,
    chance: np.ndarray,
    lack: np.ndarray,
    spare: np.ndarray,
    weight: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Groups to move, and the split each moves to: moves that do good even when made together."""
    groups, starts = np.unique(owner, return_index=True)
    if not len(groups):
        return groups, groups
    source = place[owner]
    loss = np.add.reduceat(weight[part] * np.maximum(count - spare[part, source], 0), starts)
    gain = np.stack(
        [np.add.reduceat(weight[part] * np.minimum(count, lack[part, to]), starts) for to in range(lack.shape[1])], axis=1
    )
    gain[np.arange(len(groups)), place[groups]] = 0
    target = gain.argmax(axis=1)
    good = np.flatnonzero(gain.max(axis=1) > loss)
    edges, where = bounds[groups[good]], chance[groups[good]]
    low, high = (edges[np.arange(len(good)), target[good] + step] for step in (0, 1))
    distance = np.maximum(np.maximum(low - where, where - high), 0)
    order = np.full(len(groups), -1)
    order[good[np.lexsort((where, distance, loss[good]))]] = np.arange(len(good))
    which = np.searchsorted(groups, owner)
    rows = np.flatnonzero(order[which] >= 0)
    rows = rows[np.argsort(order[which[rows]], kind="stable")]
    part, count, source, which = part[rows], count[rows], source[rows], which[rows]
    splits = lack.shape[1]
    arriving = _before(part * splits + target[which], count)
    leaving = _before(part * splits + source, count)
    gained = np.minimum(count, np.maximum(lack[part, target[which]] - arriving, 0))
    lost = np.maximum(count - np.maximum(spare[part, source] - leaving, 0), 0)
    net = np.bincount(which, weight[part] * (gained - lost), len(groups))
    moved = np.flatnonzero(net > 0)
    return groups[moved], target[moved]


def _before(key: np.ndarray, count: np.ndarray) -> np.ndarray:
    """For each row the sum of ``count`` over earlier rows of the same ``key``."""
    order = np.argsort(key, kind="stable")
    sums = np.cumsum(count[order]) - count[order]
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    result = np.empty_like(count)
    result[order] = sums - np.repeat(sums[first], np.diff(first, append=len(key)))
    return result
