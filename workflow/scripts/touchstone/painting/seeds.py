"""What is drawn for an image follows from hashes of its id: no order, worker or batch mate enters."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence


def seed_of(*parts: object) -> int:
    """63 bits of the hash of the parts; of (run seed, item id, attempt) it is the seed of an image's noise."""
    digest = hashlib.blake2b("\0".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def chance(*parts: object) -> float:
    """A number in [0, 1) that follows from the parts."""
    return seed_of(*parts) / 2**63


def between(low: float, high: float, *parts: object) -> float:
    """A number in [low, high) that follows from the parts."""
    return low + (high - low) * chance(*parts)


def chosen(options: Sequence[dict], *parts: object) -> dict:
    """One of ``options``, each as often as its ``share`` (1 without one) says."""
    shares = [option.get("share", 1) for option in options]
    left = chance(*parts) * sum(shares)
    for option, share in zip(options, shares, strict=True):
        left -= share
        if left < 0:
            return option
    return options[-1]
