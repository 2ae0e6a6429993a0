"""Real images noised to a strength and denoised again under a prompt."""

from __future__ import annotations

import inspect

from touchstone.painting.reals import Real

CONDITIONING, TEXT, REAL = "image", True, True
PIPELINE = "AutoPipelineForImage2Image"
STRENGTH = 0.5


def inputs(pipe: object, rows: list[dict], reals: list[Real], size: tuple[int, int], recipe: dict) -> dict:
    """The real images and the strength; the size where the pipeline does not take it from the images."""
    made = {"image": [real.image for real in reals], "strength": recipe.get("strength", STRENGTH)}
    if "height" in inspect.signature(pipe.__call__).parameters:
        made |= {"width": size[0], "height": size[1]}
    return made
