"""One item per prompt: captions of LAION-like tables or of COCO, class names, any list; filled into templates."""

from __future__ import annotations

import string
from collections.abc import Iterator

from touchstone.captions import SPLITS, by_annotation
from touchstone.painting.seeds import seed_of
from touchstone.readers import Listing, Skip, prompt_group
from touchstone.readers.laion import address_key, fields, groups, named


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """Items with a positive prompt out of every caption that no filter refuses; a caption is a group.

    Options:
        file: One table, or a COCO caption file (``captions_*.json``); without it all tables of the origin.
        columns: ``{field: column}`` of those of id, caption, url, nsfw and class_label whose columns have unusual names.
        templates: Texts with ``{caption}`` or ``{class_label}``. One is drawn per caption, or with ``all_templates``
            each gives an item of its own. Default: the caption itself.
        repeat: Items of each prompt, which differ in their noise.
        negative: The negative prompt of all.
        words, characters: Least and largest number of them in a caption.
        refuse: Tags of the column on unsafe content whose rows are skipped.
        refuse_words: Words that no caption may hold, in any case of letters.
        pair: What ids of the real images of the captions begin with.
    """
    seen: set[str] = set()
    for caption in _captions(listing, options):
        text = " ".join(caption["caption"].split()) or caption.get("class_label", "").strip()
        why = _refusal(text, caption, options, seen)
        if why:
            yield Skip(caption["id"] or text[:60], why)
            continue
        seen.add(text.casefold())
        yield from _items(caption | {"caption": text}, options)


def _captions(listing: Listing, options: dict) -> Iterator[dict]:
    """Rows with id, caption, url, nsfw, width and height, class_label and groups."""
    file = options.get("file", "")
    if file.endswith(".json") and file.rpartition("/")[2].startswith("captions_"):
        split = SPLITS.get(file.rpartition("captions_")[2].removesuffix(".json"), "")
        for annotation, (image, caption) in by_annotation(listing.document(file), file).items():
            pair = f"{split}/{image}" if split else str(image)
            yield {"id": str(annotation), "caption": caption, "url": "", "nsfw": "", "groups": [f"coco:{image}"], "pair": pair}
        return
    given = options.get("columns", {})
    for table in [file] if file else listing.tables:
        names = named(listing.columns(table)) | given
        for row in listing.table(table, [*dict.fromkeys(names.values())]):
            found = fields(row, {field: column for field, column in names.items() if field != "class_label"})
            label = row[names["class_label"]].strip() if "class_label" in names else ""
            yield found | {"class_label": label, "groups": groups(found), "pair": found["id"]}


def _refusal(text: str, caption: dict, options: dict, seen: set[str]) -> str:
    if not text:
        return "the prompt is empty"
    if text.casefold() in seen:
        return "the prompt is a repetition"
    for name, count in (("words", len(text.split())), ("characters", len(text))):
        low, high = options.get(name, (0, count))
        if not low <= count <= high:
            return f"the prompt has fewer than {low} {name}" if count < low else f"the prompt has more than {high} {name}"
    if caption["nsfw"].casefold() in {tag.casefold() for tag in options.get("refuse", ())}:
        return f"tagged {caption['nsfw']!r}"
    words = {word.strip(string.punctuation) for word in text.casefold().split()}
    if refused := sorted(words & {word.casefold() for word in options.get("refuse_words", ())}):
        return f"the prompt holds a refused word ({refused[0]})"
    return ""


def _items(caption: dict, options: dict) -> Iterator[dict]:
    text, label = caption["caption"], caption.get("class_label", "")
    key = caption["id"] or (address_key(caption["url"]) if caption["url"] else f"{seed_of(text):016x}")
    templates = options.get("templates", ["{caption}"])
    several = options.get("all_templates", False)
    for number, template in enumerate(templates if several else [templates[seed_of(key, "template") % len(templates)]]):
        for turn in range(options.get("repeat", 1)):
            suffix = (f"-{number}" if several else "") + (f"-{turn}" if options.get("repeat", 1) > 1 else "")
            paired = options.get("pair") is not None and caption["pair"]
            yield {
                "id": f"{key}{suffix}",
                "positive_prompt": template.replace("{caption}", text).replace("{class_label}", label or text),
                "negative_prompt": options.get("negative", ""),
                "original_prompt": text,
                "class_label": label,
                "source_url": caption["url"],
                "nsfw": caption["nsfw"],
                "paired_real_images": [f"{options['pair']}/{caption['pair']}".lstrip("/")] if paired else [],
                "groups": [*caption["groups"], *prompt_group(text)],
            }
