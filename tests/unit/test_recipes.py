"""recipes.py: a recipe is planned as the dataset it came from, with its own cards and this machine's folders."""

from __future__ import annotations

import os
import shutil

import pytest
import yaml
from tests.building import HOME

from touchstone.catalogue import Catalogue
from touchstone.errors import TouchstoneError
from touchstone.recipes import files_of_recipe, settings_of_recipe, to_get

CONFIG = {"dataset": "demo", "cards": ["config/origins"], "datasets": ["config/datasets"]}


def written(catalogue: Catalogue, folder) -> str:
    """The configuration of a recipe, as ``write_recipe`` puts it there."""
    for place, path in files_of_recipe(catalogue):
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / place)
    texts = {"config.yaml": settings_of_recipe(catalogue), "origins/models.yaml": catalogue.models}
    for place, content in (texts | {"origins/generators.yaml": catalogue.generators}).items():
        (folder / "config" / place).write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(folder)


@pytest.mark.parametrize("name", sorted(path.stem for path in (HOME / "config/datasets").glob("*.yaml")))
def test_every_dataset_is_planned_the_same_from_its_recipe(name, tmp_path):
    catalogue = Catalogue(CONFIG | {"dataset": name}, HOME)
    again = Catalogue(CONFIG | {"recipe": written(catalogue, tmp_path), "paths": {"coco_2017": "/data/coco"}}, HOME)
    assert again.dataset_name == name
    assert again.dataset == catalogue.dataset
    assert (again.models, again.generators) == (catalogue.models, catalogue.generators)
    assert {key: card | {"file": ""} for key, card in again.cards.items()} == {
        key: card | {"file": ""} for key, card in catalogue.cards.items()
    }
    assert again.config["paths"] == {"coco_2017": "/data/coco"}
    for origin in again.cards:
        assert all(path.exists() for path in again.lists_beside_card(origin))


def test_block_lists_go_with_it_and_lists_beyond_config_do_not(tmp_path):
    (tmp_path / "hosts.txt").write_text("example.org\n", encoding="utf-8")
    catalogue = Catalogue(CONFIG | {"blocked": [str(tmp_path / "hosts.txt")], "incomplete": ["demo_photos"]}, HOME)
    catalogue.dataset["takedown"] = ["../lists/gone.txt", "../../../elsewhere.txt"]
    places = dict(files_of_recipe(catalogue))
    assert places["config/lists/0-hosts.txt"] == os.path.relpath(tmp_path / "hosts.txt")
    assert "config/lists/gone.txt" in places
    assert "config/lists/demo_prompts.csv" in places
    assert not [place for place in places if not place.startswith("config/")]
    settings = settings_of_recipe(catalogue)
    assert (settings["blocked"], settings["incomplete"]) == (["config/lists/0-hosts.txt"], ["demo_photos"])


def test_what_a_person_must_get_is_told():
    told = to_get(Catalogue(CONFIG | {"dataset": "ai_genbench_published"}, HOME))
    assert "synthbuster" in told
    assert "coco_2017" not in told
    assert any(name.endswith(".txt") for name in told), "published lists are named, too"


def test_no_recipe_is_told(tmp_path):
    with pytest.raises(TouchstoneError, match="there is no recipe here"):
        Catalogue(CONFIG | {"recipe": str(tmp_path)}, HOME)
