"""ImageNet ILSVRC 2012 in class folders; ids as AI-GenBench writes them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone.readers import Listing, Skip

WNID = re.compile(r"n\d{8}")


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One real image per ``<wnid>/<name>`` in the folders ``train/`` and ``val/`` of the card.

    The photograph is a group, by its name, so that variations of it elsewhere stay with it.
    """
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        split = file.rstrip("/")
        if not WNID.fullmatch(path.parent.as_posix()):
            yield Skip(member, "not in the folder of a class")
        else:
            yield {
                "id": f"ILSVRC2012_{split}/{path.with_suffix('').as_posix()}",
                "origin_dataset": f"ILSVRC2012_{split}",
                "class_label": path.parent.name,
                "groups": [f"imagenet:{path.stem}"],
                "source_file": file,
                "source_member": member,
            }
