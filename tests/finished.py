"""A small finished dataset with its manifest and ledger, as the steps before publishing leave them."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image, ImageDraw

from touchstone.files import write_json
from touchstone.images import measure
from touchstone.record import MANIFEST, PACKED, SELECTED, hub_schema, table_of
from touchstone.shards import shard_writer

HASH = "5f" * 32
SPLITS = {"train": 0.75, "test": 0.25}
CARDS = {
    "photos": {
        "title": "Photographs | crops of <script>alert(1)</script>",
        "homepage": "https://example.org/photos",
        "licence": "CC0-1.0",
        "access": "open",
        "kind": "archive",
        "citation": "@misc{photos,\n  title = {Photographs}\n}",
    },
    "painter": {
        "title": "Pictures from prompts",
        "homepage": "https://example.org/painter",
        "licence": "MIT",
        "access": "manual",
        "kind": "generate",
    },
}
TEXTS = {"cards": CARDS, "name": "tiny", "title": "A tiny dataset", "description": "For tests.", "seed": 7, "splits": SPLITS}
# (origin, generator, split) and images in that cell
CELLS = {
    ("photos", "", "train"): 12,
    ("photos", "", "test"): 4,
    ("painter", "Painter 1.5", "train"): 9,
    ("painter", "Painter 1.5", "test"): 3,
    ("painter", "Painter XL", "train"): 3,
    ("painter", "Painter XL", "test"): 1,
}
# (origin, part, generator, step, reason): items
REJECTED = {
    ("photos", "real", "", "take", "truncated"): 2,
    ("photos", "real", "", "split", "spare"): 5,
    ("painter", "painter_1_5", "Painter 1.5", "screen", "exact_duplicate"): 1,
    ("painter", "painter_xl", "Painter XL", "split", "spare"): 4,
}
WANTED = {"": 16, "Painter 1.5": 12, "Painter XL": 6}


def picture(number: int, encoding: str, size: tuple[int, int], **options: object) -> bytes:
    """A drawn picture that no other number gives, encoded."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.ellipse((number % 20, 5, 30 + number, 40), fill=(37 * number % 256, 90, 255 - 11 * number % 256))
    draw.text((4, size[1] - 14), str(number), fill=(255, 255, 255))
    buffer = io.BytesIO()
    image.save(buffer, encoding, **options)
    return buffer.getvalue()


def record(number: int, origin: str, generator: str) -> dict:
    """One packed row: photographs are JPEG of two qualities, generated pictures PNG, one a WebP."""
    if not generator:
        data = picture(number, "JPEG", (96, 64), quality=(75, 92)[number % 2])
    elif number % 8:
        data = picture(number, "PNG", (64, 64))
    else:
        data = picture(number, "WEBP", (48, 128))
    return {
        "image": {"bytes": data, "path": f"{number}"},
        "id": f"{origin}/{number:04d}",
        "origin": origin,
        "origin_dataset": origin,
        "label": int(bool(generator)),
        "generator": generator,
        "licence": CARDS[origin]["licence"],
        "groups": [f"photo:{number}"],
        "paired_real_images": [],
    } | measure(data)


def make_dataset(folder) -> dict:
    """A finished dataset below ``folder``, as the steps before leave it: paths, and rows of the manifest."""
    rows, numbers = [], iter(range(1000))
    for (origin, generator, split), count in CELLS.items():
        name = f"data/{split}/{origin}-{generator.lower().replace(' ', '_') or 'real'}-00000.parquet"
        packed = [record(next(numbers), origin, generator) for _ in range(count)]
        with shard_writer(folder / name, hub_schema()) as writer:
            writer.append(table_of(packed, PACKED))
        places = [{"split": split, "file": name, "row": row, "group": len(rows) + row} for row in range(count)]
        rows += [manifest_row(row) | place for row, place in zip(packed, places, strict=True)]
    rows.sort(key=lambda row: (row["file"], row["row"]))
    manifest = table_of(rows, manifest_schema())
    pq.write_table(manifest, folder / "manifest.parquet", row_group_size=7)  # large ones have many row groups
    pq.write_table(ledger_table(), folder / "ledger.parquet")
    pq.write_table(selection_table(rows), folder / "selection.parquet")
    return {name: str(folder / f"{name}.parquet") for name in ("manifest", "ledger", "selection")} | {"rows": rows}


def manifest_row(row: dict) -> dict:
    """The columns of a packed row that the manifest has too."""
    return {key: value for key, value in row.items() if key in MANIFEST.names}


def manifest_schema() -> pa.Schema:
    return MANIFEST.with_metadata({b"root_hash": HASH.encode()})


def verdicts_of(folder) -> dict:
    """Paths of ``gates.json``, ``shortcuts.json`` and ``pixels.json`` of a dataset with one gate of each verdict."""
    gates = [
        {
            "gate": f"gate_{verdict}",
            "subject": "",
            "value": 0.5,
            "limit": 0.25,
            "verdict": verdict,
            "what": f"it {verdict}",
            "mend": "mend <it>",
        }
        for verdict in ("failed", "warned", "off", "passed")
    ]
    facts = [{"fact": "format", "auroc": 0.9, "low": 0.8, "high": 1}, {"fact": "width", "auroc": 0.5, "low": 0.4, "high": 0.6}]
    probe = {"auroc": 0.93, "low": 0.9, "high": 0.96, "images": 32}
    write_json(folder / "gates.json", gates)
    write_json(folder / "shortcuts.json", {"overall": probe, "facts": facts, "generators": {}, "without": {}})
    kinds = {"standard": 0, "own": 0, "no JPEG": 3}
    tables = {"real": kinds | {"standard": 3, "own": 1}, "Painter 1.5": kinds, "Painter XL": kinds | {"standard": 2}}
    write_json(folder / "pixels.json", {"tables": tables})
    return {name: str(folder / f"{name}.json") for name in ("gates", "shortcuts", "pixels")}


def ledger_table() -> pa.Table:
    keys = ["origin", "part", "generator", "wanted", "state", "step", "reason", "split", "items"]
    rows = []
    for (origin, generator, split), items in CELLS.items():
        part = generator.lower().replace(" ", "_").replace(".", "_") or "real"
        rows.append((origin, part, generator, WANTED[generator], "kept", "split", "", split, items))
    for (origin, part, generator, step, reason), items in REJECTED.items():
        rows.append((origin, part, generator, WANTED[generator], "rejected", step, reason, "", items))
    return pa.Table.from_pylist([dict(zip(keys, row, strict=True)) for row in rows])


def selection_table(rows: list[dict]) -> pa.Table:
    """What became of every item, so that its sums are the ledger's."""
    same = ("id", "origin", "label", "generator", "split")
    items = [{key: row[key] for key in same} | {"state": "kept", "rank": at} for at, row in enumerate(rows)]
    for (origin, part, generator, step, reason), count in REJECTED.items():
        gone = {"origin": origin, "part": part, "generator": generator, "label": int(bool(generator))}
        gone |= {"state": "rejected", "step": step, "reason": reason, "detail": f"why {reason}"}
        items += [gone | {"id": f"{origin}/{reason}-{number}", "rank": 10 - number} for number in range(count)]
    return table_of(items, SELECTED)


def tables_of(made: dict) -> dict:
    return {"manifest": made["manifest"], "ledger": made["ledger"]}
