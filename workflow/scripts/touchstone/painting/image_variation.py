"""Variations of real images, seen through an image encoder."""

from __future__ import annotations

import numpy as np

from touchstone.painting.reals import Real

CONDITIONING, TEXT, REAL = "image", False, True
PIPELINE = "DiffusionPipeline"


def inputs(pipe: object, rows: list[dict], reals: list[Real], size: tuple[int, int], recipe: dict) -> dict:
    """The real images as the image encoder wants them, and the size.

    ``preparation: clip`` leaves it to the pipeline: short side to 224, centre crop. ``squash`` is what version 2.0 of
    lambdalabs/sd-image-variations-diffusers was trained with, by its model card: bicubic straight to the encoder's
    square without anti-aliasing and without a crop, then CLIP's mean and deviation.
    """
    images = [real.image for real in reals]
    if recipe.get("preparation", "clip") == "squash":
        images = _squashed(images, pipe.feature_extractor, pipe.image_encoder.config.image_size)
    return {"image": images, "width": size[0], "height": size[1]}


def _squashed(images: list, extractor: object, side: int) -> object:
    import torch
    from torch.nn.functional import interpolate

    mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (extractor.image_mean, extractor.image_std))
    tensors = []
    for image in images:
        pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float() / 255
        small = interpolate(pixels, (side, side), mode="bicubic", align_corners=False, antialias=False)
        tensors.append((small[0] - mean) / deviation)
    return torch.stack(tensors)
