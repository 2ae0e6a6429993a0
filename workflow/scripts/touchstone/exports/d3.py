"""ELSA D3's form: Parquet files whose rows hold a caption, its photograph's address, and an image by each generator.

Source: the columns of the hub's elsaEU/ELSA_D3; its own reader (``readers.elsa_d3``) reads these files.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.draw import rank_keys
from touchstone.exports.packed import Shelf, drop_remains, file_name
from touchstone.files import replacing
from touchstone.progress import Progress
from touchstone.record import IMAGE
from touchstone.versions import read_table

TEXTS = ["id", "original_prompt", "positive_prompt", "negative_prompt", "url"]
NUMBERED = {"model": pa.string(), "width": pa.int64(), "height": pa.int64(), "num_inference_steps": pa.int64()}
NUMBERED |= {"filepath": pa.string(), "image": IMAGE}
READ = ["id", "generator", "image", "sha256", "format", "width", "height", "generation", "description", "source_url"]
READ += ["original_prompt", "positive_prompt", "negative_prompt", "paired_real_images"]
ROW_GROUP = 100  # rows; the hub's own files have as many


def write_prompts(
    *, manifest: str, split: str, generators: list[str], number: int, of: int, seed: int, shard: str, progress: Progress
) -> None:
    """Write file ``number`` of ``of`` of a split: a row for each prompt, the images of ``generators`` in their order.

    Images belong to one row if they are made for the same real image, or where there is none, from the same prompt;
    the second of a generator begins another row. Who has no image for a prompt has nulls there. Memory is a row group
    of each generator's shards, and the manifest's prompts.

    Args:
        generators: Names; the first's columns end in ``_gen0``.
        seed: The dataset's: rows are in the order in which images were drawn, so packed shards are read as they lie.
    """
    wanted = _part(manifest, split, generators, number, of, seed)
    progress.start(len(wanted), "prompts")
    drop_remains(shard, number, of)
    shelves = [Shelf(Path(manifest).parent, READ) for _ in generators]
    layout = schema(len(generators))
    with replacing(shard) as temporary, pq.ParquetWriter(temporary, layout, compression="none") as writer:
        for start in range(0, len(wanted), ROW_GROUP):
            rows = [_row(places, shelves) for places in wanted[start : start + ROW_GROUP].tolist()]
            writer.write_table(pa.Table.from_pylist(rows, schema=layout))
            progress.advance(len(rows))
    progress.finish()


def schema(slots: int) -> pa.Schema:
    """D3's columns for so many generators, with what `datasets` must know of them."""
    fields = [(name, pa.string()) for name in TEXTS]
    fields += [(f"{name}_gen{slot}", kind) for slot in range(slots) for name, kind in NUMBERED.items()]
    features = {name: {"_type": "Image"} if kind == IMAGE else {"dtype": str(kind), "_type": "Value"} for name, kind in fields}
    return pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})


def _part(manifest: str, split: str, generators: list[str], number: int, of: int, seed: int) -> np.ndarray:
    """``(prompts, generators)`` places (file, row) of the images of a part, None where there is none."""
    images = _images(manifest, split, generators)
    slots = {name: slot for slot, name in enumerate(generators)}
    slot = np.array([slots[name] for name in images["generator"].to_pylist()], dtype=np.int64)
    keys, prompt = np.unique(images["prompt"].to_numpy(zero_copy_only=False).astype(str), return_inverse=True)
    chance = rank_keys(seed, keys.tolist())[prompt]
    order = np.lexsort((slot, prompt, chance))
    same = prompt[order] * len(generators) + slot[order]
    again = np.zeros(len(order), dtype=np.int64)  # how many of the generator the prompt has before this one
    again[order] = np.arange(len(order)) - np.maximum.accumulate(np.where(np.diff(same, prepend=-1), np.arange(len(order)), 0))
    order = np.lexsort((again, prompt, chance))
    line = np.cumsum(np.diff(prompt[order], prepend=-1).astype(bool) | np.diff(again[order], prepend=0).astype(bool)) - 1
    lines = int(line[-1]) + 1 if len(line) else 0
    low, high = (lines * step // of for step in (number, number + 1))
    wanted = np.full((high - low, len(generators)), None, dtype=object)
    mine = np.flatnonzero((line >= low) & (line < high))
    chosen = images.select(["file", "row"]).take(pa.array(order[mine])).to_pylist()
    for place, row in zip(mine, chosen, strict=True):
        wanted[line[place] - low, slot[order[place]]] = (row["file"], row["row"])
    return wanted


def _images(manifest: str, split: str, generators: list[str]) -> pa.Table:
    """Generator, file, row and prompt (id of the real image, or the text) of a split's images by ``generators``."""
    columns = ["generator", "file", "row", "paired_real_images", "original_prompt", "positive_prompt"]
    table = read_table(manifest, "manifest", columns, filters=[("split", "==", split), ("generator", "in", generators)])
    pairs = table["paired_real_images"].combine_chunks()
    pair = pc.binary_join(pc.list_slice(pairs, 0, 1), "")
    text = pc.if_else(pc.equal(table["original_prompt"], ""), table["positive_prompt"], table["original_prompt"])
    return table.select(columns[:3]).append_column("prompt", pc.if_else(pc.equal(pair, ""), text, pair))


def _row(places: list[tuple[str, int] | None], shelves: list[Shelf]) -> dict:
    """A row of ``schema``."""
    images = [shelf.row(*place) if place else None for shelf, place in zip(shelves, places, strict=True)]
    first = next(image for image in images if image)
    paired = (first["paired_real_images"] or [""])[0]
    row = {
        "id": paired.rpartition("/")[2] or first["id"],
        "original_prompt": first["original_prompt"] or first["description"] or first["positive_prompt"],
        "positive_prompt": first["positive_prompt"],
        "negative_prompt": first["negative_prompt"],
        "url": first["source_url"],
    }
    for slot, image in enumerate(images):
        if image:
            made = image["generation"] or {}
            given = {"model": made.get("model") or image["generator"], "num_inference_steps": made.get("steps")}
            given |= {"width": image["width"], "height": image["height"], "filepath": file_name(image)}
            given["image"] = {"bytes": image["image"]["bytes"], "path": given["filepath"]}
            row |= {f"{name}_gen{slot}": value for name, value in given.items()}
    return row
