"""ImagiNet's annotation lists: ``path,origin,content,model_group,specific_model``, one image per line.

Paths are bytes of somebody's file system: they are compared and written as they came, never normalised.
Source: https://github.com/delyan-boychev/imaginet, annotations/.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from touchstone.errors import TouchstoneError

CONTENTS = ("photos", "paintings", "faces", "uncategorized")
GROUPS = ("GAN", "Stable Diffusion", "Midjourney", "DALL-E", "real")
MODELS = (
    *("ProGAN", "StyleGAN-XL", "StyleGAN3", "Stable Diffusion 2.1", "Stable Diffusion XL 1.0"),
    *("Animagine XL", "Midjourney", "DALL-E 3", "real"),
)


class Annotation(NamedTuple):
    """One line; the four numbers are those of the published lists."""

    path: str  # as in the file, which need not be UTF-8: undecodable bytes are surrogates
    origin: int  # 0 real, 1 synthetic
    content: int
    model_group: int
    specific_model: int

    def line(self) -> bytes:
        """The line as it stands in a list."""
        return ",".join(map(str, self)).encode("utf-8", "surrogateescape") + b"\n"


def read_annotations(path: str | Path) -> list[Annotation]:
    """All lines of a list, in order.

    Raises:
        TouchstoneError: A line has no path and four numbers.
    """
    found = []
    text = Path(path).read_bytes().decode("utf-8", "surrogateescape")
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        *name, origin, content, group, model = line.split(",") if line.count(",") >= 4 else ("",) * 5
        if not all(value.isascii() and value.isdigit() for value in (origin, content, group, model)) or not any(name):
            raise TouchstoneError(
                "the line is not path,origin,content,model_group,specific_model",
                where=f"{path}, line {number}",
                mend="correct it",
            )
        found.append(Annotation(",".join(name), int(origin), int(content), int(group), int(model)))
    return found


def audit(whole: Iterable[Annotation], groups: dict[str, list[Annotation]], calibration: Iterable[Annotation] = ()) -> dict:
    """What is wrong with lists that should divide ``whole``: repeats, rows in no list, images both tuned and scored on.

    Returns:
        ``listed`` rows and ``distinct`` images of all groups, ``repeated`` ``{times: images}``, ``within`` surplus
        rows inside one list, ``missing`` paths in no list, ``unknown`` paths that ``whole`` lacks, ``torn``
        images in more than one list, ``calibration`` images that are scored too.
    """
    everything = [row.path for rows in groups.values() for row in rows]
    times = Counter(everything)
    inside = {name: Counter(row.path for row in rows) for name, rows in groups.items()}
    known = {row.path for row in whole}
    return {
        "listed": len(everything),
        "distinct": len(times),
        "repeated": dict(sorted(Counter(count for count in times.values() if count > 1).items())),
        "within": {name: sum(counts.values()) - len(counts) for name, counts in inside.items()},
        "missing": sorted(known - set(times)),
        "unknown": sorted(set(times) - known),
        "torn": sum(count > 1 for count in Counter(path for counts in inside.values() for path in counts).values()),
        "calibration": sorted({row.path for row in calibration} & set(times)),
    }
