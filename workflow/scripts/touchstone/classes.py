"""ImageNet's classes: which of the 1,000 an image shows, and the words for it.

The words are WordNet 3.0's; the number of a class is its place among the sorted wnids.
"""

from __future__ import annotations

from touchstone.readers import Listing


def by_number(listing: Listing, file: str) -> dict[str, str]:
    """``{"0": "tench, Tinca tinca", ...}`` of the table ``file``; nothing if there is none."""
    return listing.lookup(file, "class", "words") if file in listing.files else {}


def by_wnid(listing: Listing, file: str) -> dict[str, str]:
    """``{"n01440764": "tench, Tinca tinca", ...}`` of the table ``file``; nothing if there is none."""
    return listing.lookup(file, "wnid", "words") if file in listing.files else {}


def of_validation(listing: Listing, file: str) -> dict[str, str]:
    """``{"ILSVRC2012_val_00000001": wnid, ...}`` of Kaggle's LOC_val_solution.csv; nothing if it is not there."""
    if file not in listing.files:
        return {}
    return {image: boxes.partition(" ")[0] for image, boxes in listing.lookup(file, "ImageId", "PredictionString").items()}
