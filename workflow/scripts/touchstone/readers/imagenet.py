"""ImageNet ILSVRC 2012 in folders or archives; ids as AI-GenBench writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone import classes
from touchstone.readers import Listing, Skip

# Class folders (train/n01440764/x.JPEG), ImageNet's own val archive (x.JPEG), and Kaggle's zip or what is in it.
PLACE = re.compile(r"(?:ILSVRC/Data/CLS-LOC/)?(?:(?P<split>train|val)/)?(?:(?P<wnid>n[0-9]{8})/)?(?P<name>[^/]+)")


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One real image per ``<wnid>/<name>``, or per ``<name>`` of the validation images, whose class a table tells.

    The photograph is a group, by its name, so that variations of it elsewhere stay with it.

    Options:
        classes: Table of the words for the classes.
        solution: Table of the classes of the validation images.
    """
    words = classes.by_wnid(listing, options.get("classes", ""))
    solved = classes.of_validation(listing, options.get("solution", ""))
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        place = PLACE.fullmatch(f"{file}{member}" if file in ("train/", "val/", "ILSVRC/") else member)
        split = place and (place["split"] or ("val" if place["name"].startswith("ILSVRC2012_val_") else "train"))
        wnid = place and (place["wnid"] or solved.get(path.stem, ""))
        if not wnid:
            yield Skip(member, "not in the folder of a class, and no table tells the class")
        else:
            yield {
                "id": f"ILSVRC2012_{split}/{wnid}/{path.stem}",
                "origin_dataset": f"ILSVRC2012_{split}",
                "content": "photos",
                "class_label": wnid,
                "description": listing.found(words, wnid, "the words for its class", member),
                "groups": [f"imagenet:{path.stem}"],
                "source_file": file,
                "source_member": member,
            }
