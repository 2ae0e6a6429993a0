"""Which ids came before, for millions of them in bounded memory."""

from __future__ import annotations

import numpy as np


class Seen:
    """The ids given so far: 24 bytes for each, whatever its length.

    An id is known by two hashes of 64 bits that Python salts anew in every process. That two of ten million
    ids share both has a chance of 1e-25.
    """

    def __init__(self):
        self.count = 0
        self._runs: list[np.ndarray] = []  # rows (hash, second hash, number), each run sorted and half as long as the last

    def add(self, ids: list[str]) -> np.ndarray:
        """For each of the next ids the number of the first one that is the same, or -1.

        Numbers count all ids that were given, repeated ones too.
        """
        first = np.fromiter(map(hash, ids), np.int64, len(ids))
        second = np.fromiter((hash(text + "\0") for text in ids), np.int64, len(ids))
        order = np.argsort(first, kind="stable")
        run = np.stack([first, second, np.arange(self.count, self.count + len(ids))])[:, order]
        self.count += len(ids)
        earlier = np.full(len(ids), -1)
        for known in (run, *self._runs):  # the earliest last, as its number counts
            _match(run, known, order, earlier)
        fresh = run[:, earlier[order] < 0]
        while self._runs and self._runs[-1].shape[1] <= 2 * fresh.shape[1]:
            fresh = np.concatenate([self._runs.pop(), fresh], axis=1)
            fresh = fresh[:, np.argsort(fresh[0], kind="stable")]
        self._runs.append(fresh)
        return earlier


def _match(run: np.ndarray, known: np.ndarray, order: np.ndarray, earlier: np.ndarray) -> None:
    """Enter into ``earlier`` what columns of ``run`` stand in ``known`` with a lower number."""
    if not known.shape[1]:
        return
    at = np.minimum(np.searchsorted(known[0], run[0]), known.shape[1] - 1)
    same = (known[0, at] == run[0]) & (known[1, at] == run[1]) & (known[2, at] < run[2])
    earlier[order[same]] = known[2, at[same]]
