"""Near duplicates among perceptual hashes, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MANY = 5_000_000  # pairs held, and candidates compared, at a time
LOOKUP, COMPARISON = 8, 1  # relative costs, as measured
MIRROR = np.uint64(0x5555555555555555)  # bits of the odd horizontal frequencies, whose sign a mirrored picture inverts


def near_pairs(hashes: np.ndarray, bits: int) -> np.ndarray:
    """Pairs of images whose hashes differ in at most ``bits`` bits.

    The 64 bits are cut into bands. Of two hashes that differ in ``bits`` places, one of ``m`` bands
    differs in at most ``bits // m``, so only hashes that share a band, or a band but for one bit,
    are compared (multi-index hashing; Norouzi, Punjani and Fleet, CVPR 2012). Wide bands are asked
    for more often and agree by chance more seldom: the number of hashes decides.

    Args:
        hashes: ``(n,)`` uint64.
        bits: Largest Hamming distance, 0 to 7.

    Returns:
        ``(m, 2)`` positions. Every image of a set of equal hashes is paired with the set's first
        only, and other pairs are given between firsts. Where there are more than ``MANY`` pairs,
        others that connect the same images stand for them, so memory is bounded.
    """
    distinct, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    equal = np.stack([first[inverse], np.arange(len(hashes))], axis=1)
    found = [equal[equal[:, 0] != equal[:, 1]]]
    held = 0
    for low, high, flips in _bands(len(distinct), bits) if bits else []:
        band = (distinct >> np.uint64(low)) & np.uint64((1 << (high - low)) - 1)
        order = np.argsort(band, kind="stable")
        band, ordered = band[order], distinct[order]
        for flip in flips:
            for left, right in _candidates(band, flip):
                close = np.bitwise_count(ordered[left] ^ ordered[right]) <= bits
                found.append(first[np.stack([order[left[close]], order[right[close]]], axis=1)])
                held += len(found[-1])
                if held > MANY:
                    found, held = [_fewest(np.concatenate(found), len(hashes))], 0
    return np.concatenate(found)


def _bands(count: int, bits: int) -> list[tuple[int, int, list[int]]]:
    """``(low, high, flips)`` of every band: its bits, and by which masks two hashes may differ in it."""
    plans = []
    for number, reach in ((bits + 1, 0), (max((bits + 2) // 2, 2), 1)):
        edges = np.linspace(0, 64, number + 1).astype(int).tolist()
        plan = [(low, high, [0, *(1 << bit for bit in range(high - low))][: 1 + reach * 64]) for low, high in pairwise(edges)]
        asked = sum(len(flips) for _, _, flips in plan)
        agree = sum(len(flips) * count / 2.0 ** (high - low) for low, high, flips in plan)
        plans.append((count * (LOOKUP * asked * reach + COMPARISON * agree / 2), plan))
    return min(plans, key=lambda entry: entry[0])[1]


def _candidates(band: np.ndarray, flip: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions in the sorted ``band`` of all pairs that differ by ``flip`` exactly, each once, in bounded pieces."""
    if flip:
        asking = np.flatnonzero(band & np.uint64(flip) == 0)
        wanted = band[asking] | np.uint64(flip)
        start, end = np.searchsorted(band, wanted, "left"), np.searchsorted(band, wanted, "right")
    else:
        asking = np.arange(len(band))
        start, end = asking + 1, np.searchsorted(band, band, "right")
    counts = end - start
    some = np.flatnonzero(counts)
    asking, start, counts = asking[some], start[some], counts[some]
    total = np.cumsum(counts)
    at = 0
    while at < len(asking):
        to = max(int(np.searchsorted(total, total[at] - counts[at] + MANY, "right")), at + 1)
        here = counts[at:to]
        offset = np.arange(here.sum()) - np.repeat(np.cumsum(here) - here, here)
        yield np.repeat(asking[at:to], here), np.repeat(start[at:to], here) + offset
        at = to


def _fewest(pairs: np.ndarray, count: int) -> np.ndarray:
    """Pairs that connect the same of ``count`` images: each with the first of its component."""
    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    component = connected_components(links, directed=False)[1]
    _, first = np.unique(component, return_index=True)
    star = np.stack([first[component], np.arange(count)], axis=1)
    return star[star[:, 0] != star[:, 1]]
