"""The dataset's README.md: what it is, counted from its tables, with metadata the hub reads."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import jinja2
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone import policies, redistribution
from touchstone.citations import reference
from touchstone.errors import TouchstoneError
from touchstone.files import write_text
from touchstone.hub_metadata import hub_metadata
from touchstone.progress import Progress, size
from touchstone.protocols import phrase
from touchstone.record import KEPT, REASONS
from touchstone.versions import read_table

TEMPLATES = Path(__file__).parents[2] / "report"

# What each column of a finished dataset holds.
COLUMNS = {
    "image": "the encoded image as its origin gave it, and a file name",
    "id": "`<origin>/<key>`, unique in the dataset",
    "origin": "where the image comes from, one of the origins below",
    "origin_dataset": "origin and, where it has any, its own split",
    "label": "0 real, 1 fake",
    "generator": "name of the generator, empty for real images",
    "released": "day the generator was released",
    "content": "kind of content, as the origin names it",
    "conditioning": "what the generator was given besides the prompt",
    "description": "caption of the image",
    "positive_prompt": "prompt the image was generated from",
    "negative_prompt": "prompt the image was steered away from",
    "class_label": "class the generator was asked for",
    "paired_real_images": "ids of the real images it was made from, or belongs to",
    "groups": "keys of what is never torn between splits: photograph, prompt, pair",
    "licence": "licence or terms of this image",
    "source_url": "address it was downloaded from, or that of the real image it was made from",
    "original_prompt": "text the prompt was written from, such as the caption of a real image",
    "nsfw": "tag or probability of unsafe content, as the origin gives it",
    "format": "encoding, by its own bytes",
    "width": "pixels, upright as the EXIF says",
    "height": "pixels, upright as the EXIF says",
    "mode": "Pillow's name of the pixel type, such as RGB or L",
    "bit_depth": "bits per channel",
    "frames": "1, or more for an animation",
    "jpeg_quality": "1 to 100, nearest quality of the IJG encoder; null if not JPEG",
    "chroma_subsampling": "4:4:4, 4:2:2, 4:2:0 or other; null if not JPEG",
    "progressive": "progressive JPEG or interlaced PNG",
    "has_exif": "carries EXIF metadata",
    "has_icc": "carries a colour profile",
    "n_bytes": "bytes of the encoded image",
    "sha256": "of the encoded bytes",
    "pixel_sha256": "of the decoded pixels",
    "phash": "64-bit perceptual hash of the upright image, 16 hexadecimal digits",
    "luma_std": "standard deviation of the grey values, 0 to 127.5",
    "generation": "model, revision, steps, seed and versions of an image made here, or its service; null for others",
    "scrape": "status, time and engine of an image downloaded here; null for others",
    "processing": "what was done to the image when the dataset was packed; empty if the bytes are the origin's",
    "origin_sha256": "of the origin's bytes, if they are not these",
    "marks": "what the file says of its making: c2pa, ai_source, prompt, software, xmp, iptc",
}


def write_card(
    *,
    manifest: str,
    ledger: str,
    cards: dict[str, dict],
    name: str,
    title: str,
    description: str,
    seed: int,
    splits: dict[str, float],
    readme: str,
    progress: Progress,
    note: str = "",
    images: dict | None = None,
    protocols: dict | None = None,
    datasheet: dict | None = None,
) -> None:
    """Write the README.md of a finished dataset.

    Args:
        manifest: ``manifest.parquet`` of the dataset.
        ledger: ``ledger.parquet`` of the dataset.
        cards: Title, homepage, licence, access, citation, kind and redistribution of each origin.
        name: The dataset's name, as its file is called.
        splits: Share of each split, in the order to name them.
        readme: The file to write, in the dataset's folder.
        note: A sentence on the limits of this build, such as a model with random weights.
        images: The dataset's image policy; none is the bytes as they came.
        protocols: The dataset's protocols, by name.
        datasheet: Answers that no table knows: purpose, authors, funding, ethics, contact.

    Raises:
        TouchstoneError: Ledger and manifest do not count the same images.
    """
    counted = tally(manifest, ledger, splits)
    template = environment().get_template("dataset_card.md.j2")
    text = template.render(
        counted, cards=cards, name=name, title=title, description=description, seed=seed, note=note,
        columns=COLUMNS, hub=hub_metadata(title, counted), shares=splits, policy=policies.sentence(images or {}),
        protocols={key: phrase(protocol) for key, protocol in (protocols or {}).items()},
        words=redistribution.WORDS, left_out=_left_out(counted["parts"]), datasheet=datasheet or {},
    )  # fmt: skip
    write_text(readme, text)
    progress.finish(f"{counted['images']:,} images described")


def _left_out(parts: list[dict]) -> Counter:
    """Images of each origin that are left out because they may not be passed on."""
    left: Counter = Counter()
    for part in parts:
        left[part["origin"]] += part["rejected"]["not_redistributable"]
    return left if left.total() else Counter()


def tally(manifest: str, ledger: str, splits: Iterable[str]) -> dict:
    """What both the card and the report count, once the two tables are found to agree.

    Returns:
        ``root_hash``; ``splits`` that hold images, in the given order; ``images`` and ``n_bytes``;
        ``licences``, number of images under each; ``drawn`` and ``rejected`` items; ``parts``, for
        each (label, origin, generator) ``{wanted, drawn, kept, missing, splits, rejected}``, reals first;
        ``reasons``, for each reason that occurs ``{reason, step, blame, meaning, items}``, the most
        frequent first.

    Raises:
        TouchstoneError: The ledger keeps other numbers than the manifest holds.
    """
    parts: dict[tuple, dict] = {}
    reasons: Counter = Counter()
    wanted: dict[tuple, int] = {}
    for row in read_table(ledger, "ledger").to_pylist():
        key = (int(row["part"] != "real"), row["origin"], row["generator"])
        part = parts.setdefault(key, {"wanted": 0, "drawn": 0, "kept": 0, "splits": Counter(), "rejected": Counter()})
        wanted[(key, row["part"])] = row["wanted"]
        part["drawn"] += row["items"]
        if row["state"] == KEPT:
            part["kept"] += row["items"]
            part["splits"][row["split"]] += row["items"]
        else:
            part["rejected"][row["reason"]] += row["items"]
            reasons[(row["step"], row["reason"])] += row["items"]
    for (key, _), quota in wanted.items():
        parts[key]["wanted"] += quota
    for part in parts.values():
        part["missing"] = max(part["wanted"] - part["kept"], 0)
    held = read_table(
        manifest,
        "manifest",
        ["label", "origin", "generator", "split", "n_bytes", "licence"],
        read_dictionary=["origin", "generator", "split", "licence"],
    ).unify_dictionaries()
    _check_sums(parts, held, ledger)
    present = set().union(*(part["splits"] for part in parts.values()))
    licences = held.group_by("licence").aggregate([([], "count_all")]).to_pylist()
    return {
        "root_hash": (pq.read_schema(manifest).metadata or {}).get(b"root_hash", b"").decode(),
        "splits": [split for split in splits if split in present],
        "images": len(held),
        "n_bytes": pc.sum(held["n_bytes"]).as_py() or 0,
        "licences": {row["licence"]: row["count_all"] for row in sorted(licences, key=lambda row: row["licence"])},
        "drawn": sum(part["drawn"] for part in parts.values()),
        "rejected": sum(reasons.values()),
        "parts": [dict(zip(("label", "origin", "generator"), key, strict=True)) | parts[key] for key in sorted(parts)],
        "reasons": [
            {"reason": reason, "step": step, "blame": REASONS[reason][0], "meaning": REASONS[reason][1], "items": items}
            for (step, reason), items in sorted(reasons.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
    }


def environment() -> jinja2.Environment:
    """Jinja with the templates of workflow/report; texts are escaped in those that make HTML."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=jinja2.select_autoescape(enabled_extensions=("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {"count": "{:,}".format, "size": size, "plain": plain, "reference": reference}
    return made


def plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line: no markup, HTML, table cell or turn of direction comes out of it."""
    text = re.sub("[\u200e\u200f\u202a-\u202e\u2066-\u2069]", "", text)
    return re.sub(r"([\\`*_\[\]|])", r"\\\1", " ".join(text.split())).replace("&", "&amp;").replace("<", "&lt;")


def _check_sums(parts: dict[tuple, dict], held: pa.Table, ledger: str) -> None:
    kept = {(*key, split): items for key, part in parts.items() for split, items in part["splits"].items()}
    found = {
        (row["label"], row["origin"], row["generator"], row["split"]): row["count_all"]
        for row in held.group_by(["label", "origin", "generator", "split"]).aggregate([([], "count_all")]).to_pylist()
    }
    for cell in sorted(kept.keys() | found.keys()):
        if kept.get(cell, 0) != found.get(cell, 0):
            _, origin, generator, split = cell
            raise TouchstoneError(
                f"the ledger keeps {kept.get(cell, 0):,} images but the manifest holds {found.get(cell, 0):,}",
                where=f"{ledger}: origin {origin}, {generator or 'real'}, split {split}",
                mend="delete the dataset's ledger.parquet and manifest.parquet and build again",
            )
