"""Making pixels, in the workers of ``generate_shard``: one module per mode, and what all modes share.

A mode is a module with

* ``CONDITIONING``: what the record says an image was made from, if its item does not;
* ``TEXT``, ``REAL``: whether it takes a prompt, and the real image of the item;
* ``PIPELINE``: the class of diffusers that loads the model for it;
* ``inputs(pipe, rows, reals, size, recipe)``: the arguments of the pipeline that are the mode's own.

``size`` is that of the canvas, in pixels: what the pipeline paints on.
"""

from __future__ import annotations

import importlib
from types import ModuleType

MODES = ("text_to_image", "image_variation", "image_to_image", "inpainting", "reconstruction")


def mode_of(recipe: dict) -> ModuleType:
    """The module of the recipe's mode."""
    return importlib.import_module(f"touchstone.painting.{recipe['mode']}")
