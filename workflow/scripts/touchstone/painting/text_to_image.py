"""Images from prompts."""

from __future__ import annotations

from touchstone.painting.reals import Real

CONDITIONING, TEXT, REAL = "text", True, False
PIPELINE = "DiffusionPipeline"


def inputs(pipe: object, rows: list[dict], reals: list[Real], size: tuple[int, int], recipe: dict) -> dict:
    """The size; the prompts are added for every mode that takes some."""
    return {"width": size[0], "height": size[1]}
