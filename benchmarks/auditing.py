"""What the audit and the report of a large dataset cost: the tables alone, as its manifest has them; no pictures are opened.

Run it from the repository's folder: ``PYTHONPATH=workflow/scripts python -m benchmarks.auditing [--write]``.
"""

from __future__ import annotations

import hashlib
import tempfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.measuring import cost_of, machine, main
from tests.manifests import FORMATS, SIZES

from touchstone.audit.leaks import search_leaks
from touchstone.contact_sheets import THUMBNAIL
from touchstone.files import write_json
from touchstone.progress import Progress
from touchstone.record import KEPT, LEDGER, MANIFEST, SELECTED, table_of
from touchstone.report import write_report

COUNTS, GENERATORS, PICTURES = (100_000, 1_000_000), 40, 12
ABOUT = """\
`python -m benchmarks.auditing`, {date}, on {machine}. Manifests of random facts, half real and half of
{generators} generators; *growth* of processor time is against a tenth of the images. Time includes reading the manifest.
The probes see 5,000 images of a class at most, and do not grow with it.
"""


def make(folder: Path, count: int) -> None:
    """Manifest, ledger, selection, thumbnails and verdicts of a made-up dataset."""
    random = np.random.default_rng(1)
    label = np.arange(count) % 2
    maker = np.where(label, np.arange(count) // 2 % GENERATORS, -1)
    width, height = np.array(SIZES).T[:, random.integers(0, len(SIZES), count)]
    kind = np.array(FORMATS)[random.integers(0, len(FORMATS), count)]
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(count)]
    known = {
        "id": pa.array([f"origin/{number:07d}" for number in range(count)]),
        "label": pa.array(label),
        "origin": pa.array([f"origin_{each % 10}" for each in maker]),
        "generator": pa.array(["" if each < 0 else f"Generator {each}" for each in maker]),
        "split": pa.array(np.where(random.random(count) < 0.2, "test", "train")),
        "group": pa.array(np.arange(count, dtype=np.uint64)),
        "width": pa.array(width, pa.int32()),
        "height": pa.array(height, pa.int32()),
        "format": pa.array(kind),
        "jpeg_quality": pa.array(random.integers(60, 99, count), pa.int32(), mask=kind != "JPEG"),
        "mode": pa.repeat("RGB", count),
        "bit_depth": pa.repeat(pa.scalar(8, pa.int32()), count),
        "frames": pa.repeat(pa.scalar(1, pa.int32()), count),
        "has_exif": pa.array(random.random(count) < 0.3),
        "has_icc": pa.array(random.random(count) < 0.3),
        "progressive": pa.array(random.random(count) < 0.3),
        "n_bytes": pa.array(random.integers(20_000, 400_000, count)),
        "luma_std": pa.array(random.uniform(0.5, 90, count), pa.float32()),
        "phash": pa.array([digest[:16] for digest in digests]),
        "pixel_sha256": pa.array(digests),
        "sha256": pa.array(digests),
        "licence": pa.repeat("CC0-1.0", count),
        "groups": pa.array([[]] * count, pa.list_(pa.string())),
        "paired_real_images": pa.array([[]] * count, pa.list_(pa.string())),
        "source_url": pa.repeat("", count),
    }
    columns = [known[field.name].cast(field.type) if field.name in known else pa.nulls(count, field.type) for field in MANIFEST]
    manifest = pa.table(columns, schema=MANIFEST.with_metadata({"root_hash": "0" * 64}))
    pq.write_table(manifest, folder / "manifest.parquet", compression="zstd", row_group_size=5000)
    cells = manifest.group_by(["origin", "generator", "split"]).aggregate([([], "count_all")]).to_pylist()
    rows = [
        {name: cell[name] for name in ("origin", "generator", "split")}
        | {
            "part": cell["generator"].lower().replace(" ", "_") or "real",
            "state": KEPT,
            "wanted": count,
            "items": cell["count_all"],
        }
        for cell in cells
    ]
    pq.write_table(table_of(rows, LEDGER), folder / "ledger.parquet")
    kept = {name: manifest[name].combine_chunks() for name in ("id", "origin", "generator", "split")} | {
        "state": pa.repeat(KEPT, count)
    }
    selected = [kept[field.name] if field.name in kept else pa.nulls(count, field.type) for field in SELECTED]
    pq.write_table(pa.table(selected, schema=SELECTED), folder / "selection.parquet", compression="zstd")
    noise = random.bytes(6000)
    shown = [
        {"label": 1, "origin": "o", "generator": f"Generator {number // PICTURES}", "id": str(number), "webp": noise}
        for number in range(GENERATORS * PICTURES)
    ]
    pq.write_table(pa.Table.from_pylist(shown, THUMBNAIL), folder / "thumbnails.parquet")
    write_json(folder / "gates.json", [])
    write_json(folder / "shortcuts.json", {"overall": None})
    write_json(folder / "pixels.json", {"tables": {"real": {"standard": 3, "own": 1, "no JPEG": 0}}})


def leaks(folder: Path) -> None:
    """Groups, copies and mirror images across splits."""
    manifest, out = str(folder / "manifest.parquet"), str(folder / "leaks.json")
    search_leaks(manifest=manifest, bits=3, against=[], out=out, progress=Progress("leaks"))


def report(folder: Path) -> None:
    """Distributions, odd pictures and the page."""
    tables = {name: str(folder / f"{name}.parquet") for name in ("manifest", "ledger", "selection", "thumbnails")}
    made = {"report": "report.html", "distributions": "distributions.csv", "oddities": "oddities.csv"}
    write_report(
        **tables, **{name: str(folder / file) for name, file in made.items()}, gates=str(folder / "gates.json"),
        shortcuts=str(folder / "shortcuts.json"), pixels=str(folder / "pixels.json"), cards={}, name="large", title="Large",
        description="", seed=1, splits={"train": 0.8, "test": 0.2}, progress=Progress("report"),
    )  # fmt: skip


def results() -> str:
    """Measure everything; a Markdown section."""
    lines = ["| images | what | cost | processor | growth |", "|--:|---|--:|--:|--:|"]
    before: dict[str, float] = {}
    size = 0.0
    for count in COUNTS:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            cost_of(make, folder, count)
            for work in (leaks, report):
                cost = cost_of(work, folder)
                growth = f"{cost.processor / before[work.__name__]:.1f} x" if work.__name__ in before else ""
                lines.append(f"| {count:,} | {work.__name__} | {cost} | {cost.processor:.1f} s | {growth} |")
                before[work.__name__] = cost.processor
            size = (folder / "report.html").stat().st_size / 1e6
    lines.append(f"\nThe page of the last one has {size:.1f} MB.")
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), generators=GENERATORS), *lines])


if __name__ == "__main__":
    main("auditing", __doc__, results)
