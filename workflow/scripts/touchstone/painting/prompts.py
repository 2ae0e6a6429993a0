"""Prompts as embeddings: computed once per shard by the text encoders, which then make room."""

from __future__ import annotations

import inspect
from pathlib import Path

from touchstone.files import replacing

NO_GUIDANCE = 1  # up to here pipelines do not look at negative prompts; IF, SD 1-3, SDXL and PixArt agree


def has_negative(recipe: dict) -> bool:
    """Whether rows bring negative prompts: of all rows or of none, as batch mates must not matter."""
    reader = recipe["reader"]
    return "negative_prompt" in reader.get("columns", {}) or bool(reader.get("negative"))


def texts(rows: list[dict], recipe: dict) -> dict[str, list[str]]:
    """The rows' prompts as arguments of a pipeline."""
    made = {"prompt": [row["positive_prompt"] for row in rows]}
    return made | ({"negative_prompt": [row["negative_prompt"] for row in rows]} if has_negative(recipe) else {})


def embed(pipe: object, names: tuple[str, ...], rows: list[dict], recipe: dict) -> dict:
    """Embeddings of the rows' prompts, by the names of ``families.EMBEDDED``, on the CPU; what is None is left out."""
    import torch

    known = inspect.signature(pipe.encode_prompt).parameters
    options = {
        "prompt_2": None,
        "prompt_3": None,
        "device": pipe.device,
        "num_images_per_prompt": 1,
        "do_classifier_free_guidance": recipe.get("guidance", NO_GUIDANCE + 1) > NO_GUIDANCE,
        **texts(rows, recipe),
        **recipe.get("parameters", {}),
    }
    with torch.inference_mode():
        made = pipe.encode_prompt(**{name: value for name, value in options.items() if name in known})
    named = zip(names, made[: len(names)], strict=True)
    return {name: tensor.contiguous().cpu() for name, tensor in named if tensor is not None}


def write(path: Path, embeddings: dict) -> None:
    """Write the embeddings of one batch, atomically."""
    from safetensors.torch import save_file

    with replacing(path) as temporary:
        save_file(embeddings, temporary)


def read(folder: Path, places: list[list]) -> dict:
    """Embeddings of rows that lie at ``[file, position]`` below ``folder``, stacked in that order."""
    import torch
    from safetensors import safe_open

    rows: dict[str, list] = {}
    for name, position in places:
        with safe_open(folder / name, "pt") as file:
            for key in file.keys():  # noqa: SIM118 - not a dictionary
                rows.setdefault(key, []).append(file.get_slice(key)[position : position + 1])
    return {key: torch.cat(tensors) for key, tensors in rows.items()}
