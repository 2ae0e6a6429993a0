"""Images in folders, inside archives or not: the folder names the generator, the path is the id."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath

from touchstone.readers import Listing, Skip


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per image file.

    Options:
        generators: ``{folder: generator}``; images elsewhere are skipped. Without it all are real.
        group: Prefix; images of one folder then share the group ``<group>:<folder>``.
        fields: ``{folder: {field of the record: text}}``; the folder ``*`` stands for all others.
        prompts: Tables ``{file, key, prompt, folders}`` in which the stems of images in these
            folders (all, without the key) have their prompts.
        top: Folder at the top of an archive that does not count.
        stems: ``{group, pair}``; images of one stem share the group ``<group>:<stem>``, and
            ``<pair>/<stem>`` is the real image they belong to.
    """
    generators: dict[str, str] | None = options.get("generators")
    group: str | None = options.get("group")
    fields: dict[str, dict] = options.get("fields", {})
    stems: dict[str, str] = options.get("stems", {})
    top = f"{options['top']}/" if "top" in options else ""
    prompts = [
        (table.get("folders"), listing.lookup(table["file"], table["key"], table["prompt"]))
        for table in options.get("prompts", [])
    ]
    for picture in listing.picture_names():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member = picture
        path = str(PurePosixPath(member)) if "//" in member or "./" in member else member
        without_suffix = path.rpartition(".")[0].removeprefix(top)
        folder, _, stem = without_suffix.rpartition("/")
        folder = folder or "."
        if generators is not None and folder not in generators:
            yield Skip(member, f"folder {folder!r} is not in the card")
            continue
        item = {
            "id": without_suffix,
            "generator": generators[folder] if generators else "",
            "groups": [f"{group}:{folder}"] if group else [],
            "source_file": file,
            "source_member": member,
            **fields.get(folder, fields.get("*", {})),
        }
        if "group" in stems:
            item["groups"].append(f"{stems['group']}:{stem}")
        if "pair" in stems:
            item["paired_real_images"] = [f"{stems['pair']}/{stem}"]
        for folders, texts in prompts:
            if folders is None or folder in folders:
                item["positive_prompt"] = listing.found(texts, stem, "a prompt", member)
        yield item
