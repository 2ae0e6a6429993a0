"""Manifests of made-up datasets: both classes alike, until a test plants a fault."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.record import MANIFEST, table_of

SIZES = [(640, 480), (512, 512), (1024, 683), (500, 375), (800, 600)]
FORMATS = ["JPEG", "JPEG", "JPEG", "PNG", "WEBP"]


def rows_alike(count: int, seed: int = 1, generators: tuple[str, ...] = ("Painter", "Sculptor")) -> list[dict]:
    """``count`` rows, half real and half fake, whose facts are drawn from the same distributions."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(count):
        fake = number % 2
        width, height = SIZES[random.integers(len(SIZES))]
        encoding = FORMATS[random.integers(len(FORMATS))]
        quality = int(random.integers(70, 98))
        digest = hashlib.sha256(f"{seed} {number}".encode()).hexdigest()
        rows.append(
            {
                "id": f"{'painter' if fake else 'photos'}/{number:06d}",
                "origin": "painter" if fake else "photos",
                "label": fake,
                "generator": generators[number // 2 % len(generators)] if fake else "",
                "split": "test" if random.random() < 0.2 else "train",
                "group": number,
                "format": encoding,
                "width": width,
                "height": height,
                "mode": "RGB",
                "bit_depth": 8,
                "frames": 1,
                "jpeg_quality": quality if encoding == "JPEG" else None,
                "chroma_subsampling": "4:2:0" if encoding == "JPEG" else None,
                "progressive": bool(random.integers(2)),
                "has_exif": bool(random.integers(2)),
                "has_icc": bool(random.random() < 0.3),
                "n_bytes": int(width * height * random.uniform(0.1, 0.6) * (4 if encoding == "PNG" else 1)),
                "sha256": digest,
                "pixel_sha256": digest[::-1],
                "phash": f"{random.integers(2**64, dtype=np.uint64):016x}",
                "luma_std": 50.0,
                "source_url": f"https://example.org/{number}.jpg",
            }
        )
    return rows


def write_manifest(path, rows: list[dict]) -> str:
    """``rows`` as the manifest at ``path``."""
    table: pa.Table = table_of(rows, MANIFEST)
    pq.write_table(table, path)
    return str(path)
