"""SFHQ-T2I: faces in one folder, the generator in the file name, prompts in a table."""

from __future__ import annotations

import re
from collections.abc import Iterator

from touchstone.readers import Listing, Skip, prompt_group

NAME = re.compile(r"(.+)_image_[0-9]{7}")


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per ``<model>_image_<7 digits>``; images of one prompt share a group.

    Options:
        generators: ``{model: generator}``.
        prompts: Table of prompts ``{file, key, prompt}``, its key a file name.
    """
    table = options["prompts"]
    prompts = listing.lookup(table["file"], table["key"], table["prompt"])
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, path = picture
        name = NAME.fullmatch(path.stem)
        if not name or path.parent.parts:
            yield Skip(member, "not named <model>_image_<7 digits>")
        elif name[1] not in options["generators"]:
            yield Skip(member, f"model {name[1]!r} is not in the card")
        else:
            prompt = listing.found(prompts, path.name, "a prompt", member)
            yield {
                "id": path.stem,
                "generator": options["generators"][name[1]],
                "conditioning": "text",
                "description": "face",
                "positive_prompt": prompt,
                "groups": prompt_group(prompt),
                "source_file": file,
                "source_member": member,
            }
