"""One item per real image of another origin: its variation, in the same group."""

from __future__ import annotations

from collections.abc import Iterator

from touchstone.readers import Listing, Skip

FILLED = ("description", "class_label", "content")  # fields of the real image that a prompt may be made of


def items(listing: Listing, options: dict) -> Iterator[dict | Skip]:
    """Items paired with the real images of ``listing.pairs``; generated ones are skipped.

    The locator is that of the real image, so that its bytes can be read when it is varied.

    Options:
        prompt: A prompt with ``{description}``, ``{class_label}`` or ``{content}``, which the real image fills in; one that
            has nothing to fill in is skipped.
        negative: The negative prompt of all.
    """
    template = options.get("prompt", "")
    asked = [field for field in FILLED if f"{{{field}}}" in template]
    for real in listing.pairs:
        if real["label"]:
            yield Skip(real["id"], "not a real image")
        elif empty := next((field for field in asked if not real[field].strip()), ""):
            yield Skip(real["id"], f"its real image has no {empty} for the prompt")
        else:
            prompt = template
            for field in asked:
                prompt = prompt.replace(f"{{{field}}}", " ".join(real[field].split()))
            yield {
                "id": real["id"],
                "paired_real_images": [real["id"]],
                "groups": list(real["groups"]),
                "content": real["content"],
                "positive_prompt": prompt,
                "negative_prompt": options.get("negative", ""),
                "source_file": real["source_file"],
                "source_member": real["source_member"],
            }
