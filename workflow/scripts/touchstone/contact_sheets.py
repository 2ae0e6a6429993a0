"""Pictures of the dataset: a sheet of thumbnails for every generator of every origin."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from functools import reduce
from itertools import groupby
from operator import and_
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from PIL import Image, ImageDraw, ImageFont

from touchstone.files import replacing
from touchstone.images import FORMATS
from touchstone.progress import Progress
from touchstone.shards import open_shard
from touchstone.upright import orientation, turned
from touchstone.versions import read_table

CELL, GAP, MARGIN, LABEL = 144, 8, 36, 300  # pixels; a sheet is made to be shown at half its size
LABEL_TEXT = LABEL - 24 - 2 * GAP  # pixels, what is left beside the coloured bar
COLUMNS = 6
GROUND, CHECKER = (38, 38, 38), ((120, 120, 120), (150, 150, 150))  # equal red, green and blue: no colour cast
TEXT, FAINT = (242, 242, 242), (168, 168, 168)
CLASS = {0: ("real", (112, 184, 214)), 1: ("fake", (240, 160, 92))}
CHECK = 12  # pixels of one field of the checker that shows transparency
WIDE = ("I;16", "I;16L", "I;16B", "I", "F")  # modes that Pillow clips, not scales, to 8 bits


THUMBNAIL = pa.schema(
    [("label", pa.int64()), *[(name, pa.string()) for name in ("origin", "generator", "id")], ("webp", pa.binary())]
)


def contact_sheets(
    *, manifest: str, folder: str, sheets: str, thumbnails: str, progress: Progress, per_generator: int = 2 * COLUMNS
) -> None:
    """Draw a contact sheet as PNG for the real images and each generator of every origin.

    The pictures are those with the lowest SHA-256, so the same dataset gives the same sheets. Only row
    groups that hold a chosen picture are read. Pictures are shown whole, as their pixels are stored:
    not cropped, no EXIF rotation.

    Args:
        manifest: The dataset's ``manifest.parquet``.
        folder: The dataset's folder; the manifest's files lie below it.
        sheets: Folder of the PNGs to write, ``<origin>-<generator>.png`` as packed shards are named.
        thumbnails: Table to write, of ``THUMBNAIL``: the same pictures for the report.
        per_generator: Most pictures of a sheet.

    Raises:
        TouchstoneError: A shard is missing or damaged.
    """
    parts = _parts(manifest, per_generator)
    Path(sheets).mkdir(parents=True, exist_ok=True)
    progress.start(len(parts), "sheets")
    shown = []
    for part in parts:
        pictures = {place: thumbnail(data, CELL) for place, data in _pictures(Path(folder), sorted(part["places"]))}
        drawn = _sheet(part, [pictures[place] for place in part["places"]])
        name = Path(part["places"][0][0]).stem.rpartition("-")[0]
        with replacing(Path(sheets, f"{name}.png")) as temporary:
            drawn.save(temporary, "PNG")
        same = {key: part[key] for key in ("label", "origin", "generator")}
        shown += [same | {"id": i, "webp": _webp(pictures[at])} for i, at in zip(part["ids"], part["places"], strict=True)]
        progress.advance()
    with replacing(thumbnails) as temporary:
        pq.write_table(pa.Table.from_pylist(shown, THUMBNAIL), temporary)
    progress.finish(f"{len(shown):,} pictures")


def thumbnail(data: bytes, side: int) -> Image.Image:
    """An encoded image of any mode, upright, as RGB of at most ``side`` x ``side`` pixels, never cropped.

    Small images are enlarged by a whole factor, each pixel to a square; transparency is shown as
    a checker; modes of more than 8 bits are scaled: 16-bit ones from their whole range, others
    from the range they use.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's bomb warning; the size was checked at the take
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.draft(None, (2 * side, 2 * side))  # a JPEG is decoded at a fraction of its size
        if image.mode in WIDE:
            image = _eight_bits(image)
        image = turned(image.convert("RGBA" if image.has_transparency_data else "RGB"), orientation(image))
    factor = side // max(image.size)
    if factor > 1:
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    else:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return _on_checker(image) if image.mode == "RGBA" else image


