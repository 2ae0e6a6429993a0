"""The shortcut probe: can the label be read from the files, without looking at a picture?

A classifier on the recorded facts alone (format, size, quality ...), per generator and overall. On
a dataset whose two classes were encoded alike it does no better than chance.
"""

from __future__ import annotations

import numpy as np

from touchstone.audit.probe import probe, sample
from touchstone.draw import rank_keys
from touchstone.files import write_json
from touchstone.marks import MARKS
from touchstone.progress import Progress
from touchstone.versions import read_table

MOST = 5000  # images of a class that a probe looks at
# Facts, and by which policy both classes come to have the same.
ENCODING = ("format", "mode", "bit_depth", "frames", "chroma_subsampling", "progressive", "has_exif", "has_icc")
ENCODING_NUMBERS = ("jpeg_quality", "bytes_per_pixel", "n_bytes", *(f"mark_{mark}" for mark in MARKS))
SIZE = ("width", "height", "aspect", "multiple_of")
MENDS = {"encoding": "one encoding for both classes", "size": "one size for both classes"}
TEXTS = ("format", "mode", "chroma_subsampling")


def probe_shortcuts(*, manifest: str, seed: int, out: str, progress: Progress) -> None:
    """Write what the facts of the images give away.

    Args:
        manifest: Table of ``record.MANIFEST``.
        seed: Of samples, folds and classifiers.
        out: JSON to write: ``{overall, generators, facts, without}``. ``overall`` and every value of
            ``generators`` are of ``probe.probe`` or null; ``facts`` lists ``{fact, auroc, low, high}``
            of a probe that sees one fact only, the most telling first; ``generators`` have their own
            most telling ``fact``. ``without`` is the probe's result with the facts of a policy
            (``encoding``, ``size``) taken away: what that policy would leave.
    """
    columns = ["id", "label", "generator", "group", "width", "height", "n_bytes", *ENCODING, "jpeg_quality", "marks"]
    table = read_table(manifest, "manifest", columns)
    known = {name: table[name].to_numpy() for name in ("label", "group")}
    result = told_apart(
        *features_of(table),
        ids=table["id"].to_pylist(),
        generator=table["generator"].to_pylist(),
        **known,
        seed=seed,
        progress=progress,
    )
    write_json(out, result)
    overall = result["overall"]
    progress.finish(f"AUROC {overall['auroc']:.2f} by facts alone" if overall else "too few images for a probe")


def told_apart(
    names: list[str],
    features: np.ndarray,
    *,
    ids: list[str],
    label: np.ndarray,
    generator: list[str],
    group: np.ndarray,
    seed: int,
    progress: Progress,
) -> dict:
    """What ``probe_shortcuts`` writes, of ``(n, facts)`` features with these names."""
    generator = np.array(generator, dtype=object)
    chance = rank_keys(seed, ids)
    reals = sample(np.flatnonzero(label == 0), MOST, chance)
    present = sorted(set(generator[label == 1]))
    progress.start(len(present) + 1, "probes")
    fakes = sample(np.flatnonzero(label == 1), MOST, chance)
    rows = np.concatenate([reals, fakes])

    def of(rows: np.ndarray, chosen: list[int], simple: bool = False) -> dict | None:
        return probe(features[np.ix_(rows, chosen)], label[rows], group[rows], seed, simple) if chosen else None

    every = list(range(len(names)))
    result = {"overall": of(rows, every), "facts": _ranked(rows, names, of), "without": {}, "generators": {}}
    for policy, left in (("encoding", SIZE), ("size", (*ENCODING, *ENCODING_NUMBERS))):
        result["without"][policy] = of(rows, [number for number, name in enumerate(names) if name in left])
    progress.advance()
    for name in present:
        mine = np.concatenate([reals, sample(np.flatnonzero((generator == name) & (label == 1)), MOST, chance)])
        found = of(mine, every)
        if found:
            best = max(_ranked(mine, names, of), key=lambda entry: entry["auroc"])
            found |= {"fact": best["fact"], "fact_auroc": best["auroc"]}
        result["generators"][name] = found
        progress.advance()
    return result


def features_of(table) -> tuple[list[str], np.ndarray]:
    """Names of the facts, and ``(n, facts)`` float32 of them; texts become the rank of their frequency."""
    width, height = (table[name].to_numpy().astype(np.float64) for name in ("width", "height"))
    columns = {
        "width": width,
        "height": height,
        "aspect": width / height,
        "multiple_of": _power_of_two(width.astype(np.int64)) + _power_of_two(height.astype(np.int64)),
        "n_bytes": table["n_bytes"].to_numpy(),
        "bytes_per_pixel": table["n_bytes"].to_numpy() / (width * height),
        "jpeg_quality": table["jpeg_quality"].to_numpy(zero_copy_only=False).astype(np.float64),
    }
    for name in ENCODING:
        values = table[name].combine_chunks()
        if name in TEXTS:
            codes = values.dictionary_encode()
            codes = codes.indices.fill_null(len(codes.dictionary)).to_numpy(zero_copy_only=False)
            columns[name] = np.argsort(np.argsort(-np.bincount(codes), kind="stable"))[codes]
        else:
            columns[name] = values.cast("float64").to_numpy(zero_copy_only=False)
    marks = table["marks"].to_pylist()
    for mark in sorted(set().union(*(found or () for found in marks))):
        columns[f"mark_{mark}"] = np.array([mark in (found or ()) for found in marks])
    return list(columns), np.stack(list(columns.values()), axis=1).astype(np.float32)


def _power_of_two(values: np.ndarray) -> np.ndarray:
    """How often each can be halved: generators work in multiples of 8 or 64."""
    return np.minimum(np.log2(np.maximum(values & -values, 1)), 8)


def _ranked(rows: np.ndarray, names: list[str], of) -> list[dict]:
    found = [{"fact": name} | (of(rows, [number], simple=True) or {"auroc": 0.5}) for number, name in enumerate(names)]
    return sorted(found, key=lambda entry: -entry["auroc"])
