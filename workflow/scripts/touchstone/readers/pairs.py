"""One item per real image of another origin: its variation, in the same group."""

from __future__ import annotations

from collections.abc import Iterator

from touchstone.readers import Listing, Skip


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """Items paired with the real images of ``listing.pairs``; generated ones are skipped.

    The locator is that of the real image, so that its bytes can be read when it is varied.
    """
    for real in listing.pairs:
        if real["label"]:
            yield Skip(real["id"], "not a real image")
        else:
            yield {
                "id": real["id"],
                "paired_real_images": [real["id"]],
                "groups": list(real["groups"]),
                "content": real["content"],
                "conditioning": "image",
                "source_file": real["source_file"],
                "source_member": real["source_member"],
            }
