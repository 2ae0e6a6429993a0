"""COCO's caption files, which other origins than COCO look their prompts up in."""

from __future__ import annotations

import re

from touchstone.errors import TouchstoneError

SPLITS = {"train2017": "COCO2017_train", "val2017": "COCO2017_val"}  # folder: beginning of AI-GenBench's ids
IMAGE_NAME = re.compile(r"[0-9]{12}")


def by_annotation(document: dict, name: str) -> dict[int, tuple[int, str]]:
    """``{annotation id: (image id, caption)}`` in the order of the file.

    Raises:
        TouchstoneError: The file ``name`` is no caption file.
    """
    try:
        return {int(entry["id"]): (int(entry["image_id"]), entry["caption"].strip()) for entry in document["annotations"]}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TouchstoneError(
            f"the file holds no COCO captions ({type(error).__name__}: {error})", where=name, mend="get the annotations again"
        ) from None


def by_image(document: dict, name: str) -> dict[int, list[str]]:
    """``{image id: captions}``, captions in the order of their ids."""
    captions: dict[int, list[str]] = {}
    for _, (image, caption) in sorted(by_annotation(document, name).items()):
        captions.setdefault(image, []).append(caption)
    return captions


def last_of_image(document: dict, name: str) -> dict[int, str]:
    """``{image id: caption}``; of several the last in the file, as AI-GenBench takes it."""
    return dict(by_annotation(document, name).values())


def owners(document: dict, name: str) -> dict[int, dict[str, str]]:
    """``{image id: {licence, source_url}}`` of the photographs whose licence the file tells, by its address and Flickr's.

    Raises:
        TouchstoneError: The file ``name`` tells of photographs in another way.
    """
    try:
        licences = {entry["id"]: _licence(entry) for entry in document.get("licenses", [])}
        return {
            int(entry["id"]): {"licence": licences[entry["license"]], "source_url": entry.get("flickr_url", "")}
            for entry in document.get("images", [])
            if entry.get("license") in licences
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TouchstoneError(
            f"the file tells no licences as COCO does ({type(error).__name__}: {error})",
            where=name,
            mend="get the annotations again",
        ) from None


def _licence(entry: dict) -> str:
    """``CC-BY-NC-2.0`` of http://creativecommons.org/licenses/by-nc/2.0/; others by their names."""
    if match := re.search(r"creativecommons\.org/licenses/([a-z-]+)/([0-9.]+)", entry.get("url", "")):
        return f"CC-{match[1].upper()}-{match[2]}"
    return {"United States Government Work": "US-Government-Work"}.get(entry["name"], entry["name"])
