"""GenImage: one archive per generator with images made for the classes of ImageNet.

The class is known by its number only: the names that the prompts were made of ("photo of ...") are
not part of the data set, so prompts stay empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone.readers import Listing, Skip

PLACE = re.compile(r"(?:[^/]+/)?(train|val)/(ai|nature)/[^/]+")
FROM_CLASS = {"ADM", "BigGAN"}  # the others are made from a prompt
FIFTH_FIELD = {"glide", "VQDM"}  # the others name the class first


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per ``<folder>/*.zip``: ``[<top folder>/]{train,val}/ai/<image>``; photographs are skipped.

    Options:
        generators: ``{folder: generator}``.
        names: ``{folder: name in ids}``, where they differ.
    """
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
            label = str(int(field[0])) if field and field[0].isdecimal() else ""
            if not label:
                listing.notes.add(member, "a class")
            yield {
                "id": f"{names.get(folder, folder)}/{place[1]}/ai/{path.stem}",
                "origin_dataset": f"GenImage/{place[1]}",
                "generator": options["generators"][folder],
                "conditioning": f"class/imagenet_{label or 'unknown'}" if folder in FROM_CLASS else "text",
                "class_label": label,
                "source_file": file,
                "source_member": member,
            }
