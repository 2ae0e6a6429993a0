"""painting/painter.py and what it loads: real, tiny pipelines of every family, against diffusers called by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from tests.families import FAMILIES, staged

from touchstone.errors import TouchstoneError
from touchstone.files import read_json, write_json
from touchstone.images import BadImage
from touchstone.painting.families import EMBEDDED, class_of
from touchstone.painting.painter import Painter
from touchstone.painting.reals import Reals
from touchstone.painting.seeds import seed_of

pytestmark = pytest.mark.slow

RECIPE = {"reader": {"name": "prompts", "negative": "bad"}, "mode": "text_to_image", "steps": 2, "guidance": 5, "seed": 1}
RECIPE |= {"size": [64, 64], "batch": 2}
SIZE = (64, 64)
ROWS = [{"id": f"mine/{number}", "positive_prompt": f"picture {number}", "negative_prompt": "bad"} for number in range(4)]
SINGLE = [name for name in FAMILIES if name not in ("image_variation", "deepfloyd_if_2", "kandinsky_prior", "kandinsky")]
OPTIONS = {"pixart": {"parameters": {"use_resolution_binning": False}}}  # which knows sizes from 256 on


@pytest.fixture(scope="session")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.fixture
def model(folder):
    """``model("flux")`` → the receipt of that staged pipeline."""
    return lambda family: read_json(staged(family, folder))


def painted(painter: Painter, rows: list[dict], size: tuple = SIZE, reals: list | None = None) -> list:
    """The rows as a worker paints them: embedded first, if the pipeline can."""
    embeds = painter.embed(rows) if painter.names else {}
    return painter.paint(rows, size, reals or [], embeds, 0)


def by_hand(pipe: object, rows: list[dict], **options: object) -> list[np.ndarray]:
    """What diffusers makes of two rows, called as its documentation has it."""
    import torch

    pipe.set_progress_bar_config(disable=True)
    arguments = {
        "generator": [torch.Generator("cpu").manual_seed(seed_of(1, row["id"], 0)) for row in rows],
        "num_inference_steps": 2,
        "guidance_scale": 5,
        "width": 64,
        "height": 64,
        "prompt": [row["positive_prompt"] for row in rows],
        "negative_prompt": [row["negative_prompt"] for row in rows],
    }
    arguments = {key: value for key, value in (arguments | options).items() if value is not None}
    with torch.inference_mode():
        return [np.asarray(image) for image in pipe(**arguments).images]


def loaded(receipt: dict, **parts: object) -> object:
    from diffusers import DiffusionPipeline

    return DiffusionPipeline.from_pretrained(receipt["path"], local_files_only=True, **parts)


@pytest.mark.parametrize("family", SINGLE)
def test_a_family_paints_what_diffusers_paints_and_order_and_batch_mates_do_not_matter(model, family):
    receipt, extra = model(family), OPTIONS.get(family, {})
    painter = Painter(RECIPE | extra, [receipt])
    assert painter.names == EMBEDDED[class_of(receipt)]
    images = painted(painter, ROWS[:2])
    assert painter.text is None or painter.pipe is None  # never both halves
    assert not any(getattr(painter.pipe, name, None) for name in ("text_encoder", "text_encoder_2", "text_encoder_3"))
    quiet = {"watermarker": None} if family == "deepfloyd_if_1" else {}
    same = by_hand(
        loaded(receipt, **quiet),
        ROWS[:2],
        negative_prompt=None if family == "flux" else ["bad", "bad"],
        **extra.get("parameters", {}),
    )
    assert all(np.array_equal(one, two) for one, two in zip(images, same, strict=True))
    assert all(image.shape == (64, 64, 3) and image.std() > 5 for image in images)
    turned = painted(Painter(RECIPE | extra, [receipt]), [ROWS[1], ROWS[0]])
    assert all(np.array_equal(one, two) for one, two in zip(images, turned[::-1], strict=True))
    again = Painter(RECIPE | extra, [receipt])
    mixed = again.paint(ROWS[:1], SIZE, [], again.embed(ROWS[:1]), 0)
    assert np.array_equal(mixed[0], images[0])  # alone in a batch, which is padded


def test_the_second_stage_of_if_enlarges_what_the_first_makes_without_its_logo(model):
    first, second = model("deepfloyd_if_1"), model("deepfloyd_if_2")
    recipe = RECIPE | {"prior": {"model": "deepfloyd_if_1", "steps": 3, "guidance": 7}, "parameters": {"noise_level": 100}}
    painter = Painter(recipe, [second, first])
    images = painted(painter, ROWS[:2])
    record = painter.record(ROWS[0], 0)
    assert (record["pipeline"], record["model"]) == ("IFPipeline + IFSuperResolutionPipeline", "deepfloyd_if_2 + deepfloyd_if_1")
    assert record["model_sha256"] == f"{second['sha256']} + {first['sha256']}"
    assert [image.shape for image in images] == [(64, 64, 3)] * 2
    marked = Painter(recipe | {"watermark": "model"}, [second, first])
    differ = np.argwhere((painted(marked, ROWS[:2])[0] != images[0]).any(axis=2))
    assert len(differ) and differ.min() > 32  # in the lower right corner


def test_kandinskys_decoder_sees_what_its_prior_made_of_the_prompt(model):
    recipe = RECIPE | {"prior": {"model": "kandinsky_prior", "steps": 2, "guidance": 4}}
    images = painted(Painter(recipe, [model("kandinsky"), model("kandinsky_prior")]), ROWS[:3])
    assert len({image.tobytes() for image in images}) == 3
    other = [ROWS[0] | {"positive_prompt": "something else"}, *ROWS[1:3]]
    again = painted(Painter(recipe, [model("kandinsky"), model("kandinsky_prior")]), other)
    assert [np.array_equal(*pair) for pair in zip(images, again, strict=True)] == [False, True, True]


@pytest.fixture(scope="session")
def photos(folder, picture) -> str:
    members = {"a.jpg": picture("JPEG", size=(100, 70), seed=1), "b.png": picture("PNG", size=(128, 64), seed=2), "c.png": b"no"}
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    write_json(folder / "photos.json", {"files": [{"name": "photos.zip", "path": str(folder / "photos.zip")}]})
    return str(folder / "photos.json")


@pytest.mark.parametrize("family", ["stable_diffusion", "stable_diffusion_xl", "stable_diffusion_3", "flux"])
@pytest.mark.parametrize("mode", ["image_to_image", "inpainting", "reconstruction"])
def test_real_images_are_painted_in_their_own_size_and_a_broken_one_is_rejected_alone(model, photos, family, mode):
    own = {} if mode == "reconstruction" else {"steps": 4, "guidance": 5, "strength": 0.5}
    base = {key: value for key, value in RECIPE.items() if key not in ("steps", "guidance")}
    recipe = base | own | {"mode": mode, "size": "real", "mask": {"paste": True}}
    rows = [
        row | {"source_file": "photos.zip", "source_member": name} for row, name in zip(ROWS, ("a.jpg", "c.png"), strict=False)
    ]
    reals = list(Reals(photos, recipe).read(rows, (128, 128)))
    painter = Painter(recipe, [model(family)])
    whole, broken = painted(painter, rows, (128, 128), reals)
    assert whole.shape == (70, 100, 3)
    assert isinstance(broken, BadImage) and broken.reason == "unusable_source"
    real = np.asarray(reals[0].image)[:70, :100]
    if mode == "inpainting":
        assert 0.55 < (whole == real).all(axis=2).mean() < 0.95
    else:
        assert not np.array_equal(whole, real)
    alone = painted(Painter(recipe, [model(family)]), rows[:1], (128, 128), reals[:1])
    assert np.array_equal(alone[0], whole)


def test_an_autoencoder_is_asked_as_diffusers_asks_it(model, photos):
    import torch
    from diffusers import AutoencoderKL

    recipe = RECIPE | {"mode": "reconstruction"}
    del recipe["steps"], recipe["guidance"]
    row = ROWS[0] | {"source_file": "photos.zip", "source_member": "b.png"}
    (real,) = Reals(photos, recipe).read([row], SIZE)
    receipt = model("stable_diffusion")
    (image,) = painted(Painter(recipe | {"batch": 1}, [receipt]), [row], SIZE, [real])
    vae = AutoencoderKL.from_pretrained(receipt["path"], subfolder="vae")
    with torch.inference_mode():
        given = torch.from_numpy(np.asarray(real.image).copy()).permute(2, 0, 1)[None] / 127.5 - 1
        back = vae.decode(vae.encode(given).latent_dist.mode()).sample[0]
    expected = ((back / 2 + 0.5).clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    assert np.abs(image.astype(int) - expected).max() <= 1


def test_version_two_of_the_variations_sees_the_whole_image_squashed(model, photos):
    recipe = RECIPE | {"mode": "image_variation", "guidance": 3, "batch": 1}
    row = ROWS[0] | {"source_file": "photos.zip", "source_member": "a.jpg"}
    reals = list(Reals(photos, recipe).read([row], SIZE))
    receipt = model("image_variation")
    cropped = painted(Painter(recipe, [receipt]), [row], SIZE, reals)[0]
    squashed = painted(Painter(recipe | {"preparation": "squash"}, [receipt]), [row], SIZE, reals)[0]
    assert not np.array_equal(cropped, squashed)
    from touchstone.painting.image_variation import inputs

    pipe = loaded(receipt)
    tensor = inputs(pipe, [row], reals, SIZE, {"preparation": "squash"})["image"][0]
    side = pipe.image_encoder.config.image_size
    assert tensor.shape == (3, side, side)
    mean, deviation = np.array(pipe.feature_extractor.image_mean), np.array(pipe.feature_extractor.image_std)
    pixels = tensor.numpy().transpose(1, 2, 0) * deviation + mean
    assert abs(pixels.mean() - np.asarray(reals[0].image).mean() / 255) < 0.05


SHORT_OF_MEMORY = """
import json, re, resource, sys
from pathlib import Path
from touchstone.painting.painter import Painter
recipe, model, rows = json.loads(sys.argv[1])
painter = Painter(recipe, [model])
embeds = painter.embed(rows)
painter.paint(rows[:1], (64, 64), [], {key: value[:1] for key, value in embeds.items()}, 0)
held = int(re.search(r"VmSize:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
resource.setrlimit(resource.RLIMIT_AS, (held + 200_000_000,) * 2)
images = painter.paint(rows, (128, 128), [], embeds, 0)
print(len(images), painter.batch, painter.record(rows[0], 0)["batch"])
"""


def test_where_memory_runs_out_the_batch_is_halved_and_the_record_says_so(model):
    recipe = RECIPE | {"steps": 1, "guidance": 1, "batch": 64}
    rows = [ROWS[0] | {"id": f"mine/{number}"} for number in range(64)]
    job = json.dumps([recipe, model("stable_diffusion"), rows])
    command = [sys.executable, "-c", SHORT_OF_MEMORY, job]
    # Blocks go back to the system as soon as they are free, so that what is left does not depend on what was tried before.
    frugal = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}
    environment = os.environ | frugal | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    count, batch, recorded = map(int, done.stdout.split())
    assert count == 64
    assert batch == recorded < 64
    assert "out of memory: goes on with batches of 32" in done.stderr


def test_options_for_speed_are_taken_and_unknown_ones_named(model):
    recipe = RECIPE | {"channels_last": True, "vae_tiling": True, "vae_slicing": True, "fuse_qkv": True, "threads": 2}
    recipe |= {"scheduler": {"name": "DPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++"}}
    painter = Painter(recipe, [model("stable_diffusion")])
    images = painted(painter, ROWS[:2])
    record = painter.record(ROWS[0], 0)
    assert (record["scheduler"], record["threads"]) == ("DPMSolverMultistepScheduler", 2)
    assert images[0].std() > 5
    with pytest.raises(TouchstoneError, match=r"no scheduler called 'NoScheduler'"):
        painted(Painter(RECIPE | {"scheduler": {"name": "NoScheduler"}}, [model("stable_diffusion")]), ROWS[:1])
    with pytest.raises(TouchstoneError, match=r"BasicTransformerBlock[\s\S]*compile: full"):
        painted(Painter(RECIPE | {"compile": "regional"}, [model("deepfloyd_if_1")]), ROWS[:1])
