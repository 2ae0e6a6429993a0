"""duplicates.py: the pairs that comparing all with all would find, or as many as connect the same images."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from touchstone.duplicates import MANY, near_pairs


def hashes_of(seed: int, count: int = 300) -> np.ndarray:
    """Random hashes, and of each third one a copy with 0 to 8 bits flipped; in random order."""
    random = np.random.default_rng(seed)
    hashes = random.integers(0, 2**64, count, dtype=np.uint64)
    planted = [flipped(value, random.choice(64, random.integers(0, 9), replace=False)) for value in hashes[::3]]
    return random.permutation(np.concatenate([hashes, np.array(planted, dtype=np.uint64)]))


def flipped(value: np.uint64, bits: np.ndarray) -> np.uint64:
    for bit in bits:
        value ^= np.uint64(1 << int(bit))
    return value


def distances(hashes: np.ndarray) -> np.ndarray:
    return np.bitwise_count(hashes[:, None] ^ hashes[None, :])


def components(pairs: np.ndarray, count: int) -> np.ndarray:
    """A label per image; labels are those of the component's first image, so that two results compare."""
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    labels = connected_components(links, directed=False)[1]
    _, first = np.unique(labels, return_index=True)
    return first[labels]


def brute(hashes: np.ndarray, bits: int) -> np.ndarray:
    return np.argwhere(np.triu(distances(hashes) <= bits, 1))


@pytest.mark.parametrize("bits", range(8))
@pytest.mark.parametrize("seed", range(3))
def test_the_same_pairs_as_comparing_all_with_all(bits, seed):
    hashes = np.unique(hashes_of(seed))  # without equal ones every pair is given
    found = {tuple(sorted(pair)) for pair in near_pairs(hashes, bits).tolist()}
    assert found == {tuple(pair) for pair in brute(hashes, bits).tolist()}
    assert bool(found) == (bits > 0)


@pytest.mark.parametrize("bits", range(8))
def test_the_same_components_with_equal_hashes_among_them(bits):
    hashes = np.concatenate([hashes_of(7), hashes_of(7)[:50], np.repeat(hashes_of(7)[:3], 9)])
    pairs = near_pairs(hashes, bits)
    assert (distances(hashes)[pairs[:, 0], pairs[:, 1]] <= bits).all()
    assert (components(pairs, len(hashes)) == components(brute(hashes, bits), len(hashes))).all()


def test_each_bit_alone_is_seen():
    one = np.uint64(0x0123456789ABCDEF)
    for bit in range(64):
        pair = np.array([one, flipped(one, [bit])], dtype=np.uint64)
        assert near_pairs(pair, 0).tolist() == []
        for bits in range(1, 8):
            assert {tuple(sorted(found)) for found in near_pairs(pair, bits).tolist()} == {(0, 1)}, (bit, bits)


@pytest.mark.parametrize("hashes", [[], [5], [5, 5], [0, 2**64 - 1]])
@pytest.mark.parametrize("bits", [0, 3, 7])
def test_none_one_and_two(hashes, bits):
    pairs = near_pairs(np.array(hashes, dtype=np.uint64), bits)
    assert pairs.shape == (int(hashes == [5, 5]), 2)


def test_equal_hashes_give_one_pair_each():
    hashes = np.full(10_000, 77, dtype=np.uint64)
    for bits in (0, 3, 7):
        assert len(near_pairs(hashes, bits)) == 9_999


def crowd(bits: int) -> np.ndarray:
    """10,000 equal hashes, and 10,000 that differ from them in ``bits`` bits."""
    random = np.random.default_rng(0)
    one = random.integers(0, 2**64, dtype=np.uint64)
    near = [flipped(one, random.choice(64, bits, replace=False)) for _ in range(10_000)]
    return np.concatenate([np.full(10_000, one), np.array(near, dtype=np.uint64)])


def test_a_crowd_of_near_ones_is_one_component_in_bounded_memory():
    hashes = crowd(3)
    pairs = near_pairs(hashes, 4)  # some ten million pairs, were all given
    assert len(brute(hashes[10_000:12_000], 4)) * 25 > MANY
    assert len(pairs) < 2 * MANY
    assert len(np.unique(components(pairs, len(hashes)))) == 1


@pytest.mark.slow
def test_the_widest_distance_on_a_crowd_stays_below_two_gigabytes():
    program = (
        "import numpy as np, resource, sys; sys.path[:0] = sys.argv[1].split(':')\n"
        "from tests.unit.test_duplicates import crowd\n"
        "from touchstone.duplicates import near_pairs\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 * 10**9, 2 * 10**9))\n"
        "print(len(near_pairs(crowd(3), 7)))"
    )
    done = subprocess.run([sys.executable, "-c", program, ":".join(sys.path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert 0 < int(done.stdout) < 2 * MANY
