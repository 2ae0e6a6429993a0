"""demo/: what stands in for the internet is real, and the same on every build."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import PurePosixPath

import numpy as np
import pytest
from PIL import Image

from touchstone.demo import models, photos
from touchstone.errors import TouchstoneError
from touchstone.images import BadImage, measure


@pytest.fixture(scope="module")
def collections(tmp_path_factory):
    """The demo's zips, by name."""
    folder = tmp_path_factory.mktemp("photos")
    for name in photos.COLLECTIONS:
        photos.build(name, folder / name)
    return {name: folder / name for name in photos.COLLECTIONS}


@pytest.mark.parametrize("name", photos.COLLECTIONS)
def test_a_second_build_has_the_same_bytes(collections, tmp_path, name):
    photos.build(name, tmp_path / name)
    assert (tmp_path / name).read_bytes() == collections[name].read_bytes()


@pytest.mark.parametrize(("name", "at_least"), [("photos.zip", 200), ("web.zip", 60)])
def test_a_collection_holds_enough_photographs_of_which_one_is_broken_on_purpose(collections, name, at_least):
    good, bad = [], []
    with zipfile.ZipFile(collections[name]) as archive:
        for member in archive.namelist():
            if member == "LICENCES.txt":
                continue
            try:
                good.append(measure(archive.read(member)))
            except BadImage as error:
                bad.append((member, error.reason))
    assert len(good) >= at_least
    assert [reason for _, reason in bad] == (["truncated"] if name == "photos.zip" else [])
    assert {facts["format"] for facts in good} == {"JPEG", "PNG"}
    blank = [facts for facts in good if facts["luma_std"] == 0]
    assert len(blank) == (0 if name == "photos.zip" else 1)  # a black corner of the photograph of a retina
    assert len({facts["pixel_sha256"] for facts in good}) == len(good)


def test_crops_of_one_photograph_overlap_and_lie_in_one_folder(collections):
    with zipfile.ZipFile(collections["photos.zip"]) as archive:
        folders = [PurePosixPath(member).parent.name for member in archive.namelist() if "/" in member]
    assert {folder: folders.count(folder) for folder in folders} == dict.fromkeys(photos.COLLECTIONS["photos.zip"], photos.CROPS)


def test_the_collections_share_no_photograph(collections):
    sources = [source for collection in photos.COLLECTIONS.values() for source in collection.values()]
    assert len(set(sources)) == len(sources)


def test_an_unknown_collection_is_named(tmp_path):
    with pytest.raises(TouchstoneError, match=r"no demo collection 'x\.zip'[\s\S]*photos\.zip, web\.zip"):
        photos.build("x.zip", tmp_path / "x.zip")
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_not_installed_is_named(tmp_path):
    with pytest.raises(TouchstoneError, match=r"'no_such_package'[\s\S]*make setup"):
        photos._package_folder("no_such_package")


# -- models ------------------------------------------------------------------------------------------


def tree(folder) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["stable_diffusion", "image_variation"])
def test_a_second_build_of_a_model_has_the_same_files(tmp_path, name):
    for folder in ("one", "two"):
        models.build(name, tmp_path / folder)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    assert "model_index.json" in tree(tmp_path / "one")
    assert all(path.suffix in (".json", ".safetensors", ".txt") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in (tmp_path / "one").rglob("*")) < 5_000_000


@pytest.mark.parametrize(
    ("name", "pipeline", "given"),
    [
        ("stable_diffusion", "StableDiffusionPipeline", {"prompt": "a red kite, über"}),
        ("image_variation", "StableDiffusionImageVariationPipeline", {"image": Image.new("RGB", (96, 128), (200, 30, 30))}),
    ],
)
def test_diffusers_loads_the_model_and_makes_an_image_that_its_seed_decides(tmp_path, name, pipeline, given):
    import torch
    from diffusers import DiffusionPipeline

    models.build(name, tmp_path / "model")
    pipe = DiffusionPipeline.from_pretrained(tmp_path / "model", local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    assert type(pipe).__name__ == pipeline

    def image(seed: int) -> np.ndarray:
        generator = torch.Generator("cpu").manual_seed(seed)
        return np.asarray(pipe(**given, num_inference_steps=2, height=64, width=64, generator=generator).images[0])

    one = image(1)
    assert one.shape == (64, 64, 3)
    assert one.std() > 5
    assert np.array_equal(one, image(1))
    assert not np.array_equal(one, image(2))


def test_an_unknown_model_is_named(tmp_path):
    with pytest.raises(TouchstoneError, match=r"no demo model 'dalle'[\s\S]*stable_diffusion, image_variation"):
        models.build("dalle", tmp_path / "model")
    assert not list(tmp_path.iterdir())