def _parts(manifest: str, count: int) -> list[dict]:
    """What each sheet shows: ``{label, origin, generator, images, ids, places}``, reals first."""
    columns = ["id", "label", "origin", "generator", "sha256", "file", "row"]
    table = read_table(manifest, "manifest", columns, read_dictionary=["origin", "generator", "file"]).unify_dictionaries()
    keys = ["label", "origin", "generator"]
    parts = table.group_by(keys).aggregate([([], "count_all")]).to_pylist()
    for part in parts:
        mine = table.filter(reduce(and_, [pc.field(key) == part[key] for key in keys])).select(["sha256", "id", "file", "row"])
        lowest = mine.take(pc.select_k_unstable(mine, count, [("sha256", "ascending"), ("id", "ascending")]))
        part["images"] = part.pop("count_all")
        part["ids"] = lowest["id"].to_pylist()
        part["places"] = list(zip(lowest["file"].to_pylist(), lowest["row"].to_pylist(), strict=True))
    return sorted(parts, key=lambda part: [part[key] for key in keys])


def _sheet(part: dict, pictures: list[Image.Image]) -> Image.Image:
    """The label, and beside it the pictures in lines of ``COLUMNS``."""
    lines = -(-len(pictures) // COLUMNS)
    width = 2 * MARGIN + LABEL + min(len(pictures), COLUMNS) * (CELL + GAP) - GAP
    canvas = Image.new("RGB", (width, 2 * MARGIN + lines * (CELL + GAP) - GAP), GROUND)
    _write_label(ImageDraw.Draw(canvas), MARGIN, part)
    for number, picture in enumerate(pictures):
        left, top = MARGIN + LABEL + number % COLUMNS * (CELL + GAP), MARGIN + number // COLUMNS * (CELL + GAP)
        canvas.paste(picture, (left + (CELL - picture.width) // 2, top + (CELL - picture.height) // 2))
    return canvas


def _webp(picture: Image.Image) -> bytes:
    encoded = io.BytesIO()
    picture.save(encoded, "WEBP", quality=75)
    return encoded.getvalue()


def _pictures(folder: Path, places: list[tuple[str, int]]) -> Iterator[tuple[tuple[str, int], bytes]]:
    """Encoded bytes at ``(file, row)``; ``places`` are sorted, so that each row group is read once."""
    for name, in_file in groupby(places, key=lambda place: place[0]):
        with open_shard(folder / name) as file:
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            starts = np.cumsum([0, *sizes])
            groups = groupby(in_file, key=lambda place: int(np.searchsorted(starts, place[1], side="right")) - 1)
            for group, in_group in groups:
                column = file.read_row_group(group, columns=["image.bytes"])["image"]
                for place in in_group:
                    yield place, column[place[1] - starts[group]]["bytes"].as_py()


def _write_label(draw: ImageDraw.ImageDraw, top: int, part: dict) -> None:
    word, colour = CLASS[part["label"]]
    draw.rectangle((MARGIN, top, MARGIN + 5, top + CELL - 1), fill=colour)
    images = f"{word}, {part['images']:,} image" + "s" * (part["images"] != 1)
    names = [(line, 26, TEXT) for line in _wrapped(part["generator"] or "Real images", ImageFont.load_default(size=26))]
    lines = [*names, (_cut(part["origin"], ImageFont.load_default(size=21)), 21, FAINT), (images, 21, colour)]
    middle = top + CELL / 2 - 34 * (len(lines) - 1) / 2
    for text, size, ink in lines:
        draw.text((MARGIN + 24, middle), text, font=ImageFont.load_default(size=size), fill=ink, anchor="lm")
        middle += 34


def _wrapped(text: str, font: ImageFont.FreeTypeFont) -> list[str]:
    """``text`` in at most two lines of the label's width; what does not fit is cut off."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) > LABEL_TEXT and lines[-1] and len(lines) < 2:
            lines.append(word)
        else:
            lines[-1] = longer
    return [_cut(line, font) for line in lines]


def _cut(text: str, font: ImageFont.FreeTypeFont) -> str:
    if font.getlength(text) <= LABEL_TEXT:
        return text
    while text and font.getlength(text + "…") > LABEL_TEXT:
        text = text[:-1]
    return text.rstrip() + "…"


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, dtype=np.float64), posinf=0, neginf=0)
    low, high = (0, 65535) if image.mode.startswith("I;16") else (values.min(), values.max())
    return Image.fromarray(np.uint8(255 * (values - low) / max(high - low, 1e-9)))


def _on_checker(image: Image.Image) -> Image.Image:
    rows, columns = np.indices((image.height, image.width)) // CHECK
    fields = np.array(CHECKER, dtype=np.uint8)[(rows + columns) % 2]
    ground = Image.fromarray(fields)
    ground.paste(image, mask=image.getchannel("A"))
    return ground
