"""ImagiNet's release and its sources: folders of its root, and the annotation lists that name its images.

Ids are ImagiNet's paths as they are, so that its lists know them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from touchstone import classes, ffhq
from touchstone.errors import TouchstoneError
from touchstone.imaginet import FIELDS, Labels, Source, labels_of, source_of
from touchstone.readers import Listing, Skip


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """One item per image that lies where ImagiNet has it and, if there are lists, that a list names.

    A row whose image is not there is a ``Skip``, as is an image that no list names.

    Options:
        lists: ``{split: annotation list}``; those that are not there are left out.
        folders: Folders of ImagiNet's root that the origin holds; all, without the key.
        renamed: ``{beginning: folder}`` of paths that differ from ImagiNet's, as regular expressions.
        faces: ``{map, index, needed_for}``: the lists by which a whole FFHQ, in these files, is known.
        classes: Table of the words for ImageNet's classes.
        solution: Table of the classes of ImageNet's validation images.
    """
    folders = options.get("folders")
    lists = {split: file for split, file in options.get("lists", {}).items() if file in listing.files}
    wanted: dict[str, str] = {}  # path: split
    for split, file in lists.items():
        for row in listing.table(file, FIELDS):
            path, labels = row["path"].removeprefix("./"), labels_of(row)
            meant = source_of(path)
            if meant and folders is not None and path.split("/")[0] not in folders:
                continue  # of another card
            if why := _unusable(meant, labels):
                yield Skip(row["path"], f"{why}, says {file}")
            elif path in wanted:
                yield Skip(row["path"], "a list names it twice, or two lists do")
            else:
                wanted[path] = split
    faces, unknown = _faces(listing, options)
    yield from unknown
    renamed = [(re.compile(beginning), folder) for beginning, folder in options.get("renamed", {}).items()]
    words = classes.by_wnid(listing, options.get("classes", ""))
    solved = classes.of_validation(listing, options.get("solution", ""))
    found: set[str] = set()
    for picture in listing.pictures():
        if isinstance(picture, Skip):
            yield picture
            continue
        file, member, _ = picture
        path, face = _path_of(file, member, renamed, faces)
        meant = source_of(path)
        if not meant or (folders is not None and path.split("/")[0] not in folders):
            yield Skip(member, "not in a folder of ImagiNet's, or not of this card")
        elif lists and path not in wanted:
            yield Skip(member, "no list names it")
        elif path in found:
            yield Skip(member, "the same image lies elsewhere, too")
        else:
            found.add(path)
            item = _item(path, wanted.get(path, ""), *meant, face) | {"source_file": file, "source_member": member}
            if words:
                item["class_label"] = shown = meant[1]["class"] or solved.get(meant[1]["name"], "")
                item["description"] = listing.found(words, shown, "the words for a class", member)
            yield item
    for path, split in wanted.items():
        if path not in found:
            yield Skip(f"./{path}", f"the list of the {split} split names it, but it is not there")


def _unusable(meant: tuple[Source, dict] | None, labels: Labels | None) -> str:
    if meant is None:
        return "a path that ImagiNet does not have"
    if labels is None:
        return "labels that ImagiNet does not have"
    return "" if meant[0].labels == labels else "labels that contradict the folder"


def _faces(listing: Listing, options: dict) -> tuple[dict[str, ffhq.Face], list[Skip]]:
    """The join of FFHQ's own files, if it can be made."""
    files = options.get("faces")
    if not files:
        return {}, []
    if files["index"] in listing.files:
        return ffhq.joined(listing.table(files["map"], ffhq.MAP), listing.document(files["index"]), files["index"])
    if any(file in listing.files for file in files["needed_for"]):
        raise TouchstoneError(
            f"which images of FFHQ are in ImagiNet is not known without {files['index']}",
            where="recipe.reader.faces",
            mend="put it beside the images; it is on the same drive as FFHQ",
        )
    return {}, []


def _path_of(file: str, member: str, renamed: list, faces: dict) -> tuple[str, ffhq.Face | None]:
    """ImagiNet's path of a member, which can lie a folder deeper or, in an archive, higher."""
    named = f"{file}{member}" if file.endswith("/") else f"{PurePosixPath(file).name.split('.')[0]}/{member}"
    below = member.partition("/")[2]
    for tried in (named, member, below) if file.endswith("/") else (member, below, named):
        if face := faces.get(tried):
            return f"ffhq/{face.name}", face
        for beginning, folder in renamed:
            if match := beginning.match(tried):
                return folder + tried[match.end() :], None
        if source_of(tried):
            return tried, None
    return member, None


def _item(path: str, split: str, source: Source, parts: dict, face: ffhq.Face | None) -> dict:
    shown = parts.get("class", "")
    item = {
        "id": path,
        "origin_dataset": f"ImagiNet_{split}" if split else "ImagiNet",
        "generator": source.labels.generator,
        "content": source.labels.content,
        "conditioning": source.conditioning,
        "class_label": shown,
        "description": "" if source.origin == "imaginet_imagenet" else shown.replace("_", " "),
        "groups": [source.group] if source.group else [],
    }
    if source.licence:
        item["licence"] = source.licence
    if face:
        item["groups"].append(f"ffhq:{face.number}")
        item |= {"licence": face.licence, "source_url": face.url} if face.licence else {}
    return item
