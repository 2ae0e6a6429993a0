"""Full-size diffusers pipelines with random weights: what they paint is noise, what they cost is what the real ones cost."""

from __future__ import annotations

from pathlib import Path

from touchstone.demo.models import _tokenizer
from touchstone.files import write_json

WIDE = {"use_linear_projection": True}
XL = WIDE | {
    "sample_size": 128,
    "block_out_channels": (320, 640, 1280),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "transformer_layers_per_block": (1, 2, 10),
    "attention_head_dim": (5, 10, 20),
    "cross_attention_dim": 2048,
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}
# Name: configuration of the UNet, text encoders as (width, layers, heads). Source: the config.json of each model.
ARCHITECTURES = {
    "stable_diffusion_1_5": ({"sample_size": 64, "cross_attention_dim": 768}, [(768, 12, 12)]),
    "stable_diffusion_2_1": (
        WIDE | {"sample_size": 64, "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20)},
        [(1024, 23, 16)],
    ),
    "stable_diffusion_xl": (XL, [(768, 12, 12), (1280, 32, 20)]),
}


def unet(name: str) -> object:
    """The denoiser of an architecture, on torch's default device."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**ARCHITECTURES[name][0])


def save(name: str, folder: Path, dtype: str, device: str) -> str:
    """Save a pipeline below ``folder``, its weights drawn on ``device``; the receipt, as if it had been staged."""
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, StableDiffusionXLPipeline
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    folder.mkdir(parents=True)
    torch.manual_seed(0)
    with torch.device(device):
        encoders = [
            (CLIPTextModelWithProjection if number else CLIPTextModel)(
                CLIPTextConfig(
                    hidden_size=width,
                    intermediate_size=4 * width,
                    num_hidden_layers=layers,
                    num_attention_heads=heads,
                    projection_dim=width,
                )
            )
            for number, (width, layers, heads) in enumerate(ARCHITECTURES[name][1])
        ]
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            sample_size=512,
        )
        parts = {"unet": unet(name), "vae": vae, "text_encoder": encoders[0], "tokenizer": _tokenizer(folder)}
    parts["scheduler"] = DDIMScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1)
    if len(encoders) > 1:
        pipe = StableDiffusionXLPipeline(**parts, text_encoder_2=encoders[1], tokenizer_2=_tokenizer(folder))
    else:
        none = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
        pipe = StableDiffusionPipeline(**parts, **none)
    pipe.to(dtype=getattr(torch, dtype)).save_pretrained(folder, safe_serialization=True)
    return receipt(name, folder)


def receipt(name: str, folder: Path) -> str:
    """A receipt for a pipeline of a benchmark; hashing it is not what is measured."""
    files = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    path = folder.with_suffix(".json")
    write_json(path, {"model": name, "path": str(folder), "revision": "", "sha256": "", "files": dict.fromkeys(files, "")})
    return str(path)
