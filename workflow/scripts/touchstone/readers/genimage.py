"""GenImage: one archive per generator with images made for the classes of ImageNet.

The class is known by its number; prompts are made of the words for it, as AI-GenBench makes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone import classes
from touchstone.lists import whole_number
from touchstone.readers import Listing, Skip

PLACE = re.compile(r"(?:[^/]+/)?(train|val)/(ai|nature)/[^/]+")
FROM_CLASS = {"ADM", "BigGAN"}  # the others are made from a prompt
FIFTH_FIELD = {"glide", "VQDM"}  # the others name the class first


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per ``<folder>/*.zip``: ``[<top folder>/]{train,val}/ai/<image>``; photographs are skipped.

    Options:
        generators: ``{folder: generator}``.
        names: ``{folder: name in ids}``, where they differ.
        classes: Table of the words for ImageNet's classes.
    """
    words = classes.by_number(listing, options.get("classes", ""))
    names = options.get("names", {})
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        folder = file.split("/")[0]
        if not (place := PLACE.fullmatch(member)):
            yield Skip(member, "not in train/ai or val/ai")
        elif place[2] == "nature":
            yield Skip(member, "a photograph of ImageNet")
        elif folder not in options["generators"]:
            yield Skip(member, f"folder {folder!r} is not in the card")
        else:
            field = path.stem.split("_")[4 if folder in FIFTH_FIELD else 0 :][:1]
            number = whole_number(field[0]) if field else None
            label = "" if number is None else str(number)
            shown = listing.found(words, label, "the words for a class", member)
            yield {
                "id": f"{names.get(folder, folder)}/{place[1]}/ai/{path.stem}",
                "origin_dataset": f"GenImage/{place[1]}",
                "generator": options["generators"][folder],
                "conditioning": f"class/imagenet_{label or 'unknown'}" if folder in FROM_CLASS else "text",
                "class_label": label,
                "description": shown,
                "positive_prompt": f"photo of {shown}" if shown and folder not in FROM_CLASS else "",
                "source_file": file,
                "source_member": member,
            }
