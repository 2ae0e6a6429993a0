"""ForenSynths (CNNDetection): ProGAN for training and validation, many generators for the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from touchstone.captions import IMAGE_NAME
from touchstone.readers import Listing, Skip

SPLITS = {"progan_train": "train", "progan_val": "valid", "test": "test"}
FILES = {"CNN_synth_testset": "test"}  # an archive that is called otherwise
CONDITIONING = {"crn": "segmentation", "imle": "segmentation", "gaugan": "segmentation", "stargan": "image"}
TURNED_INTO = {  # a folder of CycleGAN's and how its images were made
    **{"apple": "orange2apple", "orange": "apple2orange", "horse": "zebra2horse", "zebra": "horse2zebra"},
    **{"summer": "winter2summer", "winter": "summer2winter"},
}
IMAGENET = re.compile(r"(n[0-9]{8}_[0-9]+)_fake")


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per image in a folder ``1_fake`` of ``test/``, ``progan_train/`` or ``progan_val/``, or of their zips.

    Options:
        generators: ``{folder of the test set: generator}``; the other two are all ``progan``.
    """
    generators = options["generators"]
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        split = FILES.get(top := file.rstrip("/").removesuffix(".zip"), top)
        if path.parts[0] in (split, top):  # the folder that was zipped
            path = path.relative_to(path.parts[0])
        folders = path.parent.parts
        name = folders[0] if split == "test" and folders else "progan"
        shown = folders[:-1] if split != "test" else folders[1:-1]
        if not folders or folders[-1] != "1_fake" or len(shown) > 1:
            yield Skip(member, "not in a folder 1_fake")
        elif name not in generators:
            yield Skip(member, f"folder {name!r} is not in the card")
        else:
            yield {
                "id": PurePosixPath(split.replace("_val", "_valid"), path.with_suffix("")).as_posix(),
                "origin_dataset": f"Forensynths/{SPLITS[split]}",
                "generator": generators[name],
                "source_file": file,
                "source_member": member,
                **_shown(name, "".join(shown), path.stem, listing, member),
            }


def _shown(name: str, shown: str, stem: str, listing: Listing, member: str) -> dict:
    conditioning = CONDITIONING.get(name, "noise")
    if name == "cyclegan":
        turned = listing.found(TURNED_INTO, shown, "a conditioning", member)
        conditioning = f"image/{turned}" if turned else ""
    groups = []
    if name == "cyclegan" and (photo := IMAGENET.fullmatch(stem)):
        groups = [f"imagenet:{photo[1]}"]
    elif name == "gaugan" and IMAGE_NAME.fullmatch(stem):
        groups = [f"coco:{int(stem)}"]
    return {"conditioning": conditioning, "description": "face" if name == "stargan" else shown, "groups": groups}
