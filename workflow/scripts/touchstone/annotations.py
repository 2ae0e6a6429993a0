"""ImagiNet's annotation lists: ``path,origin,content,model_group,specific_model``, one image per line.

Paths are bytes of somebody's file system: they are compared and written as they came, never normalised.
Source: https://github.com/delyan-boychev/imaginet, annotations/.
"""

from __future__ import annotations

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
        if not all(
            value.isascii() and value.isdigit() and len(value) < 10 for value in (origin, content, group, model)
        ) or not any(name):
            raise TouchstoneError(
                "the line is not path,origin,content,model_group,specific_model",
                where=f"{path}, line {number}",
                mend="correct it",
            )
        found.append(Annotation(",".join(name), int(origin), int(content), int(group), int(model)))
    return found
