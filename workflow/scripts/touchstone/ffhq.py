"""FFHQ under ImagiNet's names: its map of pixel md5 and name, joined with FFHQ's own index of its files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from touchstone.errors import TouchstoneError
from touchstone.readers import Skip

MAP = ["drive", "name", "pixel_md5"]  # fields of ffhq_filenames.txt


class Face(NamedTuple):
    """An image of FFHQ."""

    name: str  # in ImagiNet
    number: str  # in FFHQ, five digits
    licence: str
    url: str  # of the photograph it was cut from


def joined(rows: Iterator[Mapping[str, str]], index: dict, where: str) -> tuple[dict[str, Face], list[Skip]]:
    """``{file in FFHQ: face}`` of all rows of the map that FFHQ's index knows, and those it does not.

    A row is known by the md5 of its decoded pixels, as the images were saved anew; its address on Google
    Drive, where the index gives the same, must not contradict that.

    Args:
        index: Contents of ffhq-dataset-v2.json.
        where: Its name, for the message.

    Raises:
        TouchstoneError: It is no index of FFHQ.
    """
    try:
        by_md5 = {entry["image"]["pixel_md5"]: entry for entry in index.values()}
        by_drive = {entry["image"]["file_url"].rpartition("id=")[2]: entry for entry in index.values()}
        files = {id(entry): entry["image"]["file_path"] for entry in by_md5.values()}
    except (AttributeError, KeyError, TypeError) as error:
        raise TouchstoneError(
            f"the file is no index of FFHQ ({type(error).__name__}: {error})", where=where, mend="get ffhq-dataset-v2.json again"
        ) from None
    faces, unknown = {}, []
    for row in rows:
        entry = by_md5.get(row["pixel_md5"])
        if entry is None:
            unknown.append(Skip(row["name"], "FFHQ's index has no image of these pixels"))
        elif by_drive.get(row["drive"], entry) is not entry:
            unknown.append(Skip(row["name"], "FFHQ's index has other pixels at its address"))
        else:
            about = entry.get("metadata", {})
            file = files[id(entry)]
            number = file.rpartition("/")[2].split(".")[0]
            faces[file] = Face(row["name"], number, about.get("license", ""), about.get("photo_url", ""))
    return faces, unknown
