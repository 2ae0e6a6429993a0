"""Near duplicates among perceptual hashes, without comparing all with all."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, groupby, pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MANY = 5_000_000  # pairs held at a time
TABLE = 8  # places in a band's table for each hash, rounded up to a power of two
WIDER = (0, 4, 8)  # bits by which a band is wider that allows for so many: it is asked for as much more often
SORTED, LOOKUP, COMPARISON = 60, 1, 25  # relative costs, as measured
MIRROR = np.uint64(0x5555555555555555)  # bits of the odd horizontal frequencies, whose sign a mirrored picture inverts


def near_pairs(hashes: np.ndarray, bits: int) -> np.ndarray:
    """Pairs of images whose hashes differ in at most ``bits`` bits.

    The 64 bits are cut into bands. Of two hashes that differ in ``bits`` places, one of ``m`` bands
    differs in at most ``bits // m``, so only hashes that share a band, or a band but for a bit or two,
    are compared (multi-index hashing; Norouzi, Punjani and Fleet, CVPR 2012). What each band allows may
    differ, as long as allowances plus one add up to ``bits + 1``. Wide bands are asked for more often and
    agree by chance more seldom: the number of hashes decides.

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
    for low, width, flips in _bands(len(distinct), bits) if bits else []:
        band, order = _sorted(distinct, low, width)
        ordered = distinct[order]
        for left, right in _candidates(band, width, flips):
            close = np.flatnonzero(np.bitwise_count(ordered.take(left) ^ ordered.take(right)) <= bits)
            found.append(first[np.stack([order[left[close]], order[right[close]]], axis=1)])
            held += len(found[-1])
            if held > MANY:
                found, held = [_fewest(np.concatenate(found), len(hashes))], 0
    return np.concatenate(found)


def _bands(count: int, bits: int) -> list[tuple[int, int, list[int]]]:
    """``(low, width, flips)`` of every band: its lowest bit, its bits, and by which masks two hashes may differ in it.

    Of all ways to share ``bits`` out among bands the cheapest. A band is not wider than its table of ``TABLE``
    places for each hash: to agree in a part of it is necessary, too.
    """
    widest = max(count * TABLE - 1, 1).bit_length()
    plans = []
    for allowed in _shares(bits + 1):
        spare = (64 - sum(WIDER[each] for each in allowed)) / len(allowed)
        edges = np.cumsum([0, *(spare + WIDER[each] for each in allowed)]).round().astype(int).tolist()
        widths = [min(high - low, widest) for low, high in pairwise(edges)]
        masks = [_masks(width, each) for width, each in zip(widths, allowed, strict=True)]
        cost = sum(
            SORTED + len(flips) * (LOOKUP + COMPARISON * count / 2.0 ** (width + 1))
            for width, flips in zip(widths, masks, strict=True)
        )
        plans.append((cost, list(zip(edges[:-1], widths, masks, strict=True))))
    return min(plans, key=lambda plan: plan[0])[1]


def _shares(total: int, most: int = 3) -> Iterator[list[int]]:
    """Allowances, each below ``most``, whose sum with one more for each is ``total``; the larger first."""
    if not total:
        yield []
    for part in range(min(most, total), 0, -1):
        yield from ([part - 1, *rest] for rest in _shares(total - part, part))


def _masks(width: int, most: int) -> list[int]:
    """All masks of ``width`` bits with at most ``most`` set, in ascending order."""
    return sorted(sum(1 << bit for bit in chosen) for count in range(most + 1) for chosen in combinations(range(width), count))


def _sorted(hashes: np.ndarray, low: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Bits ``low`` to ``low + width`` of the hashes in ascending order, and the place of each among the hashes."""
    band = (hashes >> np.uint64(low)) & np.uint64((1 << width) - 1)
    both = np.sort(band << np.uint64(32) | np.arange(len(hashes), dtype=np.uint64))  # faster than to sort places
    return (both >> np.uint64(32)).astype(np.int64), (both & np.uint64(0xFFFFFFFF)).astype(np.int64)


def _candidates(band: np.ndarray, width: int, flips: list[int]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions in the sorted ``band`` of all pairs that differ by one of ``flips`` exactly, each once, in bounded pieces."""
    there = np.zeros(1 << width, dtype=bool)
    there[band] = True
    first = np.empty(1 << width, dtype=np.int32)
    first[band[::-1]] = np.arange(len(band) - 1, -1, -1, dtype=np.int32)
    follows = np.append(band[1:] == band[:-1], False)  # whether the next one in order has the same band
    for top, masks in groupby(flips, key=int.bit_length):  # the one whose bit is clear asks
        asking = np.flatnonzero(band & (1 << top - 1) == 0 if top else follows)
        asked = band[asking]
        for mask in masks:
            if mask:
                wanted = asked ^ mask
                met = np.flatnonzero(there.take(wanted))
                left, right = asking.take(met), first.take(wanted.take(met))
            else:
                left, right = asking, asking + 1
            while len(left):
                yield left, right
                more = np.flatnonzero(follows.take(right))
                left, right = left.take(more), right.take(more) + 1


def _fewest(pairs: np.ndarray, count: int) -> np.ndarray:
    """Pairs that connect the same of ``count`` images: each with the first of its component."""
    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    component = connected_components(links, directed=False)[1]
    _, first = np.unique(component, return_index=True)
    star = np.stack([first[component], np.arange(count)], axis=1)
    return star[star[:, 0] != star[:, 1]]
