"""Images in folders, inside archives or not: the folder names the generator, the path is the id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from touchstone.containers import is_safe
from touchstone.images import SUFFIXES
from touchstone.readers import Listing, Skip


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per image file.

    Options:
        generators: ``{folder: generator}``; images elsewhere are skipped. Without it all are real.
        group: Prefix; images of one folder then share the group ``<group>:<folder>``.
    """
    generators: dict[str, str] | None = options.get("generators")
    group: str | None = options.get("group")
    for file, member in listing.members:
        path = PurePosixPath(member)
        folder = path.parent.as_posix()
        if not is_safe(member):
            yield Skip(member, "not a safe name")
        elif "__MACOSX" in path.parts or path.name.startswith("."):
            yield Skip(member, "a file of the operating system")
        elif path.suffix.lower() not in SUFFIXES:
            yield Skip(member, "not the suffix of an image")
        elif generators is not None and folder not in generators:
            yield Skip(member, f"folder {folder!r} is not in the card")
        else:
            yield {
                "id": path.with_suffix("").as_posix(),
                "generator": generators[folder] if generators else "",
                "groups": [f"{group}:{folder}"] if group else [],
                "source_file": file,
                "source_member": member,
            }
