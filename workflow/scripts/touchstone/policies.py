"""Image policies: the bytes as they came, one encoding for both classes, or fakes encoded like the reals.

A detector learns the encoder where it gives the class away. What was done to an image stands in its column
``processing``, and ``origin_sha256`` names the bytes as they came; both are empty where nothing was done.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.chains import decode, encode, shrunk, square
from touchstone.exports.packed import suffix
from touchstone.files import replacing
from touchstone.images import measure
from touchstone.marks import marks_of
from touchstone.perturb import drawn
from touchstone.progress import Progress
from touchstone.record import FACTS, KEPT, PACKED, table_of
from touchstone.versions import read_table

ORIGINAL, MATCH = "original", "match"
FORMATS = pa.schema(
    [("format", pa.string()), ("jpeg_quality", pa.int32()), ("chroma_subsampling", pa.string()), ("images", pa.int64())]
)
LONGEST = {"JPEG": 65_500, "WEBP": 16_383}  # pixels of a side that libjpeg and libwebp can write
LOSSY_WEBP = 80  # Pillow's own; the quality of a WebP cannot be read off its bytes
Target = tuple[str, int | None, str]  # encoding, quality (None is lossless), chroma subsampling of a JPEG


def count_formats(*, selection: str, formats: str, progress: Progress) -> None:
    """Write ``FORMATS``: how many kept real images have each encoding; what ``match`` draws from."""
    keys = FORMATS.names[:3]
    reals = read_table(selection, "selection", keys, filters=[("state", "==", KEPT), ("label", "==", 0)])
    table = reals.group_by(keys).aggregate([([], "count_all")]).rename_columns(FORMATS.names)
    table = table.sort_by([(key, "ascending") for key in keys])
    with replacing(formats) as temporary:
        pq.write_table(table.cast(FORMATS), temporary)
    progress.finish(f"{len(table)} encodings of {len(reals):,} real images")


class Policy:
    """What a dataset wants done to its images.

    Args:
        images: The dataset's ``images``: ``encoding`` and, by it, ``quality``, ``square`` or ``longest`` (pixels).
        seed: Of what ``match`` draws; the same image always draws the same.
        formats: Table of ``FORMATS``, for ``match``.
    """

    def __init__(self, images: dict, seed: int = 0, formats: str | None = None):
        self.images, self.seed = images, seed
        self.resizes = "square" in images or "longest" in images
        rows = pq.read_table(formats).to_pylist() if formats else []
        self.targets = [_alike(row) for row in rows]
        self.bounds = np.cumsum([row["images"] for row in rows])

    def apply(self, table: pa.Table) -> pa.Table:
        """Rows of take shards as rows of ``record.PACKED``."""
        if self.images["encoding"] == ORIGINAL:
            nothing = pa.repeat("", len(table))
            images = table["image"].combine_chunks().field("bytes")
            found = pa.array([marks_of(memoryview(image.as_buffer())) for image in images], PACKED.field("marks").type)
            known = {name: table[name] for name in table.column_names} | {"marks": found}
            return pa.table([known.get(name, nothing) for name in PACKED.names], schema=PACKED)
        with ThreadPoolExecutor(2) as pool:
            return table_of(list(pool.map(self._processed, table.to_pylist())), PACKED)

    def target(self, row: dict) -> Target | None:
        """How the image is to be encoded; None if it keeps its bytes."""
        if self.images["encoding"] != MATCH:
            return self.images["encoding"], self.images.get("quality"), "4:2:0"
        if row["label"] == 0 or not self.targets:
            return _alike(row) if self.resizes else None
        number = drawn(self.seed, row["id"], "format", 0, int(self.bounds[-1]) - 1)
        return self.targets[int(np.searchsorted(self.bounds, number, side="right"))]

    def _processed(self, row: dict) -> dict:
        target = self.target(row)
        if target is None:
            return row | {"processing": "", "origin_sha256": "", "marks": marks_of(row["image"]["bytes"])}
        kind, quality, subsampling = target
        image, done = decode(row["image"]["bytes"]), []
        if side := self.images.get("square"):
            image, done = square(image, side), [f"centred square, {side} pixels"]
        elif side := self.images.get("longest"):
            image, done = shrunk(image, side), [f"at most {side} pixels"]
        done.append(" ".join(filter(None, (kind, str(quality or "lossless"), subsampling if kind == "JPEG" else ""))))
        data = encode(image, kind, quality, subsampling)
        path = f"{row['image']['path'].rpartition('.')[0]}.{suffix(kind)}"
        facts = {name: None for name in FACTS.names} | measure(data, max_bytes=len(data))
        processed = {"image": {"bytes": data, "path": path}, "processing": ", ".join(done), "origin_sha256": row["sha256"]}
        return row | facts | processed | {"marks": marks_of(data)}


def longest_side(images: dict) -> int | None:
    """Pixels of the longest side that the policy ``images`` can write; None if it can write any, or shrinks them first."""
    if images.keys() & {"square", "longest"}:
        return None
    return min(LONGEST.values()) if images["encoding"] == MATCH else LONGEST.get(images["encoding"])


def _alike(row: dict) -> Target:
    """The nearest that can be written to a real image's own encoding."""
    if row["format"] == "JPEG":
        subsampling = row["chroma_subsampling"]
        return "JPEG", row["jpeg_quality"], subsampling if subsampling in ("4:4:4", "4:2:2", "4:2:0") else "4:2:0"
    return ("WEBP", LOSSY_WEBP, "") if row["format"] == "WEBP" else ("PNG", None, "")


def sentence(images: dict) -> str:
    """The image policy as a sentence; empty if the bytes are the origins'."""
    kind = images.get("encoding", "original")
    if kind == "original":
        return ""
    size = f", as centred squares of {images['square']} pixels" if "square" in images else ""
    size += f", longer sides shrunk to {images['longest']} pixels" if "longest" in images else ""
    if kind == "match":
        return f"Fakes were encoded like the real images, in the same proportions of formats and qualities{size}."
    quality = f" of quality {images['quality']}" if "quality" in images else ", lossless"
    return f"All images, real and fake, were encoded as {kind}{quality}{size}."
