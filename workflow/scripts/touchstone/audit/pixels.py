"""What a sample of the pictures gives away below their content: grids, resampling, marks."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from touchstone.ahead import ahead
from touchstone.audit.probe import probe
from touchstone.audit.watermark import mark_of
from touchstone.draw import rank_keys
from touchstone.files import write_json
from touchstone.images import FORMATS, is_standard, without_warnings
from touchstone.progress import Progress
from touchstone.shards import open_shard
from touchstone.versions import read_table

SIDE = 256  # of the crop, in pixels; a multiple of 8, cut on the grid of 8
BANDS = 8  # of the radial spectrum
TABLES = ("standard", "own", "no JPEG")  # by their quantisation tables
NEEDED = 64  # a picture with a shorter side says too little


def probe_pixels(*, manifest: str, folder: str, per_part: int, seed: int, out: str, progress: Progress, threads: int = 1) -> None:
    """Write what low-level traces in the pixels give away, and which known marks they carry.

    Args:
        manifest: Table of ``record.MANIFEST``.
        folder: The dataset's folder, which paths in the manifest start from.
        per_part: Pictures looked at, at most, of the real images and of each generator.
        seed: Of the sample, the folds and the classifiers.
        out: JSON to write: ``{sampled, overall, generators, watermarks, tables}``; the probes as in
            ``probe.probe``, ``watermarks`` ``{generator or "real": {looked_at, marks: {name: images}}}``,
            ``tables`` ``{generator or "real": {word of TABLES: images}}``.
        threads: Pictures that are looked at at the same time.
    """
    table = read_table(manifest, "manifest", ["id", "label", "generator", "group", "file", "row", "width", "height"])
    rows = table.take(pa.array(_sample(table, per_part, seed)))
    rows = rows.sort_by([("file", "ascending"), ("row", "ascending")])
    progress.start(len(rows), "pictures")
    features, marks, tables = [], [], []
    for _, (kind, found, mark) in ahead(_looked_at, _pictures(rows, folder), threads, len):
        tables.append(kind)
        features.append(found)
        marks.append(mark)
        progress.advance()
    features = np.array(features, dtype=np.float32).reshape(len(rows), -1)
    label, group = rows["label"].to_numpy(), rows["group"].to_numpy()
    generator = np.array(rows["generator"].to_pylist(), dtype=object)

    def of(rows: np.ndarray) -> dict | None:
        return probe(features[rows], label[rows], group[rows], seed)

    result = {"sampled": len(rows), "overall": of(label >= 0), "generators": {}, "watermarks": {}, "tables": {}}
    for name in sorted(set(generator)):
        mine = generator == name
        if name:
            result["generators"][name] = of(mine | (label == 0))
        found, counts = np.unique([mark for mark, here in zip(marks, mine, strict=True) if here and mark], return_counts=True)
        result["watermarks"][name or "real"] = {
            "looked_at": int(mine.sum()),
            "marks": dict(zip(found.tolist(), counts.tolist(), strict=True)),
        }
        kinds = [kind for kind, here in zip(tables, mine, strict=True) if here]
        result["tables"][name or "real"] = {kind: kinds.count(kind) for kind in TABLES}
    write_json(out, result)
    marked = sum(1 for mark in marks if mark)
    progress.finish(f"{marked:,} of {len(rows):,} carry a known watermark")


def traces(pixels: np.ndarray) -> np.ndarray:
    """Numbers on a picture's encoding and resampling history, from the luma of its middle.

    They are: strength of the 8 x 8 grid across and down (differences over block edges against
    the others), energy in ``BANDS`` rings of the spectrum (log, relative), the spectrum's peaks at a half
    and a quarter of the sampling rate (upsampling by 2 and 4), and the strongest period of
    the second difference (interpolation; Gallagher, CRV 2005).

    Args:
        pixels: ``(height, width, 3)`` uint8.

    Returns:
        ``(2 + BANDS + 2 + 2,)``, all 0 for a picture with a side below ``NEEDED``.
    """
    luma = _middle(pixels) @ np.array([0.299, 0.587, 0.114])
    if min(luma.shape) < NEEDED:
        return np.zeros(BANDS + 6)
    spectrum = np.abs(np.fft.rfft2(luma - luma.mean())) ** 2 + 1e-3
    ring = _rings(*luma.shape)
    energy = np.bincount(ring.ravel(), spectrum.ravel(), BANDS) / np.bincount(ring.ravel(), minlength=BANDS)
    peaks = [_peak(spectrum.mean(axis=axis), share) for axis, share in ((0, 2), (0, 4))]
    grid = [_grid(luma), _grid(luma.T)]
    periods = [_period(luma), _period(luma.T)]
    return np.array([*grid, *np.log(energy / energy.sum()), *peaks, *periods])


@lru_cache(8)
def _rings(height: int, width: int) -> np.ndarray:
    """Number of the ring of each place of a picture's spectrum."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    return np.minimum((radius / 0.5 * BANDS).astype(int), BANDS - 1)


