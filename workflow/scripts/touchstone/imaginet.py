"""ImagiNet's annotation lists and the paths in them: what an image is, whose it is, where it lies.

A list is text without a header: ``path,origin,content,model_group,specific_model`` in each line; the
four labels are numbers. Paths are compared as they are: some names are wrongly decoded for good.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from touchstone.errors import TouchstoneError
from touchstone.file_ids import Place
from touchstone.lists import whole_number

FIELDS = ["path", "origin", "content", "model_group", "specific_model"]
CONTENT = ("photos", "paintings", "faces", "uncategorized")
GROUPS = ("gan", "sd", "midjourney", "dalle3", "real")
GAN, SD, MIDJOURNEY, DALLE3, REAL = range(5)
MODELS = {  # number of a specific model: its group and generator
    0: (GAN, "progan"),
    1: (GAN, "stylegan_xl"),
    2: (GAN, "stylegan3"),
    3: (SD, "stable_diffusion_2_1"),
    4: (SD, "stable_diffusion_xl_1_0"),
    5: (SD, "animagine_xl"),
    6: (MIDJOURNEY, "midjourney"),
    7: (DALLE3, "dall_e_3"),
    8: (REAL, ""),
}


class Labels(NamedTuple):
    """The four numbers of a list's row in words."""

    content: str
    group: str
    generator: str  # empty for real images


class Source(NamedTuple):
    """What one sort of path means; texts are templates of the path's parts."""

    origin: str  # a card
    split: str  # of the origin itself, empty if it has none
    labels: Labels
    conditioning: str = ""
    group: str = ""  # key that no split may tear
    licence: str = ""  # where it is not the card's


def _real(origin: str, content: int, group: str = "", split: str = "") -> Source:
    return Source(origin, split, Labels(CONTENT[content], "real", ""), group=group)


def _fake(origin: str, content: int, model: int, conditioning: str, licence: str = "CC-BY-4.0", split: str = "") -> Source:
    group, generator = MODELS[model]
    return Source(origin, split, Labels(CONTENT[content], GROUPS[group], generator), conditioning, licence=licence)


OWN = "imaginet_synthetic"
SPLIT, CLASS, NAME = r"(?P<split>train|val)", r"(?P<class>[^/]+)", r"(?P<name>[^/]+)\.[A-Za-z]+"
GRAMMAR = {
    rf"imagenet/ILSVRC/Data/CLS-LOC/{SPLIT}/(?:(?P<class>n[0-9]{{8}})/)?{NAME}": _real(
        "imaginet_imagenet", 0, "imagenet:{name}", "{split}"
    ),
    rf"{SPLIT}2017/0*{NAME}": _real("imaginet_coco", 0, "coco:{name}", "{split}2017"),
    rf"progan_{SPLIT}/{CLASS}/0_real/{NAME}": _real("lsun_progan", 0, split="{split}"),
    rf"progan_{SPLIT}/{CLASS}/1_fake/{NAME}": _fake("lsun_progan", 0, 0, "noise", "", "{split}"),
    # The same painting lies in several styles, and its reproductions are numbered: beach(4).
    rf"wikiart/{CLASS}/(?P<name>[^/]+?)(?:\([0-9]+\))?\.[A-Za-z]+": _real("wikiart", 1, "wikiart:{name}"),
    rf"danbooru2021/{NAME}": _real("danbooru2021", 1, "danbooru:{name}"),
    rf"ffhq/{NAME}": _real("ffhq", 2, "ffhq:{name}"),
    rf"photozilla/(?:other_)?dataset/{CLASS}/{NAME}": _real("photozilla", 3),
    rf"journeydb/{NAME}": _fake("journeydb", 3, 6, "text", "JourneyDB terms"),
    rf"imagenet_stylegan/{NAME}": _fake(OWN, 0, 1, "class/imagenet_unknown"),
    rf"ffhq_stylegan/{NAME}": _fake(OWN, 2, 1, "noise"),
    rf"wikiart_stylegan/{NAME}": _fake(OWN, 1, 2, "noise"),
    rf"animaginexl_paintings_fake/{NAME}": _fake(OWN, 1, 5, "text"),
    rf"dalle3/{NAME}": _fake(OWN, 3, 7, "text", "CC0-1.0"),
    rf"dalle3_addition2?/{NAME}": _fake(OWN, 3, 7, "text"),
} | {
    rf"{name}_{CONTENT[content]}_fake/{NAME}": _fake(OWN, content, model, "text")
    for name, model in (("sd", 3), ("sdxl", 4))
    for content in (0, 1, 2)
}


@lru_cache(1024)
def _rules(folder: str) -> list[tuple[re.Pattern, Source]]:
    """The rules of paths that begin with this folder: one or two of them, which long lists are glad of."""
    return [(re.compile(pattern), source) for pattern, source in GRAMMAR.items() if re.fullmatch(pattern.split("/")[0], folder)]


def source_of(path: str) -> tuple[Source, dict[str, str]] | None:
    """What a path below ImagiNet's root folder means, and its parts; None if it is no such path."""
    for pattern, source in _rules(path.partition("/")[0]):
        if match := pattern.fullmatch(path):
            parts = {key: value or "" for key, value in match.groupdict().items()}
            return source._replace(split=source.split.format(**parts), group=source.group.format(**parts)), parts
    return None


def locate(path: str) -> Place:
    """Where the image of a list's row lies in its own origin; ``./`` and the place's file and member are the row's path.

    Raises:
        TouchstoneError: It is no path of ImagiNet's.
    """
    plain = path.removeprefix("./")
    if not (found := source_of(plain)):
        raise TouchstoneError(
            f"{path!r} is not a path of ImagiNet", where="ids", mend="check the list; paths look like ./dalle3/<name>.png"
        )
    folder, _, member = plain.partition("/")
    return Place(found[0].origin, found[0].split, f"{folder}/", member)


def labels_of(row: Mapping[str, str]) -> Labels | None:
    """The labels of a list's row in words; None if they are none of ImagiNet's or contradict each other."""
    numbers = [whole_number(row[field]) for field in FIELDS[1:]]
    if None in numbers:
        return None
    origin, content, group, model = numbers
    if content >= len(CONTENT) or (group, int(group != REAL)) != (MODELS.get(model, (None,))[0], origin):
        return None
    return Labels(CONTENT[content], GROUPS[group], MODELS[model][1])


class Overlap(NamedTuple):
    """How far lists are parts of a whole: each of its images in one of them, once."""

    nowhere: list[str]  # of the whole, and in no part
    elsewhere: list[str]  # in a part, and not of the whole
    times: Counter[int]  # how many images occur so often in all parts together
    within: dict[str, int]  # surplus rows of a part by itself


def overlap(whole: Iterable[str], parts: Mapping[str, Iterable[str]]) -> Overlap:
    """Compare a list of paths with lists that should be its parts."""
    counts = {name: Counter(paths) for name, paths in parts.items()}
    total = sum(counts.values(), Counter())
    known = dict.fromkeys(whole)
    return Overlap(
        nowhere=[path for path in known if path not in total],
        elsewhere=[path for path in total if path not in known],
        times=Counter(total.values()),
        within={name: count.total() - len(count) for name, count in counts.items()},
    )
