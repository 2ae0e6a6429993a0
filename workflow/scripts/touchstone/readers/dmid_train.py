"""The latent-diffusion training set of DMimageDetection: the folder says what the images show."""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone.readers import Listing, Skip

SUBSET = re.compile(r"(?:.*/)?((train|valid)/latent_diffusion_(noise2image|text2img)_(\w+))")
CAPTION = re.compile(r".*_cocotrain2017_([0-9]+)")
SHOWN = {"bedrooms": "bedroom", "churches": "church", "FFHQ": "face"}


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per image made from noise or from text; those made from a class are not used.

    Images of one COCO caption share a group.

    Options:
        generator: The generator of all.
    """
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        if not (subset := SUBSET.fullmatch(path.parent.as_posix())):
            yield Skip(member, f"folder {path.parent.as_posix()!r} is not a subset that is used")
            continue
        folder, split, kind, shown = subset.groups()
        if kind.replace("image", "img") not in path.stem:
            yield Skip(member, "the name does not say how the image was made")
            continue
        caption = CAPTION.fullmatch(path.stem)
        yield {
            "id": f"{folder}/{path.stem}",
            "origin_dataset": f"DMimageDetection/{split}",
            "generator": options["generator"],
            "conditioning": "text" if kind == "text2img" else "noise",
            "description": "" if kind == "text2img" else SHOWN.get(shown, shown),
            "groups": [f"coco_caption:{caption[1]}"] if caption else [],
            "source_file": file,
            "source_member": member,
        }
