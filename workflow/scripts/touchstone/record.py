"""The one row type: its columns, the facts of an image, and the reasons to reject it.

An item goes through four tables, and each only adds columns to the one before:

* ``ITEM`` - a row of ``index.parquet``: what is known before any pixel is read;
* ``TAKEN`` - a row of a take shard: the item, its bytes, its facts, where it came from;
* ``SCREENED``, ``SELECTED`` - a row of ``screen.parquet``, ``selection.parquet``: what splitting needs;
* ``PACKED``, ``MANIFEST`` - a row of the finished dataset, with and without the bytes.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Mapping
from functools import cache

import pyarrow as pa

STRINGS = pa.list_(pa.string())

# Known before any pixel is read.
ITEM = pa.schema(
    [
        ("id", pa.string()),
        ("origin", pa.string()),
        ("origin_dataset", pa.string()),  # origin plus upstream split, as AI-GenBench names it
        ("label", pa.int64()),  # 0 real, 1 fake
        ("generator", pa.string()),  # canonical name, empty for real
        ("released", pa.date32()),  # of the generator
        ("content", pa.string()),
        ("conditioning", pa.string()),
        ("description", pa.string()),
        ("positive_prompt", pa.string()),
        ("negative_prompt", pa.string()),
        ("class_label", pa.string()),
        ("paired_real_images", STRINGS),
        ("groups", STRINGS),
        ("licence", pa.string()),
        ("source_url", pa.string()),
        ("original_prompt", pa.string()),  # what positive_prompt was written from, such as a caption
        ("nsfw", pa.string()),  # the origin's own tag or probability
        ("source_file", pa.string()),  # locator: file of the origin, below its folder ...
        ("source_member", pa.string()),  # ... and member inside it
    ]
)

# Measured on the encoded bytes; see images.measure.
FACTS = pa.schema(
    [
        ("format", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("mode", pa.string()),
        ("bit_depth", pa.int32()),
        ("frames", pa.int32()),
        ("jpeg_quality", pa.int32()),
        ("chroma_subsampling", pa.string()),
        ("progressive", pa.bool_()),
        ("has_exif", pa.bool_()),
        ("has_icc", pa.bool_()),
        ("n_bytes", pa.int64()),
        ("sha256", pa.string()),
        ("pixel_sha256", pa.string()),
        ("phash", pa.string()),  # 64 bits as 16 hexadecimal digits
        ("luma_std", pa.float32()),  # of the grey values, 0 to 127.5; 0 is a blank image
    ]
)

# How an image was generated; null for others.
GENERATION = pa.struct(
    [
        ("model", pa.string()),
        ("model_revision", pa.string()),
        ("model_sha256", pa.string()),  # of a model and its prior, as all three: "first + second"
        ("mode", pa.string()),
        ("pipeline", pa.string()),
        ("scheduler", pa.string()),
        ("steps", pa.int32()),
        ("guidance", pa.float32()),
        ("strength", pa.float32()),
        ("seed", pa.int64()),
        ("attempt", pa.int32()),
        ("dtype", pa.string()),
        ("device", pa.string()),
        ("batch", pa.int32()),
        ("threads", pa.int32()),
        ("versions", pa.string()),  # "diffusers 0.42.1, torch 2.13.0, ..."
        ("watermark", pa.string()),
        ("safety", pa.string()),
        ("service", pa.string()),  # address of the service that made it, for which model, mode and pipeline stand, too
        ("request_id", pa.string()),  # as the service calls it
        ("revised_prompt", pa.string()),  # what the service made of the prompt, if it tells
    ]
)

# How an image was scraped; null for others.
SCRAPE = pa.struct(
    [
        ("engine", pa.string()),
        ("status", pa.string()),  # a word of scraping.verdicts.STATUS
        ("http_status", pa.int32()),
        ("message", pa.string()),
        ("fetched_at", pa.string()),  # ISO 8601, UTC
        ("fetched_url", pa.string()),  # where the last redirect led
        ("content_type", pa.string()),  # as the server says, which nobody relies on
        ("sha256", pa.string()),  # of the body, image or not
    ]
)

# The image as `datasets` stores its Image feature: the origin's bytes, and a file name.
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])

STATE = pa.schema([("state", pa.string()), ("reason", pa.string()), ("detail", pa.string())])

TAKEN = pa.schema([("image", IMAGE), *ITEM, *FACTS, ("generation", GENERATION), ("scrape", SCRAPE), *STATE])

# Columns of TAKEN that tables are made of; all but the bytes and the texts.
SCREENED = pa.schema(
    [
        *[ITEM.field(name) for name in ("id", "origin", "label", "generator", "released", "groups", "paired_real_images")],
        ("part", pa.string()),  # generator's key, or "real"
        ("shard", pa.string()),  # take shard ...
        ("row", pa.int32()),  # ... and row in it
        ("rank", pa.int64()),  # place in the draw of its part
        *[FACTS.field(name) for name in ("format", "width", "height", "jpeg_quality", "chroma_subsampling")],
        *[FACTS.field(name) for name in ("n_bytes", "sha256", "pixel_sha256")],
        *STATE,
        ("step", pa.string()),  # where it was rejected: take, screen or split
        ("group", pa.uint64()),  # equal for items that no split may part
    ]
)

# A row of selection.parquet: what became of every drawn item.
SELECTED = pa.schema([*SCREENED, ("split", pa.string()), ("packed", pa.string())])

# A row of ledger.parquet: the sums of the selection.
LEDGER = pa.schema(
    [
        *[(name, pa.string()) for name in ("origin", "part", "generator")],
        ("wanted", pa.int64()),
        *[(name, pa.string()) for name in ("state", "step", "reason", "split")],
        ("items", pa.int64()),
    ]
)

# A row of the finished dataset.
PACKED = pa.schema(
    [
        *[field for field in TAKEN if field.name not in ("state", "reason", "detail", "source_file", "source_member")],
        ("processing", pa.string()),  # what the dataset's image policy did; empty if the bytes are the origin's
        ("origin_sha256", pa.string()),  # of the origin's bytes, where they are not these
        ("marks", STRINGS),  # of marks.MARKS: what the packed bytes say of their making
    ]
)

# A row of manifest.parquet: all that is known of an image of the finished dataset, and where it lies.
MANIFEST = pa.schema(
    [
        *[field for field in PACKED if field.name != "image"],
        ("group", pa.uint64()),
        ("split", pa.string()),
        ("file", pa.string()),
        ("row", pa.int32()),
    ]
)

TAKEN_OK, KEPT, REJECTED = "taken", "kept", "rejected"

# Why items are rejected: (who is to blame, what it means). `fault` counts at the gate, `choice` is the dataset's own rule.
REASONS: dict[str, tuple[str, str]] = {
    "missing_member": ("fault", "the archive or folder has no such member"),
    "corrupt_member": ("fault", "the archive's own checksum does not fit the member"),
    "unreadable": ("fault", "the bytes are not an image of an allowed format"),
    "truncated": ("fault", "the image ends before its last pixel"),
    "too_many_pixels": ("fault", "more pixels, or a longer side, than the limit; not decoded"),
    "too_many_bytes": ("fault", "more bytes than the limit, not decoded"),
    "http_error": ("fault", "the server answered with an error status"),
    "not_reached": ("fault", "no answer: name, connection, time-out, broken off or redirect loop"),
    "opted_out": ("fault", "the server asks not to use the image (X-Robots-Tag)"),
    "refused_address": ("fault", "not an address in the public internet over http or https"),
    "blocked": ("choice", "on a block list of the user: its address, its host or its bytes"),
    "placeholder": ("fault", "the same picture is served for many addresses"),
    "unusable_source": ("fault", "the real image it is made from cannot be read"),
    "flagged": ("fault", "the model's safety checker withheld it at every attempt"),
    "refused": ("fault", "the service's content policy refused it"),
    "unknown_outcome": ("fault", "the call to the service was cut off; it may be paid for, so it is not sent again"),
    "service_error": ("fault", "the service answered with an error or without an image"),
    "wrong_size": ("fault", "the service's image has another size than was asked for"),
    "blank": ("fault", "all pixels have the same value, as a safety checker leaves behind"),
    "taken_down": ("choice", "on the dataset's list of what must not be in it"),
    "too_small": ("choice", "a side is shorter than the dataset's min_side"),
    "too_long": ("choice", "a side is longer than the dataset's encoding can hold"),
    "exact_duplicate": ("choice", "the same pixels are kept under another id"),
    "spare": ("choice", "drawn in reserve and not needed"),
    "not_redistributable": ("choice", "its origin does not allow, or not state, that it may be passed on"),
}


# A row of ITEM that says nothing; not to be changed, use empty_item.
EMPTY = {field.name: [] if pa.types.is_list(field.type) else "" if pa.types.is_string(field.type) else None for field in ITEM} | {
    "label": 0
}


def empty_item() -> dict:
    """A row of ``ITEM`` with every text empty, every list empty, no date, label real."""
    return {name: [] if value == [] else value for name, value in EMPTY.items()}


def table_of(rows: Iterable[dict], schema: pa.Schema, defaults: Mapping[str, object] | None = None) -> pa.Table:
    """Rows as an Arrow table; keys a row lacks are those of ``defaults``, or null; unknown keys are a KeyError."""
    rows, defaults = list(rows), defaults or {}
    used = set().union(*rows)
    if unknown := used - set(schema.names):
        raise KeyError(f"no such column: {sorted(unknown)}")
    columns = []
    for name, kind in zip(schema.names, schema.types, strict=True):
        default = defaults.get(name)
        if name in used:
            columns.append(pa.array([row.get(name, default) for row in rows], kind))
        else:
            columns.append(pa.repeat(pa.scalar(default, kind), len(rows)) if rows else pa.array([], kind))
    return pa.table(columns, schema=schema)


@cache  # a few dates, asked for with every item
def date_of(text: str) -> datetime.date:
    """``2022-08-22`` as a date."""
    return datetime.date.fromisoformat(text)


def hub_schema(schema: pa.Schema = PACKED) -> pa.Schema:
    """``schema`` with the metadata by which `datasets` knows the Image and ClassLabel columns.

    Source: the `huggingface` key that datasets writes into its own Parquet files.
    """
    features = {field.name: _feature(field.type) for field in schema}
    features["image"] = {"_type": "Image"}
    features["label"] = {"names": ["real", "fake"], "_type": "ClassLabel"}
    return schema.with_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> dict:
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    if pa.types.is_list(kind):
        return {"feature": _feature(kind.value_type), "_type": "List"}
    names = {pa.float32(): "float32", pa.bool_(): "bool", pa.date32(): "date32", pa.string(): "string"}
    return {"dtype": names.get(kind, str(kind)), "_type": "Value"}
