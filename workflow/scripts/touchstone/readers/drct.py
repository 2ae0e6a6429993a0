"""DRCT-2M: one zip per generator, images made from the captions of the COCO image they are named after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from touchstone import captions
from touchstone.captions import IMAGE_NAME, SPLITS
from touchstone.readers import Listing, Skip


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per ``<generator>/{train,val}2017/<COCO id>``, in zips or folders of the generator's name.

    Options:
        generators: ``{zip or folder without suffix: generator}``.
    """
    generators = options["generators"]
    prompts = {
        split: captions.last_of_image(listing.document(f"captions_{split}.json"), f"captions_{split}.json") for split in SPLITS
    }
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        *_, folder, split, _ = ("", *PurePosixPath(file.removesuffix(".zip"), path).parts)
        if folder not in generators or split not in SPLITS:
            yield Skip(member, f"folder {path.parent.as_posix()!r} is not in the card")
        elif not IMAGE_NAME.fullmatch(path.stem):
            yield Skip(member, "the name is not a COCO image id")
        else:
            image = int(path.stem)
            yield {
                "id": f"{folder}/{split}/{path.stem}",
                "generator": generators[folder],
                "conditioning": "text",
                "positive_prompt": listing.found(prompts[split], image, "a prompt", member),
                "paired_real_images": [f"{SPLITS[split]}/{image}"],
                "groups": [f"coco:{image}"],
                "source_file": file,
                "source_member": member,
            }