def _middle(pixels: np.ndarray) -> np.ndarray:
    starts = [max(side - SIDE, 0) // 2 // 8 * 8 for side in pixels.shape[:2]]
    sides = [min(side, SIDE) // 8 * 8 for side in pixels.shape[:2]]
    return pixels[starts[0] : starts[0] + sides[0], starts[1] : starts[1] + sides[1]]


def _grid(luma: np.ndarray) -> float:
    """Log ratio of differences between columns that meet at a multiple of 8 and the other ones."""
    difference = np.abs(np.diff(luma, axis=1)).mean(axis=0)
    edge = np.arange(1, luma.shape[1]) % 8 == 0
    return float(np.log((difference[edge].mean() + 0.1) / (difference[~edge].mean() + 0.1)))


def _peak(spectrum: np.ndarray, share: int) -> float:
    """Log ratio of the spectrum at ``1/share`` of the sampling rate to its neighbourhood."""
    place = min(round((len(spectrum) - 1) * 2 / share), len(spectrum) - 1)
    around = np.r_[spectrum[max(place - 6, 1) : max(place - 1, 2)], spectrum[place + 2 : place + 7]]
    return float(np.log(spectrum[place] / np.median(around)))


def _period(luma: np.ndarray) -> float:
    """Log ratio of the strongest line in the spectrum of the mean second difference to the median."""
    second = np.abs(np.diff(luma, 2, axis=1)).mean(axis=0)
    lines = np.abs(np.fft.rfft(second - second.mean()))[len(second) // 16 :]
    return float(np.log((lines.max() + 1e-3) / (np.median(lines) + 1e-3)))


def _sample(table: pa.Table, per_part: int, seed: int) -> np.ndarray:
    """Positions of at most ``per_part`` rows of each generator, and of the reals, by hash of their id."""
    generator = table["generator"].combine_chunks().dictionary_encode().indices.to_numpy()
    big_enough = pc.min_element_wise(table["width"], table["height"]).to_numpy() >= NEEDED
    order = np.lexsort((rank_keys(seed, table["id"].to_pylist()), ~big_enough, generator))
    starts = np.flatnonzero(np.diff(generator[order], prepend=-1))
    within = np.arange(len(order)) - np.repeat(starts, np.diff(np.append(starts, len(order))))
    return order[within < per_part]


def _pictures(rows: pa.Table, folder: str) -> Iterator[bytes]:
    """Encoded pictures of the manifest's rows, which are sorted by file and row; only their row groups are read."""
    files, places = rows["file"].to_pylist(), rows["row"].to_numpy()
    for name in dict.fromkeys(files):
        wanted = places[[file == name for file in files]]
        with open_shard(f"{folder}/{name}") as shard:
            first = 0
            for number in range(shard.num_row_groups):
                last = first + shard.metadata.row_group(number).num_rows
                here = wanted[(wanted >= first) & (wanted < last)] - first
                if len(here):
                    images = shard.read_row_group(number, columns=["image.bytes"]).take(pa.array(here))["image"]
                    yield from (image["bytes"] for image in images.to_pylist())
                first = last


def _looked_at(data: bytes) -> tuple[str, np.ndarray, str]:
    """The word of ``TABLES``, the traces, and the mark of an encoded picture."""
    with without_warnings():
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        tables = getattr(image, "quantization", None)
        pixels = np.asarray(image.convert("RGB"))
    return TABLES[0 if is_standard(tables) else 1] if tables else TABLES[2], traces(pixels), mark_of(pixels)[0]
