"""Every dataset file is planned whole before anything of it is fetched, in seconds."""

from __future__ import annotations

import resource
import subprocess
import sys

import pyarrow as pa
import pytest
import yaml
from tests.building import HOME

from touchstone.catalogue import Catalogue
from touchstone.checking import load_checked
from touchstone.parts import REAL
from touchstone.protocols import _cells

DATASETS = sorted(path.stem for path in (HOME / "config/datasets").glob("*.yaml"))
BENCHMARK = [name for name in DATASETS if name.startswith("ai_genbench")]
WINDOWS = """CycleGAN, Cascaded Refinement Networks, ProGAN, StarGAN; SN-PatchGAN, BigGAN, IMLE, StyleGAN1;
GauGAN, StyleGAN2, DDPM, CIPS; VQGAN, GANformer, ADM, StyleGAN3; LaMa, FaceSynthetics, ProjectedGAN, Palette;
VQ-Diffusion, Denoising Diffusion GAN, Glide, Latent Diffusion;
Midjourney, MAT, Diffusion GAN (ProjectedGAN), Diffusion GAN (StyleGAN2);
Stable Diffusion 1.4, Stable Diffusion 1.5, Stable Diffusion 2.1, DeepFloyd IF;
Stable Diffusion XL 1.0, DALL-E 3, FLUX 1 Dev, FLUX 1 Schnell"""  # as AI-GenBench's evaluation has them


def catalogue_of(name: str) -> Catalogue:
    return Catalogue(load_checked("config", HOME / "config/config.yaml") | {"dataset": name}, HOME)


@pytest.mark.slow
@pytest.mark.parametrize("name", DATASETS)
@pytest.mark.parametrize("target", [["-n"], ["plan", "--cores", "1"]], ids=["n", "plan"])
def test_full_size_plans_take_less_than_ten_seconds(name, target, tmp_path):
    """Of processor time: nothing is waited for, and the time on the clock is that of whoever else is at work."""
    command = [sys.executable, "-m", "snakemake", *target, "--snakefile", str(HOME / "Snakefile"), "--directory", str(tmp_path)]
    settings = ["--workflow-profile", str(HOME / "profiles/default"), "--config", f"dataset={name}"]
    before = children()
    done = subprocess.run([*command, *settings], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert children() - before < 10


def children() -> float:
    """Seconds of processor time of all processes that were started and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.parametrize("name", BENCHMARK)
def test_ai_genbench_has_its_numbers_in_all_three_forms(name):
    catalogue = catalogue_of(name)
    fakes = [part for part in catalogue.parts if part.generator != REAL]
    reals = [part for part in catalogue.parts if part.generator == REAL]
    for split, count in (("train", 4000), ("validation", 1000)):
        by_generator: dict[str, int] = {}
        for part in fakes:
            by_generator[part.generator] = by_generator.get(part.generator, 0) + part.targets[split]
        assert by_generator == dict.fromkeys(by_generator, count)
        assert len(by_generator) == 36
        assert sum(part.targets[split] for part in reals) == 36 * count


def test_our_form_has_one_mix_of_reals_and_imagenet_in_it():
    reals = {part.origin: part.targets for part in catalogue_of("ai_genbench").parts if part.generator == REAL}
    assert "imagenet_2012" in reals
    assert {targets["train"] / targets["validation"] for targets in reals.values()} == {4.0}


def test_the_windows_are_those_of_the_benchmark():
    catalogue = catalogue_of("ai_genbench")
    known = catalogue.named_generators()
    names = sorted({catalogue.generators[part.generator]["name"] for part in catalogue.parts if part.generator != REAL})
    table = pa.table(
        {
            "id": names,
            "split": ["train"] * 36,
            "origin": ["x"] * 36,
            "label": [1] * 36,
            "generator": names,
            "family": [known[name]["family"] for name in names],
            "released": [known[name]["released"] for name in names],
        }
    )
    cells, order = _cells("temporal", table, catalogue.dataset["protocols"]["temporal"], seed=1)
    found = {window: {name for name, cell in zip(names, cells, strict=True) if cell == window} for window in order}
    expected = [{name.strip() for name in window.split(",")} for window in WINDOWS.split(";")]
    assert list(found.values()) == expected


def test_every_dataset_file_says_nothing_that_is_a_default():
    schema = yaml.safe_load((HOME / "workflow/schemas/dataset.schema.yaml").read_text(encoding="utf-8"))["properties"]
    for name in DATASETS:
        content = yaml.safe_load((HOME / f"config/datasets/{name}.yaml").read_text(encoding="utf-8"))
        assert [key for key in content if "default" in schema[key] and schema[key]["default"] == content[key]] == []
