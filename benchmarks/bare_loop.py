"""What ``benchmarks.generating`` compares with: ``python -m benchmarks.bare_loop JOB`` paints in a plain loop and saves nothing.

JOB is JSON: the model's ``path``, a ``recipe``, the ``count`` of images, and ``naive`` for one image per call, saved as PNG
at once below ``folder``. The last line of its output is the rate without the first call.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable


def loop(job: dict) -> float | None:
    """Paint; images per second without the first batch, None where there is no other."""
    import torch

    recipe, batch = job["recipe"], 1 if job["naive"] else job["recipe"]["batch"]
    torch.set_num_threads(recipe.get("threads", 1))
    paint = (reconstructing if recipe["mode"] == "reconstruction" else painting)(job, batch)
    times = []
    for start in range(0, job["count"], batch):
        with torch.inference_mode():
            images = paint(start)
        if job["naive"]:
            images[0].save(f"{job['folder']}/{start}.png")
        times.append(time.perf_counter())
    return batch * (len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else None


def painting(job: dict, batch: int) -> Callable[[int], list]:
    """Batches of ``pipe(...)`` as diffusers' documentation has it."""
    import torch
    from diffusers import DiffusionPipeline

    from touchstone.painting.pipelines import _speed, dtype_of

    recipe = job["recipe"]
    device = "cuda" if torch.cuda.is_available() else "cpu"
    pipe = DiffusionPipeline.from_pretrained(job["path"], dtype=dtype_of(recipe), local_files_only=True).to(device)
    pipe.set_progress_bar_config(disable=True)
    _speed(pipe, recipe)
    given = {"num_inference_steps": recipe["steps"], "guidance_scale": recipe["guidance"]}
    given |= {"width": recipe["size"][0], "height": recipe["size"][1]}

    def paint(start: int) -> list:
        generators = [torch.Generator("cpu").manual_seed(start + number) for number in range(batch)]
        return pipe([f"picture {start + number}" for number in range(batch)], generator=generators, **given).images

    return paint


def reconstructing(job: dict, batch: int) -> Callable[[int], list]:
    """Batches of one picture, which is in memory, through the autoencoder and back."""
    import torch
    from PIL import Image

    from touchstone.painting.pipelines import dtype_of
    from touchstone.painting.reconstruction import Reconstruction

    recipe = job["recipe"]
    pipe = Reconstruction(job["path"], dtype_of(recipe), "cuda" if torch.cuda.is_available() else "cpu")
    pictures = [Image.effect_noise(recipe["size"], 64).convert("RGB")] * batch
    return lambda start: list(pipe(image=pictures, output_type="pt").images.mul(255).byte().cpu())


if __name__ == "__main__":
    print(json.dumps({"painting": loop(json.loads(sys.argv[1]))}))
