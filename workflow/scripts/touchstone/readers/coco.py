"""COCO 2017: photographs with captions; ids as AI-GenBench writes them, without leading zeros."""

from __future__ import annotations

from collections.abc import Iterator

from touchstone import captions
from touchstone.captions import IMAGE_NAME, SPLITS
from touchstone.readers import Listing, Skip


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One real image per ``{train,val}2017/<12 digits>.jpg``; its captions, joined, describe it, and the files of captions
    tell its licence and whose it is."""
    texts, owners = {}, {}
    for split in SPLITS:
        document = listing.document(name := f"captions_{split}.json")
        texts[split], owners[split] = captions.by_image(document, name), captions.owners(document, name)
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        split = path.parent.name or file.split(".")[0].rstrip("/")
        if split not in SPLITS:
            yield Skip(member, "not in train2017 or val2017")
        elif not IMAGE_NAME.fullmatch(path.stem):
            yield Skip(member, "the name is not a COCO image id")
        else:
            image = int(path.stem)
            yield {
                "id": f"{SPLITS[split]}/{image}",
                "origin_dataset": SPLITS[split],
                "description": " ".join(listing.found(texts[split], image, "captions", member)),
                "groups": [f"coco:{image}"],
                "source_file": file,
                "source_member": member,
            } | owners[split].get(image, {})
