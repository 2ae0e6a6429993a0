"""Loading a staged model for a recipe: the half that reads prompts, and the half that paints, as fast as it is told."""

from __future__ import annotations

from touchstone.errors import TouchstoneError
from touchstone.painting import mode_of
from touchstone.painting.families import is_text, parts_of


def load_text(model: dict, recipe: dict, device: str) -> object:
    """The pipeline with its text encoders and nothing else."""
    from diffusers import DiffusionPipeline

    left_out = dict.fromkeys(part for part in parts_of(model) if not is_text(part))
    return _loaded(DiffusionPipeline, model, recipe, left_out).to(device)


def load_painter(model: dict, recipe: dict, device: str, *, embedded: bool) -> object:
    """The pipeline that paints, without text encoders where the prompts are ``embedded`` already.

    Options of the recipe: ``dtype``, ``scheduler``, ``watermark``, ``safety``, and for speed and memory ``channels_last``,
    ``fuse_qkv``, ``compile``, ``vae_tiling``, ``vae_slicing`` and ``offload``.

    Raises:
        TouchstoneError: The scheduler, or an option, is none that the model knows.
    """
    import diffusers

    mode, parts = mode_of(recipe), parts_of(model)
    if not mode.PIPELINE:
        from touchstone.painting.reconstruction import Reconstruction

        pipe = Reconstruction(model["path"], dtype_of(recipe), device)
        _speed(pipe, recipe)
        return pipe
    left_out = dict.fromkeys(part for part in parts if embedded and is_text(part))
    if recipe.get("safety") == "off" and "safety_checker" in parts:
        left_out |= {"safety_checker": None, "requires_safety_checker": False}
    if "watermarker" in parts and recipe.get("watermark") != "model":  # IF's visible one
        left_out["watermarker"] = None
    pipe = _loaded(getattr(diffusers, mode.PIPELINE), model, recipe, left_out)
    pipe.set_progress_bar_config(disable=True)
    if hasattr(pipe, "watermark") and recipe.get("watermark") != "model":  # SDXL's silent one
        pipe.watermark = None
    if "scheduler" in recipe:
        pipe.scheduler = _scheduler(pipe.scheduler, recipe["scheduler"])
    _speed(pipe, recipe)
    if recipe.get("offload") == "model" and device == "cuda":
        pipe.enable_model_cpu_offload()
        return pipe
    return pipe.to(device)


def dtype_of(recipe: dict) -> object:
    """Torch's number type of the recipe."""
    import torch

    return getattr(torch, recipe.get("dtype", "float32"))


def _loaded(kind: type, model: dict, recipe: dict, left_out: dict) -> object:
    return kind.from_pretrained(model["path"], dtype=dtype_of(recipe), local_files_only=True, **left_out)


def _scheduler(own: object, wanted: dict) -> object:
    import diffusers

    options = {key: value for key, value in wanted.items() if key != "name"}
    if not hasattr(diffusers, wanted["name"]):
        raise TouchstoneError(
            f"diffusers has no scheduler called {wanted['name']!r}", where="recipe.scheduler", mend="see its documentation"
        )
    return getattr(diffusers, wanted["name"]).from_config(own.config, **options)


def _speed(pipe: object, recipe: dict) -> None:
    """Options that change how the same sums are done. Attention is torch's scaled_dot_product_attention by itself."""
    import torch

    denoiser = getattr(pipe, "unet", None) or getattr(pipe, "transformer", None)
    vae = getattr(pipe, "vae", None)
    if recipe.get("channels_last"):
        for part in filter(None, (getattr(pipe, "unet", None), vae)):
            part.to(memory_format=torch.channels_last)
    if recipe.get("fuse_qkv"):
        _known(pipe, "fuse_qkv_projections", "fuse_qkv")()
    if recipe.get("vae_tiling"):
        _known(vae, "enable_tiling", "vae_tiling")()
    if recipe.get("vae_slicing"):
        _known(vae, "enable_slicing", "vae_slicing")()
    match recipe.get("compile", "off"):
        case "regional":  # one block compiled for all alike: minutes less
            try:
                _known(denoiser, "compile_repeated_blocks", "compile: regional")(fullgraph=True)
            except ValueError as error:
                raise TouchstoneError(str(error), where="recipe.compile", mend="take `compile: full`, or leave it out") from None
        case "full":
            _known(denoiser or vae, "compile", "compile: full")(fullgraph=True)


def _known(part: object, method: str, option: str) -> object:
    if not hasattr(part, method):
        raise TouchstoneError(
            f"{type(part).__name__} cannot do {option!r}", where="recipe", mend="take the option out of the recipe"
        )
    return getattr(part, method)
