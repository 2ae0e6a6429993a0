"""What differs between families of pipelines; read by the supervisor too, so without torch."""

from __future__ import annotations

from touchstone.files import read_json

PAIR = ("prompt_embeds", "negative_prompt_embeds")
POOLED = (*PAIR, "pooled_prompt_embeds", "negative_pooled_prompt_embeds")
MASKED = ("prompt_embeds", "prompt_attention_mask", "negative_prompt_embeds", "negative_prompt_attention_mask")

# Pipelines whose prompts are encoded before anything is painted: what encode_prompt returns, in its order, by the names
# under which the call takes it again. Any other pipeline is given the prompts themselves.
EMBEDDED: dict[str, tuple[str, ...]] = {
    "StableDiffusionPipeline": PAIR,
    "StableDiffusionImg2ImgPipeline": PAIR,
    "StableDiffusionInpaintPipeline": PAIR,
    "IFPipeline": PAIR,
    "StableDiffusionXLPipeline": POOLED,
    "StableDiffusionXLImg2ImgPipeline": POOLED,
    "StableDiffusionXLInpaintPipeline": POOLED,
    "StableDiffusion3Pipeline": POOLED,
    "FluxPipeline": ("prompt_embeds", "pooled_prompt_embeds"),
    "PixArtAlphaPipeline": MASKED,
    "PixArtSigmaPipeline": MASKED,
}

# Of these `output_type="pt"` is a tensor between 0 and 1, with the safety checker asked; others give pictures of Pillow.
TENSORS = ("StableDiffusion", "Flux", "PixArt", "Reconstruction")


def class_of(model: dict) -> str:
    """Pipeline class that a staged model names; empty for an autoencoder that was staged alone.

    Args:
        model: Its receipt.
    """
    return _index(model).get("_class_name", "")


def parts_of(model: dict) -> list[str]:
    """Components that a staged model names, such as ``unet``."""
    return [name for name, value in _index(model).items() if isinstance(value, list) and value[0]]


def is_text(part: str) -> bool:
    """Whether a component is needed for prompts only."""
    return part.startswith(("text_encoder", "tokenizer"))


def _index(model: dict) -> dict:
    return read_json(f"{model['path']}/model_index.json") if "model_index.json" in model["files"] else {}
