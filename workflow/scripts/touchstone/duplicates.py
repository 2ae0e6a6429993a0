"""Near duplicates among perceptual hashes, without comparing all with all."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

MANY = 5_000_000  # pairs held at a time


def near_pairs(hashes: np.ndarray, bits: int) -> np.ndarray:
    """Pairs of images whose hashes differ in at most ``bits`` bits.

    Two hashes that differ in ``bits`` places agree on at least one of ``bits + 1`` bands, so only
    hashes that share a band are compared.

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
    edges = np.linspace(0, 64, bits + 2).astype(int) if bits else []
    for low, high in pairwise(edges):
        band = (distinct >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        order = np.argsort(band, kind="stable")
        band, sorted_hashes = band[order], distinct[order]
        step = 1
        here = np.arange(max(len(band) - step, 0))
        while len(here):
            here = here[band[here] == band[here + step]]
            distance = np.bitwise_count(sorted_hashes[here] ^ sorted_hashes[here + step])
            close = here[distance <= bits]
            found.append(first[np.stack([order[close], order[close + step]], axis=1)])
            held += len(close)
            if held > MANY:
                found, held = [_fewest(np.concatenate(found), len(hashes))], 0
            step += 1
            here = here[here + step < len(band)]
    return np.concatenate(found)


def _fewest(pairs: np.ndarray, count: int) -> np.ndarray:
    """Pairs that connect the same of ``count`` images: each with the first of its component."""
    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    component = connected_components(links, directed=False)[1]
    _, first = np.unique(component, return_index=True)
    star = np.stack([first[component], np.arange(count)], axis=1)
    return star[star[:, 0] != star[:, 1]]
