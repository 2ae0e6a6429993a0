"""audit/probe.py: what features say of the label, and that those without a say change nothing."""

from __future__ import annotations

import numpy as np
import pytest

from touchstone.audit.probe import probe


@pytest.fixture
def images():
    """Features of 400 images of which one tells something, their labels and groups."""
    random = np.random.default_rng(5)
    label = np.repeat([0, 1], 200)
    features = random.normal(size=(400, 3)).astype(np.float32)
    features[:, 1] += label
    return features, label, np.array([f"g{number}" for number in range(400)])


@pytest.mark.parametrize("simple", [False, True])
def test_facts_that_all_images_share_say_nothing(images, simple):
    _, label, group = images
    found = probe(np.full((400, 4), 8.0, dtype=np.float32), label, group, seed=3, simple=simple)
    assert found["auroc"] == 0.5
    assert found["low"] < 0.5 < found["high"]


def test_and_change_nothing_of_what_others_say(images):
    features, label, group = images
    shared = np.full((400, 2), 255.0, dtype=np.float32)
    alone = probe(features, label, group, seed=3)
    assert 0.6 < alone["auroc"] < 0.95
    assert probe(np.hstack([shared, features]), label, group, seed=3) == alone


def test_a_fact_that_only_some_images_lack_can_tell(images):
    _, label, group = images
    quality = np.where(label == 1, np.nan, 90.0)[:, None]
    assert probe(quality, label, group, seed=3)["auroc"] > 0.99
