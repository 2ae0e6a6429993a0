"""Real pipelines of every family with tiny random weights, saved as their makers save them; nothing is fetched."""

from __future__ import annotations

import string
from pathlib import Path

from touchstone.demo.models import _image_variation, _text_to_image, _tokenizer, _unet, _vae
from touchstone.progress import Progress
from touchstone.staging import fetch_model

SMALL = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2}


def staged(family: str, folder: Path) -> str:
    """The receipt of the family's pipeline, built below ``folder`` and staged like any other."""
    import torch

    receipt = folder / f"{family}.json"
    if not receipt.exists():
        torch.manual_seed(0)
        (folder / family).mkdir(parents=True)
        FAMILIES[family](folder / family).save_pretrained(folder / family, safe_serialization=True)
        fetch_model(
            name=family,
            sources=[f"path:{folder / family}"],
            files={},
            placed=None,
            folder=str(folder / f"{family}-staged"),
            receipt=str(receipt),
            progress=Progress("fetch", streams=()),
        )
    return str(receipt)


def _clip(folder: Path, *, projected: bool = False) -> dict:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    tokenizer = _tokenizer(folder)
    special = {name: getattr(tokenizer, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    config = CLIPTextConfig(vocab_size=len(tokenizer), projection_dim=32, hidden_act="gelu", **SMALL, **special)
    kind = CLIPTextModelWithProjection if projected else CLIPTextModel
    return {"tokenizer": tokenizer, "text_encoder": kind(config).eval()}


def _t5() -> dict:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *((piece, -2.0) for piece in ["▁", *string.printable.strip()])]
    inner = Tokenizer(models.Unigram(pieces, unk_id=2))
    inner.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    inner.pre_tokenizer, inner.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    tokenizer = T5TokenizerFast(tokenizer_object=inner, extra_ids=0)
    shape = {"d_model": 32, "d_ff": 64, "d_kv": 8, "num_heads": 4, "num_layers": 1}
    return {"tokenizer": tokenizer, "text_encoder": T5EncoderModel(T5Config(vocab_size=len(pieces), **shape)).eval()}


def _second(parts: dict, number: int = 2) -> dict:
    return {f"{name}_{number}": part for name, part in parts.items()}


def _wide_vae(channels: int = 16) -> object:
    """The autoencoder of SD 3 and FLUX: more channels, shifted."""
    return _changed(_vae(), latent_channels=channels, shift_factor=0.1, scaling_factor=1.5)


def _changed(model: object, **changes: object) -> object:
    """A new model of the same configuration but for some changes."""
    config = {key: value for key, value in model.config.items() if not key.startswith("_")}
    return type(model)(**config | changes)


def stable_diffusion_xl(folder: Path) -> object:
    from diffusers import EulerDiscreteScheduler, StableDiffusionXLPipeline

    times = {"addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 32 + 6 * 8}
    return StableDiffusionXLPipeline(
        vae=_vae(),
        **_clip(folder),
        **_second(_clip(folder, projected=True)),
        unet=_changed(_unet(64), addition_embed_type="text_time", **times),
        scheduler=EulerDiscreteScheduler(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012, steps_offset=1),
    )


def stable_diffusion_3(folder: Path) -> object:
    from diffusers import FlowMatchEulerDiscreteScheduler, SD3Transformer2DModel, StableDiffusion3Pipeline

    transformer = SD3Transformer2DModel(
        sample_size=32,
        in_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=64,
        caption_projection_dim=32,
        pooled_projection_dim=64,
        out_channels=16,
        pos_embed_max_size=32,
    )
    return StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=FlowMatchEulerDiscreteScheduler(shift=3.0),
        vae=_wide_vae(),
        **_clip(folder, projected=True),
        **_second(_clip(folder, projected=True)),
        **_second(_wide_t5(64), 3),
    )


def _wide_t5(width: int) -> dict:
    from transformers import T5Config, T5EncoderModel

    parts = _t5()
    config = T5Config(**parts["text_encoder"].config.to_dict() | {"d_model": width})
    return parts | {"text_encoder": T5EncoderModel(config).eval()}


def flux(folder: Path) -> object:
    from diffusers import FlowMatchEulerDiscreteScheduler, FluxPipeline, FluxTransformer2DModel

    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(4, 4, 8),
    )
    return FluxPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=_wide_vae(4),
        **_clip(folder),
        **_second(_t5()),
        transformer=transformer,
    )


