"""assign.py: groups whole, quotas exact where they can be, and few that move."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from touchstone.assign import assign
from touchstone.draw import rank_keys
from touchstone.parts import apportion

SHARES = {1: [1], 2: [0.8, 0.2], 3: [0.7, 0.2, 0.1], 4: [0.5, 0.25, 0.15, 0.1]}


def targets_of(quotas: list[int], splits: int) -> np.ndarray:
    return np.array([list(apportion(quota, dict(enumerate(SHARES[splits]))).values()) for quota in quotas])


def keys_of(seed: object, names: np.ndarray) -> np.ndarray:
    return rank_keys(0, [f"{seed} {name}" for name in names.tolist()])


def lacking(cell: np.ndarray, place: np.ndarray, targets: np.ndarray) -> np.ndarray:
    there = np.zeros_like(targets)
    np.add.at(there, (cell, place), 1)
    return np.maximum(targets - there, 0)


def is_whole(group: np.ndarray, place: np.ndarray) -> bool:
    return len(np.unique(group)) == len(np.unique(np.stack([group, place.astype(np.uint64)]), axis=1).T)


PLAIN = np.array([2])


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 200), st.integers(1, 9))
def test_a_part_of_any_groups_is_exact_with_the_spares_that_its_largest_group_needs(seed, splits, quota, largest):
    """The bound of the docstring: (splits - 1) * (largest - 1) items more than the quota always suffice."""
    random = np.random.default_rng(seed)
    wanted = quota + (splits - 1) * (largest - 1)
    sizes = random.integers(1, largest + 1, wanted)
    enough = np.searchsorted(np.cumsum(sizes), wanted) + 1  # groups
    group = keys_of(seed, np.repeat(np.arange(enough), sizes[:enough]))
    targets = targets_of([quota], splits)
    place = assign(np.zeros(len(group), int), group, targets, PLAIN)
    assert is_whole(group, place)
    assert not lacking(np.zeros(len(group), int), place, targets).any()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4), st.integers(1, 60))
def test_variations_and_other_reals_are_exact_where_fakes_have_no_spares_at_all(seed, splits, variants, quota):
    """Every fake's photograph is there, and as many photographs that nothing was made from: all quotas are met."""
    fakes = np.repeat(np.arange(variants), quota)
    photos = np.tile(np.arange(quota), variants)
    cell = np.concatenate([fakes, np.full(quota * (variants + 2), variants)])
    group = keys_of(seed, np.concatenate([photos, np.arange(quota * (variants + 2))]))
    targets = targets_of([quota] * variants + [quota * variants], splits)
    place = assign(cell, group, targets, np.array([2] * variants + [1]))
    assert is_whole(group, place)
    assert not lacking(cell, place, targets).any()


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_no_group_is_torn_and_nothing_depends_on_the_order_of_the_items(seed, splits, parts, large):
    random = np.random.default_rng(seed)
    count = int(random.integers(1, 300))
    cell = random.integers(0, parts, count)
    group = keys_of(seed, random.integers(0, 5 if large else count, count))
    targets = targets_of(random.integers(0, 80, parts).tolist(), splits)
    weight = random.integers(1, 3, parts)
    place = assign(cell, group, targets, weight)
    assert is_whole(group, place)
    order = random.permutation(count)
    assert (assign(cell[order], group[order], targets, weight) == place[order]).all()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32), st.integers(50, 500), st.integers(1, 300), st.integers(1, 6))
def test_a_new_part_with_groups_of_its_own_moves_nobody_and_one_with_common_groups_few(seed, old, new, largest):
    random = np.random.default_rng(seed)
    group = keys_of(seed, random.integers(0, max(old // largest, 1), 2 * old))
    other = keys_of("other", random.integers(0, max(new // largest, 1), 2 * new))
    cell = np.concatenate([np.zeros(2 * old, int), np.ones(2 * new, int)])
    alone = assign(cell[: 2 * old], group, targets_of([old], 2), PLAIN)
    both = assign(cell, np.concatenate([group, other]), targets_of([old, new], 2), np.array([2, 2]))
    assert (both[: 2 * old] == alone).all()
    shared = np.concatenate([group, random.choice(group, 2 * new)])
    moved = (assign(cell, shared, targets_of([old, new], 2), np.array([2, 2]))[: 2 * old] != alone).mean()
    assert moved <= 0.1 + 2 * largest / old  # a group or two in small tables


@pytest.mark.parametrize("factor", [1.1, 1.5, 3])
def test_a_larger_quota_without_any_spares_moves_few(factor):
    group = keys_of("quota", np.arange(int(20_000 * factor)))
    cell = np.zeros(len(group), int)
    before = assign(cell[:20_000], group[:20_000], targets_of([20_000], 3), PLAIN)
    after = assign(cell, group, targets_of([len(group)], 3), PLAIN)
    assert (after[:20_000] != before).mean() < 0.01


def test_what_cannot_be_met_is_met_as_far_as_it_goes():
    group = keys_of("few", np.arange(30))
    targets = np.array([[80, 20]])
    place = assign(np.zeros(30, int), group, targets, PLAIN)
    assert lacking(np.zeros(30, int), place, targets).sum() == 70


def test_no_item_at_all_is_no_fault():
    none = np.zeros(0, dtype=np.uint64)
    assert len(assign(none.astype(int), none, np.array([[8, 2]]), PLAIN)) == 0


def test_two_hundred_thousand_rows_in_sixty_thousand_groups():
    random = np.random.default_rng(0)
    targets = np.array([[40_000, 10_000], [40_000, 10_000], [20_000, 5_000], [20_000, 5_000]])
    cell = random.integers(0, 4, 200_000)
    group = keys_of("many", random.integers(0, 60_000, 200_000))
    place = assign(cell, group, targets, np.array([2, 2, 2, 1]))
    assert is_whole(group, place)
    short = np.minimum(np.bincount(cell), targets.sum(axis=1))
    assert (lacking(cell, place, targets).sum(axis=1) <= targets.sum(axis=1) - short + 0.002 * short).all()
