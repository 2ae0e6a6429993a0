"""ArtiFact: one folder per generator with a metadata.csv; the path says what an image shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from touchstone import classes
from touchstone.lists import whole_number
from touchstone.readers import Listing, Skip, no_picture

FACES = {"denoising_diffusion_gan", "face_synthetics", "stylegan1"}  # made from noise
WORDS = {
    **{"churces": "church", "churches": "church", "bedrooms": "bedroom", "cityscapes": "cityscape", "places": "place"},
    **{"ffhq": "face", "ffhqu": "face", "celeb": "face", "celebahq": "face", "afhq": "animal face", "afhqv2": "animal face"},
    **{"metfaces": "painting of a face", "metfacesu": "painting of a face"},
    **{"art_painting": "art painting", "monet": "Monet painting"},
}


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per row of a ``<folder>/metadata.csv`` whose target is not 0, that is, not real.

    Options:
        generators: ``{folder: generator}``; Diffusion-GAN's two are told apart by the image's own
            folder and have the keys ``diffusion_gan/ProjectedGAN`` and ``diffusion_gan/StyleGAN2``.
        classes: Table of the words for ImageNet's classes.
    """
    words = classes.by_number(listing, options.get("classes", ""))
    generators = options["generators"]
    for folder in dict.fromkeys(key.split("/")[0] for key in generators):
        table = f"{folder}/metadata.csv"
        if table not in listing.files:
            yield Skip(table, "not there")
            continue
        for row in listing.table(table, ["image_path", "target"]):
            member, target = row["image_path"].strip(), row["target"].strip()
            path = PurePosixPath(folder, member)
            fields = path.parent.name.split("-")
            key = f"{folder}/{fields[1] if len(fields) > 1 else ''}" if folder == "diffusion_gan" else folder
            if why := no_picture(member):
                yield Skip(f"{folder}/{member}", why)
            elif (number := whole_number(target.removeprefix("-"))) is None:
                yield Skip(f"{folder}/{member}", "the target is not a number")
            elif number == 0:
                yield Skip(f"{folder}/{member}", "a real image")
            elif key not in generators:
                yield Skip(f"{folder}/{member}", f"folder {key!r} is not in the card")
            else:
                item = {
                    "id": path.with_suffix("").as_posix(),
                    "generator": generators[key],
                    "source_file": f"{folder}/",
                    "source_member": member,
                    **_shown(folder, path, listing),
                }
                if label := item.get("class_label"):
                    item["description"] = listing.found(words, label, "the words for a class", member)
                yield item


def _shown(folder: str, path: PurePosixPath, listing: Listing) -> dict:
    """Conditioning and description by the names of the three folders that can tell: the second of
    the path, and the two last."""
    second, above, leaf = path.parts[1], path.parent.parent.name, path.parent.name
    match folder:
        case "big_gan" | "vq_diffusion":
            return _class(leaf, path, listing)
        case "latent_diffusion":
            return _said("text") if above.endswith("-t2i") else _class(leaf, path, listing)
        case "taming_transformer":
            return _class(leaf, path, listing) if second == "tt-cc" else _said("noise", "face" if second == "tt-ffhq" else "")
        case "glide":
            if leaf == "inpainting" or above.endswith("-in"):
                return _said("inpainting/text")
            return _said("text") if leaf == "text2img" or above.endswith("-t2i") else _unknown(path, listing)
        case "stable_diffusion":
            return _said("text", f"{leaf.lower()} face" if above == "stable-face" else "")
        case "cycle_gan":
            return _said(f"image/{leaf}", leaf.rsplit("2")[-1])
        case "star_gan":
            return _said("image", f"{leaf.replace('_', ' ').lower()} face")
        case "palette" | "sfhq":
            return _said("image", "face")
        case "gau_gan":
            return _said("segmentation")
        case "generative_inpainting":
            return _said("inpainting/noise")
        case "cips":
            return _said("noise", leaf.removeprefix("cips-"))
        case "diffusion_gan":
            return _said("noise", above.removeprefix("lsun-").removesuffix("-data"))
        case "gansformer":
            return _said("noise", leaf.removesuffix("_images"))
        case "lama" | "pro_gan":
            return _said("noise", above)
        case "stylegan2":
            return _said("noise", second.split("-")[0])
        case "stylegan3":
            return _said("noise", leaf.split("-")[-2]) if "-" in leaf else _unknown(path, listing)
    return _said("noise", "face" if folder in FACES else leaf)


def _said(conditioning: str, word: str = "") -> dict:
    return {"conditioning": conditioning, "description": WORDS.get(word, word)}


def _class(leaf: str, path: PurePosixPath, listing: Listing) -> dict:
    if not leaf.isdecimal():
        return _unknown(path, listing)
    return {"conditioning": f"class/imagenet_{leaf}", "class_label": leaf}


def _unknown(path: PurePosixPath, listing: Listing) -> dict:
    listing.notes.add(path.as_posix(), "a conditioning")
    return {}