def pixart(folder: Path) -> object:
    from diffusers import DPMSolverMultistepScheduler, PixArtAlphaPipeline, PixArtTransformer2DModel

    transformer = PixArtTransformer2DModel(
        sample_size=32,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=16,
        cross_attention_dim=32,
        caption_channels=32,
        use_additional_conditions=False,
    )
    return PixArtAlphaPipeline(**_t5(), vae=_vae(), transformer=transformer, scheduler=DPMSolverMultistepScheduler())


def _if_unet(**changes: object) -> object:
    from diffusers import UNet2DConditionModel

    attention = "SimpleCrossAttn"
    return UNet2DConditionModel(
        **{
            "sample_size": 16,
            "in_channels": 3,
            "out_channels": 6,
            "layers_per_block": 1,
            "block_out_channels": (16, 32),
            "norm_num_groups": 8,
            "down_block_types": ("ResnetDownsampleBlock2D", f"{attention}DownBlock2D"),
            "mid_block_type": "UNetMidBlock2DSimpleCrossAttn",
            "up_block_types": (f"{attention}UpBlock2D", "ResnetUpsampleBlock2D"),
            "attention_head_dim": 8,
            "cross_attention_dim": 32,
            "encoder_hid_dim": 32,
            "encoder_hid_dim_type": "text_proj",
            "addition_embed_type": "text",
            "addition_embed_type_num_heads": 2,
            "cross_attention_norm": "group_norm",
            "resnet_time_scale_shift": "scale_shift",
            "act_fn": "gelu",
        }
        | changes
    )


def _if_parts() -> dict:
    from diffusers import DDPMScheduler
    from diffusers.pipelines.deepfloyd_if.watermark import IFWatermarker

    watermarker = IFWatermarker()
    watermarker.watermark_image.fill_(255)
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2", thresholding=True, dynamic_thresholding_ratio=0.95, variance_type="learned_range"
    )
    absent = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    return {"scheduler": scheduler, "watermarker": watermarker} | absent


def deepfloyd_if_1(folder: Path) -> object:
    from diffusers import IFPipeline

    return IFPipeline(**_t5(), unet=_if_unet(), **_if_parts())


def deepfloyd_if_2(folder: Path) -> object:
    from diffusers import DDPMScheduler, IFSuperResolutionPipeline

    unet = _if_unet(sample_size=64, in_channels=6, class_embed_type="timestep")
    noising = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    return IFSuperResolutionPipeline(**_t5(), unet=unet, image_noising_scheduler=noising, **_if_parts())


def kandinsky_prior(folder: Path) -> object:
    from diffusers import KandinskyV22PriorPipeline, PriorTransformer, UnCLIPScheduler
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    vision = CLIPVisionConfig(**SMALL, image_size=32, patch_size=8, projection_dim=32)
    prior = PriorTransformer(num_attention_heads=2, attention_head_dim=16, num_layers=1, embedding_dim=32)
    prior.clip_std.data.fill_(1)  # nothing would be left of what it makes
    return KandinskyV22PriorPipeline(
        prior=prior,
        image_encoder=CLIPVisionModelWithProjection(vision).eval(),
        **_clip(folder, projected=True),
        scheduler=UnCLIPScheduler(
            variance_type="fixed_small_log", prediction_type="sample", num_train_timesteps=1000, clip_sample_range=5.0
        ),
        image_processor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
    )


def kandinsky(folder: Path) -> object:
    from diffusers import DDPMScheduler, KandinskyV22Pipeline, UNet2DConditionModel, VQModel

    unet = UNet2DConditionModel(
        in_channels=4,
        out_channels=8,
        layers_per_block=1,
        block_out_channels=(16, 32),
        norm_num_groups=8,
        down_block_types=("ResnetDownsampleBlock2D", "SimpleCrossAttnDownBlock2D"),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        attention_head_dim=8,
        cross_attention_dim=32,
        encoder_hid_dim=32,
        encoder_hid_dim_type="image_proj",
        addition_embed_type="image",
        class_embed_type=None,
        resnet_time_scale_shift="scale_shift",
    )
    movq = VQModel(
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D", "AttnDownEncoderBlock2D"),
        up_block_types=("AttnUpDecoderBlock2D", "UpDecoderBlock2D"),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        norm_type="spatial",
        num_vq_embeddings=12,
        vq_embed_dim=4,
    )
    return KandinskyV22Pipeline(unet=unet, scheduler=DDPMScheduler(), movq=movq)


FAMILIES = {"stable_diffusion": _text_to_image, "image_variation": _image_variation} | {
    maker.__name__: maker
    for maker in (
        stable_diffusion_xl,
        stable_diffusion_3,
        flux,
        pixart,
        deepfloyd_if_1,
        deepfloyd_if_2,
        kandinsky_prior,
        kandinsky,
    )
}
