"""One worker of ``generate_shard``: loads the pipeline once and makes the batches it is told to.

Run as ``python -m touchstone.worker``. The first line of standard input is the job as JSON, every
further one the number of a batch; the number is printed when the batch is published. The end of
standard input, also because the supervisor was killed, ends the worker.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TextIO

from PIL import Image

from touchstone.containers import Container, open_container
from touchstone.files import read_json
from touchstone.generate import batch_file, image_seed
from touchstone.images import BadImage, measure
from touchstone.listing import path_of
from touchstone.shards import append_rows, read_picks, shard_writer, taken

CONDITIONING = {"text_to_image": "text", "image_variation": "image"}
PNG_LEVEL = 1  # five times faster than the default, files 15 % larger


def main() -> None:
    """Serve batches until standard input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)  # libraries may print; only we may answer
    os.dup2(2, 1)
    job = json.loads(sys.stdin.readline())
    picks = read_picks(job["picks"])
    painter = Painter(job["recipe"], read_json(job["model"]), read_json(job["source"]) if job["source"] else None)
    size = job["recipe"]["batch"]
    pending: Future | None = None
    with ThreadPoolExecutor(max_workers=1) as background:  # encodes and writes while the next batch is made
        for line in sys.stdin:
            rows = picks[int(line) * size : (int(line) + 1) * size]
            images = painter.paint(rows)
            if pending:
                pending.result()  # at most one batch waits to be written, so memory is bounded
            pending = background.submit(publish, Path(job["partial"]), int(line), rows, images, painter, answers)


class Painter:
    """A diffusers pipeline that paints rows of a pick list in batches of one fixed size.

    Args:
        recipe: The card's recipe.
        model: Receipt of the staged model.
        source: Receipt of the origin whose images are varied.
    """

    def __init__(self, recipe: dict, model: dict, source: dict | None):
        import torch
        from diffusers import DiffusionPipeline

        self.recipe, self.model, self.source = recipe, model, source
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.set_num_threads(1)  # pixels depend on it; more processes, not more threads, use the cores
        dtype = getattr(torch, recipe.get("dtype", "float32"))
        self.pipe = DiffusionPipeline.from_pretrained(model["path"], dtype=dtype, local_files_only=True).to(self.device)
        self.pipe.set_progress_bar_config(disable=True)
        if hasattr(self.pipe, "watermark"):  # SDXL marks images silently where a certain package is installed
            self.pipe.watermark = None
        self.containers: dict = {}

    def paint(self, rows: list[dict]) -> list[Image.Image | BadImage]:
        """One image per row, or why there is none.

        A short batch is padded with its last row, as pixels depend on the batch size.
        """
        import torch

        recipe = self.recipe
        padded = rows + [rows[-1]] * (recipe["batch"] - len(rows))
        arguments = {
            "num_inference_steps": recipe["steps"],
            "width": recipe["size"][0],
            "height": recipe["size"][1],
            "generator": [torch.Generator("cpu").manual_seed(image_seed(recipe["seed"], row["id"], 0)) for row in padded],
        }
        if "guidance" in recipe:
            arguments["guidance_scale"] = recipe["guidance"]
        if recipe["mode"] == "text_to_image":
            arguments["prompt"] = [row["positive_prompt"] for row in padded]
            if "negative_prompt" in recipe["reader"].get("columns", {}):  # of all rows or none: batch mates must not matter
                arguments["negative_prompt"] = [row["negative_prompt"] for row in padded]
            bad: dict[int, BadImage] = {}
        else:
            arguments["image"], bad = self._real_images(padded)
        with torch.inference_mode():
            images = self.pipe(**arguments).images
        return [bad.get(number, image) for number, image in enumerate(images[: len(rows)])]

    def record(self, row: dict) -> dict:
        """How the image of ``row`` was made, as ``record.GENERATION``."""
        import diffusers
        import PIL
        import torch
        import transformers

        recipe = self.recipe
        libraries = {"diffusers": diffusers, "transformers": transformers, "torch": torch, "pillow": PIL}
        return {
            "model": self.model["model"],
            "model_revision": self.model["revision"],
            "model_sha256": self.model["sha256"],
            "pipeline": type(self.pipe).__name__,
            "scheduler": type(self.pipe.scheduler).__name__,
            "steps": recipe["steps"],
            "guidance": recipe.get("guidance"),
            "seed": image_seed(recipe["seed"], row["id"], 0),
            "attempt": 0,
            "dtype": recipe.get("dtype", "float32"),
            "device": self.device,
            "batch": recipe["batch"],
            "versions": ", ".join(f"{name} {module.__version__}" for name, module in libraries.items()),
            "watermark": "none",
            "safety": "checker" if getattr(self.pipe, "safety_checker", None) else "none",
        }

    def _real_images(self, rows: list[dict]) -> tuple[list[Image.Image], dict[int, BadImage]]:
        """The rows' real images; for one that cannot be read a grey one, so that the batch keeps its size."""
        images, bad = [], {}
        for number, row in enumerate(rows):
            try:
                data = self._container(row["source_file"]).read(row["source_member"])
                measure(data)  # limits and damage are found before the pipeline sees the image
                images.append(Image.open(io.BytesIO(data)).convert("RGB"))
            except BadImage as error:
                bad[number] = BadImage("unusable_source", str(error))
                images.append(Image.new("RGB", tuple(self.recipe["size"]), "grey"))
        return images, bad

    def _container(self, name: str) -> Container:
        if name not in self.containers:
            self.containers[name] = open_container(path_of(self.source["files"], name))
        return self.containers[name]


def encode(image: Image.Image, recipe: dict) -> bytes:
    """The image in the recipe's format: PNG (default), lossless WebP, or JPEG of its quality."""
    data = io.BytesIO()
    match recipe.get("format", "png"):
        case "png":
            image.save(data, "PNG", compress_level=PNG_LEVEL)
        case "webp_lossless":
            image.save(data, "WEBP", lossless=True)
        case "jpeg":
            image.save(data, "JPEG", quality=recipe.get("quality", 95))
    return data.getvalue()


def publish(
    partial: Path, number: int, rows: list[dict], images: list[Image.Image | BadImage], painter: Painter, answers: TextIO
) -> None:
    """Encode, measure and write one batch, and tell the supervisor. A failure ends the worker."""
    try:
        with shard_writer(batch_file(partial, number)) as writer:
            for row, image in zip(rows, images, strict=True):
                conditioning = row["conditioning"] or CONDITIONING[painter.recipe["mode"]]
                extra = {"conditioning": conditioning, "generation": painter.record(row)}
                if isinstance(image, BadImage):
                    append_rows(writer, [taken(row, None, reason=image.reason, detail=image.detail, **extra)])
                else:
                    append_rows(writer, [taken(row, encode(image, painter.recipe), **extra)])
        print(number, file=answers)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    main()
