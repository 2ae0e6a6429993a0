"""The test set of DMimageDetection: folders and file names say how an image was made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone import captions, classes
from touchstone.readers import Listing, Skip, prompt_group

CAPTIONS = "captions_val2017.json"
DALLE_2 = re.compile(r"(DALL·E [0-9]{4}-[0-9]{2}-[0-9]{2} ([0-9]{2}\.[0-9]{2}\.[0-9]{2}))(?: - (.+))?")
COPIES = {"19.07.49": "820316", "19.06.08": "(1)", "19.12.25": "(1)"}  # one second, two images: this text marks the second
CLASS = re.compile(r"biggan_([0-9]{1,9})_[0-9]+|.*class2img-imagenet_class-([0-9]{1,9})_[0-9]+|([0-9]{1,9})_[0-9]+")
COCO_NAME = re.compile(r"(ann|img)([0-9]{1,18})")
SHOWN = {
    **{"bedrooms": "bedroom", "cats": "cat", "horses": "horse", "churches": "church", "dog": "dog"},
    **{"FFHQ": "face", "ffhq": "face", "ffhqu": "face", "afhqv2": "animal face"},
}


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per ``<generator>[_<how>]_<set>/<image>``.

    Options:
        generators: ``{beginning of a folder: generator}``.
        classes: Table of the words for ImageNet's classes.
    """
    words = classes.by_number(listing, options.get("classes", ""))
    caption_of = captions.by_annotation(listing.document(CAPTIONS), CAPTIONS)
    captions_of = captions.by_image(listing.document(CAPTIONS), CAPTIONS)
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        folder = path.parent.as_posix()
        key = _generator_of(folder)
        if key not in options["generators"]:
            yield Skip(member, f"folder {folder!r} is not in the card")
            continue
        item = {"id": f"{folder}/{path.stem}", "origin_dataset": "DMimageDetection/test"}
        item |= {"generator": options["generators"][key], "source_file": file, "source_member": member}
        if key == "dalle_2":
            if not (name := DALLE_2.fullmatch(path.stem)):
                yield Skip(member, "the name has no time of DALL-E 2")
                continue
            yield item | _dalle_2(name)
            continue
        item |= _how(key, folder, path.stem)
        if item["conditioning"] in ("text", "segmentation"):
            item |= _from_coco(path.stem, caption_of, captions_of, listing, member)
        if item["conditioning"] == "class/imagenet_":
            listing.notes.add(member, "a class")
            item |= {"conditioning": "class/imagenet_unknown", "class_label": ""}
        if label := item.get("class_label"):
            item["description"] = listing.found(words, str(int(label)), "the words for a class", member)
        yield item


def _generator_of(folder: str) -> str:
    if "/" in folder or folder == "dalle_2":
        return folder
    return "stable_diffusion" if folder.startswith("stable_diffusion") else folder.split("_")[0]


def _dalle_2(name: re.Match) -> dict:
    """The time alone enters the id; the prompt stands behind it, sometimes with a number of its own."""
    time, clock, text = name.groups()
    second = "_1" if clock in COPIES and COPIES[clock] in name.string else ""
    prompt = re.sub(r"_[0-9]*$", "", (text or "").replace("(1)", "").strip()).strip()
    fields = {"id": f"dalle_2/{time}{second}", "conditioning": "text", "positive_prompt": prompt}
    return fields | {"groups": prompt_group(prompt)}


def _how(key: str, folder: str, stem: str) -> dict:
    """Conditioning, and what is shown: by the generator, or by the folder's last two fields."""
    *_, kind, shown = ("", *folder.split("_"))
    if key in ("dalle-mini", "glide", "stable_diffusion") or kind == "text2img":
        return {"conditioning": "text"}
    if kind == "segm2image":
        return {"conditioning": "segmentation"}
    if key == "biggan" or kind == "class2image":
        if key == "guided-diffusion":  # the number in its names is a running one
            return {"conditioning": "class/imagenet_unknown"}
        name = CLASS.fullmatch(stem)
        label = name[name.lastindex] if name else ""
        if label and key != "taming-transformers":
            label = str(int(label))
        return {"conditioning": f"class/imagenet_{label}", "class_label": label}
    if key == "progan":
        return {"conditioning": "noise", "description": stem.split("_")[0]}
    if key == "eg3d":
        return {"conditioning": "noise", "description": "face"}
    shown = shown.removeprefix("LSUN") if kind == "noise2image" else kind.removeprefix("lsun")
    return {"conditioning": "noise", "description": SHOWN.get(shown, shown)}


def _from_coco(stem: str, caption_of: dict, captions_of: dict, listing: Listing, member: str) -> dict:
    """``ann<caption id>`` gives prompt and image, ``img<image id>`` all its captions as description."""
    name = COCO_NAME.fullmatch(stem)
    number = int(name[2]) if name else -1
    if name and name[1] == "img":
        description = " ".join(listing.found(captions_of, number, "captions", member))
        return {"description": description, "paired_real_images": [f"COCO2017_val/{number}"], "groups": [f"coco:{number}"]}
    if number not in caption_of:
        listing.notes.add(member, "a caption")
        return {}
    image, caption = caption_of[number]
    return {"positive_prompt": caption, "paired_real_images": [f"COCO2017_val/{image}"], "groups": [f"coco:{image}"]}
