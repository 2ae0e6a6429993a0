"""Ids of AI-GenBench read backwards: the origin an image is from, and where it lies in it.

The published lists name 360,000 images by such ids and nothing else. An id has no suffix, so a place
has none either; and the generator is what the origin's reader says of that place.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from touchstone.errors import TouchstoneError


class Place(NamedTuple):
    """Where an image lies: ``file`` is a file of the card, empty where only the table's rows tell."""

    origin: str
    split: str  # of the origin itself, empty if it has none
    file: str
    member: str


GENIMAGE = {  # name in ids: file of the card
    "ADM": "ADM/imagenet_ai_0508_adm",
    "BigGAN": "BigGAN/imagenet_ai_0419_biggan",
    "Glide": "glide/imagenet_glide",
    "Midjourney": "Midjourney/imagenet_midjourney",
    "Stable Diffusion 1.4": "stable_diffusion_v_1_4/imagenet_ai_0419_sdv4",
    "Stable Diffusion 1.5": "stable_diffusion_v_1_5/imagenet_ai_0424_sdv5",
    "VQ-Diffusion": "VQDM/imagenet_ai_0419_vqdm",
    "Wukong": "wukong/imagenet_ai_0424_wukong",
}
# For each beginning of ids: the parts that follow, and the place they make.
GRAMMAR = {
    "Aeroblade": (r"(?P<path>[^/]+/[^/]+)", Place("aeroblade", "", "data/raw/generated/", "{path}")),
    "Artifact": (r"(?P<folder>[^/]+)/(?P<path>.+)", Place("artifact", "", "{folder}/", "{path}")),
    "DDMD": (r"(?P<folder>[^/]+)/(?P<path>test/[^/]+/[^/]+)", Place("ddmd", "test", "{folder}/", "{path}")),
    "DMimageDetection/test": (r"(?P<path>[^/]+/[^/]+)", Place("dmid_test", "test", "DMimageDetection_TestSet/", "{path}")),
    "DMimageDetection": (
        r"(?P<path>(?P<split>train|valid)/[^/]+/[^/]+)",
        Place("dmid_train", "{split}", "latent_diffusion_trainingset.zip", "{path}"),
    ),
    "DRCT": (
        r"(?P<path>(?P<folder>[^/]+)/(?P<split>train2017|val2017)/[0-9]{12})",
        Place("drct_2m", "{split}", "{folder}.zip", "{path}"),
    ),
    "ELSA_D3": (
        r"(?P<split>train|validation)/row(?P<row>[0-9]+)/(?P<column>\w+)",
        Place("elsa_d3", "{split}", "", "{row}/{column}"),
    ),
    "Forensynths/progan_valid": (r"(?P<path>.+)", Place("forensynths", "valid", "progan_val/", "{path}")),
    "Forensynths/progan_train": (r"(?P<path>.+)", Place("forensynths", "train", "progan_train/", "{path}")),
    "Forensynths/test": (r"(?P<path>.+)", Place("forensynths", "test", "test/", "{path}")),
    "Imaginet": (r"(?P<path>[^/]+/[^/]+)", Place("imaginet", "", "imaginet/", "{path}")),
    "Polardiffshield": (
        r"(?P<column>[^/]+)/(?P<row>[0-9]{8})",
        Place("polardiffshield", "", "database.csv", "{row}/{column}"),
    ),
    "SFHQ-T2I": (r"(?P<path>[^/]+)", Place("sfhq_t2i", "", "images/", "{path}")),
    "Synthbuster": (r"(?P<path>[^/]+/[^/]+)", Place("synthbuster", "", "synthbuster/", "{path}")),
    "COCO2017_train": (r"(?P<image>[0-9]+)", Place("coco_2017", "train2017", "train2017.zip", "train2017/{image:0>12}")),
    "COCO2017_val": (r"(?P<image>[0-9]+)", Place("coco_2017", "val2017", "val2017.zip", "val2017/{image:0>12}")),
    "ILSVRC2012_train": (r"(?P<path>n[0-9]{8}/[^/]+)", Place("imagenet_2012", "train", "train/", "{path}")),
    "ILSVRC2012_val": (r"(?P<path>n[0-9]{8}/[^/]+)", Place("imagenet_2012", "val", "val/", "{path}")),
    "RAISE": (r"(?P<path>[^/]+)", Place("raise", "", "RAISE_all.csv", "{path}")),
    "LAION-400M": (r"(?P<row>[0-9]+)", Place("laion_400m", "", "", "{row}")),
} | {
    f"GenImage/{name}": (
        r"(?P<path>(?P<split>train|val)/ai/[^/]+)",
        Place("genimage", "{split}", f"{file}.zip", file.split("/")[1] + "/{path}"),
    )
    for name, file in GENIMAGE.items()
}
RULES = {beginning: (re.compile(pattern), place) for beginning, (pattern, place) in GRAMMAR.items()}


def locate(file_id: str) -> Place:
    """The place that ``file_id`` names.

    Raises:
        TouchstoneError: It is no id of AI-GenBench's.
    """
    first, _, rest = file_id.partition("/")
    second, _, below = rest.partition("/")
    for beginning, rest_of_it in ((f"{first}/{second}", below), (first, rest)):
        pattern, place = RULES.get(beginning, (None, None))
        if pattern and (match := pattern.fullmatch(rest_of_it)):
            return Place(*(part.format_map(match.groupdict()) for part in place))
    raise TouchstoneError(
        f"{file_id!r} is not an id of AI-GenBench", where="ids", mend="check the list; ids look like Imaginet/dalle3/<name>"
    )
