"""A painter: one process's pipeline, and how rows of a pick list become pixels."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import numpy as np

from touchstone import __version__
from touchstone.images import BadImage
from touchstone.painting import mode_of, prompts
from touchstone.painting.cascade import Cascade
from touchstone.painting.families import EMBEDDED, TENSORS, class_of
from touchstone.painting.pipelines import load_painter, load_text
from touchstone.painting.reals import Real
from touchstone.painting.seeds import seed_of

Size = tuple[int, int]
CPU_FULL = "could not create a primitive"  # what oneDNN says of most things, and when memory ran out
Painted = np.ndarray | BadImage  # (height, width, 3) of 8 bits, or why there is none


class Painter:
    """A pipeline that paints rows in batches of one fixed size; it is loaded when first needed.

    Args:
        recipe: The card's recipe.
        models: Receipts of its model and, if the recipe has one, of its prior.
    """

    def __init__(self, recipe: dict, models: list[dict]):
        import torch

        self.recipe, self.models, self.mode = recipe, models, mode_of(recipe)
        self.names = EMBEDDED.get(class_of(models[-1])) if self.mode.TEXT else None
        self.batch = recipe["batch"]
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.set_num_threads(recipe.get("threads", 1))  # pixels depend on it
        self.pipe = self.text = None

    def embed(self, rows: list[dict]) -> dict:
        """Embeddings of the rows' prompts; a short batch is padded with its last row."""
        if self.text is None:
            self._forget()
            self.text = load_text(self.models[-1], self.recipe, self.device)
        made = prompts.embed(self.text, self.names, _padded(rows, self.recipe["batch"]), self.recipe)
        return {name: tensor[: len(rows)] for name, tensor in made.items()}

    def paint(self, rows: list[dict], size: Size, reals: list[Real | BadImage], embeds: dict, attempt: int) -> list[Painted]:
        """One image per row, or why there is none.

        Where memory runs out the batch is halved, for good: ``self.batch`` is what it is painted with.

        Args:
            size: The canvas: width and height in pixels.
            reals: The rows' real images, in modes that take them.
            embeds: The rows' embeddings, of pipelines that take them.
            attempt: Enters the seeds.
        """
        if self.pipe is None:
            self._forget()
            self.pipe = self._load()
        while True:
            try:
                return list(self._batches(rows, size, reals, embeds, attempt))
            except RuntimeError as error:
                if self.batch == 1 or not _is_out_of_memory(error):
                    raise
            self.batch //= 2  # outside of the handler, which would hold what the batch had in memory
            self._make_room()
            print(f"out of memory: goes on with batches of {self.batch}", file=sys.stderr)

    def _load(self) -> object:
        embedded = self.names is not None
        pipe = load_painter(self.models[0], self.recipe, self.device, embedded=embedded)
        if len(self.models) == 1:
            return pipe
        # What makes pixels differ or safe is the business of the last stage; the same scheduler need not fit both.
        first = {key: value for key, value in self.recipe.items() if key not in ("scheduler", "safety")} | {"safety": "off"}
        return Cascade(load_painter(self.models[1], first, self.device, embedded=embedded), pipe, self.recipe["prior"])

    def _batches(self, rows: list, size: Size, reals: list, embeds: dict, attempt: int) -> Iterator[Painted]:
        for start in range(0, len(rows), self.batch):
            few = slice(start, start + self.batch)
            yield from self._paint(rows[few], size, reals[few], {key: value[few] for key, value in embeds.items()}, attempt)

    def _paint(self, rows: list, size: Size, reals: list, embeds: dict, attempt: int) -> list[Painted]:
        import torch

        recipe, padded = self.recipe, _padded(rows, self.batch)
        shown = [real if isinstance(real, Real) else _grey(size) for real in _padded(reals, self.batch)]
        seeds = [seed_of(recipe["seed"], row["id"], attempt) for row in padded]
        arguments = {"generator": [torch.Generator("cpu").manual_seed(seed) for seed in seeds]}
        for ours, theirs in (("steps", "num_inference_steps"), ("guidance", "guidance_scale")):
            if ours in recipe:
                arguments[theirs] = recipe[ours]
        if embeds:
            arguments |= {key: torch.cat(_padded(list(value.split(1)), self.batch)) for key, value in embeds.items()}
            arguments |= {key: arguments[key].to(self.device) for key in embeds}
            if "negative_prompt_embeds" in embeds:
                arguments["negative_prompt"] = None  # PixArt has an empty one by default, and refuses both
        elif self.mode.TEXT:
            arguments |= prompts.texts(padded, recipe)
        arguments |= self.mode.inputs(self.pipe, padded, shown, size, recipe) | recipe.get("parameters", {})
        kind = "pt" if type(self.pipe).__name__.startswith(TENSORS) else "pil"
        with torch.inference_mode():
            made = self.pipe(**arguments, output_type=kind)
            pixels = _pixels(made.images)
        flagged = getattr(made, "nsfw_content_detected", None) or getattr(made, "nsfw_detected", None) or [False] * len(pixels)
        return [self._finished(*each) for each in zip(pixels, flagged, rows, reals or [None] * len(rows), strict=False)]

    def _finished(self, pixels: np.ndarray, flagged: bool, row: dict, real: Real | BadImage | None) -> Painted:
        if isinstance(real, BadImage):
            return real
        if flagged:
            return BadImage("flagged")
        if real:
            pixels = pixels[: real.size[1], : real.size[0]]
        if hasattr(self.mode, "finish"):
            pixels = self.mode.finish(pixels, row, real, self.recipe)
        return BadImage("blank") if (pixels == pixels[0, 0]).all() else np.ascontiguousarray(pixels)

    def record(self, row: dict, attempt: int) -> dict:
        """How the image of ``row`` was made, as ``record.GENERATION``."""
        import diffusers
        import PIL
        import torch
        import transformers

        recipe, pipe = self.recipe, self.pipe
        libraries = {"diffusers": diffusers, "transformers": transformers, "torch": torch, "pillow": PIL}
        versions = {"touchstone": __version__} | {name: module.__version__ for name, module in libraries.items()}
        return {
            "model": " + ".join(model["model"] for model in self.models),
            "model_revision": " + ".join(model["revision"] for model in self.models),
            "model_sha256": " + ".join(model["sha256"] for model in self.models),
            "mode": recipe["mode"],
            "pipeline": getattr(pipe, "__name__", type(pipe).__name__),
            "scheduler": type(pipe.scheduler).__name__ if pipe.scheduler else "",
            "steps": recipe.get("steps"),
            "guidance": recipe.get("guidance"),
            "strength": recipe.get("strength"),
            "seed": seed_of(recipe["seed"], row["id"], attempt),
            "attempt": attempt,
            "dtype": recipe.get("dtype", "float32"),
            "device": torch.cuda.get_device_name() if self.device == "cuda" else "cpu",
            "batch": self.batch,
            "threads": recipe.get("threads", 1),
            "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
            "watermark": recipe.get("watermark", "none"),
            "safety": "checker" if getattr(pipe, "safety_checker", None) else "none",
        }

    def _forget(self) -> None:
        """Let go of the half that is loaded: the two never need the memory together."""
        self.pipe = self.text = None
        self._make_room()

    def _make_room(self) -> None:
        import torch

        gc.collect()
        if self.device == "cuda":
            torch.cuda.empty_cache()


def _padded(rows: list, count: int) -> list:
    """Pixels depend on the size of a batch, so a short one is filled with its last row."""
    return rows + rows[-1:] * (count - len(rows))


def _grey(size: Size) -> Real:
    """In the place of a real image that cannot be used, so that the batch keeps its size."""
    from PIL import Image

    image = Image.new("RGB", size, "grey")
    return Real(image, size, image)


def _pixels(images: object) -> list[np.ndarray]:
    import torch

    if not torch.is_tensor(images):
        return [np.asarray(image) for image in images]
    # As Pillow's way over numpy does it, but a quarter of the bytes leaves the GPU.
    whole = torch.nan_to_num(images.float()).mul(255).round().clamp(0, 255).to(torch.uint8)
    return list(whole.permute(0, 2, 3, 1).cpu().numpy())


def _is_out_of_memory(error: RuntimeError) -> bool:
    import torch

    return isinstance(error, torch.OutOfMemoryError) or str(error).endswith(CPU_FULL) or "can't allocate memory" in str(error)
