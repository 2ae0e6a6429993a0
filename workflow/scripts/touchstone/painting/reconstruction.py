"""Real images through a model's autoencoder and back, nothing denoised: fakes aligned with their reals.

Source: Rajan et al., Aligned datasets improve detection of latent diffusion-generated images (arXiv 2410.11835).
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np

from touchstone.painting.reals import Real

CONDITIONING, TEXT, REAL = "image", False, True
PIPELINE = ""  # none of diffusers


def inputs(pipe: object, rows: list[dict], reals: list[Real], size: tuple[int, int], recipe: dict) -> dict:
    """The real images."""
    return {"image": [real.image for real in reals]}


class Reconstruction:
    """The autoencoder of a staged pipeline, or one that was staged alone, called like a pipeline.

    Args:
        folder: The model's folder.
        dtype: Torch's number type.
        device: Torch's device.
    """

    scheduler = None

    def __init__(self, folder: str, dtype: object, device: str):
        from diffusers import AutoModel

        inside = next((name for name in ("vae", "movq") if Path(folder, name).is_dir()), None)
        self.vae = AutoModel.from_pretrained(folder, subfolder=inside, dtype=dtype, local_files_only=True).to(device)
        self.__name__ = type(self.vae).__name__

    def __call__(self, image: list, output_type: str, generator: object = None) -> SimpleNamespace:
        """The images decoded from the mode of their latents, as a tensor between 0 and 1."""
        import torch

        pixels = torch.from_numpy(np.stack([np.asarray(each) for each in image])).to(self.vae.device)
        encoded = self.vae.encode(pixels.permute(0, 3, 1, 2).to(self.vae.dtype) / 127.5 - 1)
        latents = encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents
        return SimpleNamespace(images=(self.vae.decode(latents).sample / 2 + 0.5).clamp(0, 1))
