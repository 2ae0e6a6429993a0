"""How well real and fake can be told apart by a table of features, out of fold, with its uncertainty."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
from threadpoolctl import ThreadpoolController

FOLDS = 5
FEWEST = 10  # images of a class, in as many groups, below which nothing can be said
STEPS = 255  # as many as the boosted trees tell apart
CONFIDENT = 1.96  # standard errors; 95 % of a normal distribution


def probe(features: np.ndarray, label: np.ndarray, group: np.ndarray, seed: int, simple: bool = False) -> dict | None:
    """AUROC of a small classifier on ``features``, each image scored by one that saw nothing of its group.

    Args:
        features: ``(n, k)`` numbers; NaN where an image lacks the feature.
        label: ``(n,)`` 0 real, 1 fake.
        group: ``(n,)`` keys; a group is never in training and test at once.
        seed: Of the folds and the classifier.
        simple: A tree of 16 leaves, for a single feature, in place of boosted trees.

    Returns:
        ``{auroc, low, high, images}`` with the 95 % interval of Hanley and McNeil (Radiology 143,
        1982, eq. 2), or None where a class has too few images or groups to say.
    """
    if any(len(np.unique(group[label == value])) < FEWEST for value in (0, 1)):
        return None
    counts = int((label == 1).sum()), int((label == 0).sum())
    features = features[:, (features != features[:1]).any(axis=0)]  # NaN differs from NaN, which costs time and no more
    if not features.shape[1]:
        return interval(0.5, *counts)
    # scikit-learn takes a second to import, which jobs that only read a probe's result need not wait for.
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.tree import DecisionTreeClassifier

    scores = np.empty(len(label))
    fold = folds(label, group, seed)
    model = DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced", random_state=seed)
    if not simple:
        model = HistGradientBoostingClassifier(
            max_iter=60, max_leaf_nodes=15, min_samples_leaf=5, class_weight="balanced", early_stopping=False, random_state=seed
        )
    # One thread: the order of sums changes with their number, and on a busy machine OpenMP's threads wait for each other.
    with _pools().limit(limits=1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Bins whose width are too small")  # of features that hardly vary
        for number in range(FOLDS):
            train, test = fold != number, fold == number
            seen = features if simple else _coarse(features, train)
            scores[test] = model.fit(seen[train], label[train]).predict_proba(seen[test])[:, 1]
    return interval(float(roc_auc_score(label, scores)), *counts)


@cache
def _pools() -> ThreadpoolController:
    """Of the libraries that are loaded by now, scikit-learn's among them; to look for them takes as long as a small tree."""
    return ThreadpoolController()


def _coarse(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Numbers as places among the quantiles of the rows in ``train``, NaN as it is: all that boosted trees make of them.

    With weights scikit-learn 1.9 finds these quantiles in Python, one by one, which takes 30 times as long as the trees.
    """
    columns = []
    for values in features.T:
        known = values[train & ~np.isnan(values)]
        edges = np.unique(np.quantile(known, np.arange(1, STEPS) / STEPS)) if len(known) else known
        columns.append(np.where(np.isnan(values), np.nan, np.searchsorted(edges, values, side="right")))
    return np.stack(columns, axis=1)


def folds(label: np.ndarray, group: np.ndarray, seed: int) -> np.ndarray:
    """``(n,)`` fold of each image: groups stay whole, and those of each label are dealt out evenly by chance."""
    keys, first, inverse = np.unique(group, return_index=True, return_inverse=True)
    order = np.lexsort((np.random.default_rng(seed).permutation(len(keys)), label[first]))
    fold = np.empty(len(keys), dtype=np.int64)
    fold[order] = np.arange(len(keys)) % FOLDS
    return fold[inverse]


def interval(auroc: float, positives: int, negatives: int) -> dict:
    """``{auroc, low, high, images}``; the variance is that of Hanley and McNeil (1982), eq. 2."""
    first = auroc / (2 - auroc)
    second = 2 * auroc**2 / (1 + auroc)
    variance = auroc * (1 - auroc) + (positives - 1) * (first - auroc**2) + (negatives - 1) * (second - auroc**2)
    margin = CONFIDENT * float(np.sqrt(max(variance, 0) / (positives * negatives)))
    return {
        "auroc": round(auroc, 4),
        "low": round(max(auroc - margin, 0), 4),
        "high": round(min(auroc + margin, 1), 4),
        "images": positives + negatives,
    }


def sample(rows: np.ndarray, most: int, chance: np.ndarray) -> np.ndarray:
    """At most ``most`` of ``rows``: those with the least ``chance``, a number drawn for every row."""
    if len(rows) <= most:
        return rows
    return np.sort(rows[np.argpartition(chance[rows], most)[:most]])
