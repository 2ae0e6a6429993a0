"""catalogue.py: mistakes between files are told, and the numbers of a plan follow from the files alone."""

from __future__ import annotations

import copy
import math
import os
import subprocess
import sys
from fractions import Fraction

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.building import HOME

from touchstone.catalogue import Catalogue
from touchstone.checking import read_yaml
from touchstone.errors import TouchstoneError
from touchstone.parts import REAL, Part, apportion, numbered, shards_named_in

CARD = {
    "title": "A card",
    "homepage": "https://example.org",
    "licence": "CC0-1.0",
    "access": "open",
    "kind": "archive",
    "files": [{"path": "photos.zip", "source": "card:../lists/p.csv"}],
    "recipe": {"revision": 1, "reader": {"name": "folders"}},
    "examples": [{"given": "a.png", "expect": "skip"}],
}
VARIATIONS = {
    **{key: CARD[key] for key in ("title", "homepage", "licence", "access", "examples")},
    "kind": "generate",
    "cost": {"seconds": 2},
    "recipe": {
        "revision": 1,
        "reader": {"name": "pairs", "origin": "photos"},
        **{"mode": "image_variation", "model": "tiny", "steps": 4, "size": [64, 64], "batch": 4, "seed": 1},
    },
}
FILES = {
    "cards/photos.yaml": CARD,
    "cards/fakes.yaml": CARD | {"generators": ["sd", "gan"]},
    "cards/variations.yaml": VARIATIONS,
    "cards/models.yaml": {"tiny": {"sources": ["demo:x"], "generator": "tiny_sd", "licence": "MIT"}},
    "cards/generators.yaml": {
        "sd": {"name": "Stable Diffusion", "released": "2022-08-22"},
        "gan": {"name": "StyleGAN", "released": "2018-12-12"},
        "tiny_sd": {"name": "Tiny SD", "released": "2022-08-22"},
    },
    "datasets/mine.yaml": {
        "title": "Mine",
        "seed": 1,
        "splits": {"train": 0.8, "test": 0.2},
        "margin": 1.5,
        "shard_items": 10,
        "pack_items": 20,
        "fakes": {"fakes": {"quota": {"sd": 30, "gan": 15}}, "variations": {"quota": 20, "margin": 1}},
        "reals": {"photos": {"share": 1}},
    },
}
CONFIG = {"dataset": "mine", "cards": ["cards"], "datasets": ["datasets"]}


@pytest.fixture
def catalogue(tmp_path):
    """``catalogue({"datasets/mine.yaml": {"seed": 2}})`` → the catalogue with these keys changed."""

    def load(changes: dict | None = None, config: dict | None = None) -> Catalogue:
        files = copy.deepcopy(FILES)
        for name, change in (changes or {}).items():
            files[name] = files.get(name, {}) | change if isinstance(change, dict) else change
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        return Catalogue(CONFIG | (config or {}), tmp_path)

    return load


# -- mistakes ----------------------------------------------------------------------------------------

MINE = "datasets/mine.yaml"


@pytest.mark.parametrize(
    ("changes", "what", "where", "mend"),
    [
        ({MINE: {"seeds": 1}}, "unknown key 'seeds'", "mine.yaml", "did you mean 'seed'?"),
        ({MINE: ""}, "None is not allowed", "mine.yaml", "dataset file"),
        ({MINE: "a: [1"}, "not YAML", "mine.yaml, line 2", "near that line"),
        ({MINE: {"splits": {"train": 0.8, "test": 0.3}}}, "splits add up to 1.1, not 1", "mine.yaml: splits", "change"),
        ({MINE: {"fakes": {"fake": {"quota": 1}}}}, "no origin called 'fake', named in", "cards", "did you mean 'fakes'?"),
        ({MINE: {"reals": {"zzz": {"quota": 1}}}}, "no origin called 'zzz'", "cards", "known: fakes, photos, variations"),
        (
            {MINE: {"fakes": {"fakes": {"quota": {"sdd": 1}}}}},
            "origin 'fakes' has no generator called 'sdd'",
            "mine.yaml: fakes.fakes.quota",
            "did you mean 'sd'?",
        ),
        (
            {MINE: {"fakes": {"fakes": {"quota": {"tiny_sd": 1}}}}},
            "has no generator called 'tiny_sd'",
            "mine.yaml: fakes.fakes.quota",
            "fakes.yaml",
        ),
        ({MINE: {"fakes": {"photos": {"quota": 1}}}}, "'photos' holds no generated images", "fakes.photos", "under `reals`"),
        ({"cards/fakes.yaml": {"kind": "archives"}}, "'archives' is not allowed", "fakes.yaml: kind", "published"),
        ({"cards/fakes.yaml": {"generators": ["sd", "gann"]}}, "no generator called 'gann'", "fakes.yaml: generators", "'gan'"),
        (
            {"cards/models.yaml": {"tiny": FILES["cards/models.yaml"]["tiny"] | {"generator": "zzz"}}},
            "no generator called 'zzz'",
            "models.yaml: tiny.generator",
            "add it to generators.yaml",
        ),
        (
            {"cards/variations.yaml": {"recipe": VARIATIONS["recipe"] | {"model": "tinny"}}},
            "no model called 'tinny'",
            "variations.yaml: recipe.model",
            "did you mean 'tiny'?",
        ),
        (
            {"cards/variations.yaml": {"recipe": VARIATIONS["recipe"] | {"reader": {"name": "pairs", "origin": "foto"}}}},
            "no origin called 'foto'",
            "cards",
            "did you mean 'photos'?",
        ),
        ({"cards/generators.yaml": {"sd": {"name": "x"}}}, "'released' is missing", "generators.yaml: sd", "YYYY-MM-DD"),
        ({"cards/models.yaml": {"Tiny": FILES["cards/models.yaml"]["tiny"]}}, "'Tiny' is not allowed", "models.yaml", "schemas"),
    ],
)
def test_a_mistake_names_file_key_and_mend(catalogue, changes, what, where, mend):
    with pytest.raises(TouchstoneError) as error:
        catalogue(changes)
    assert what in error.value.what
    assert where in str(error.value.where)
    assert mend in error.value.mend


def test_reals_by_share_need_fakes(catalogue):
    dataset = {key: value for key, value in FILES[MINE].items() if key != "fakes"}
    with pytest.raises(TouchstoneError, match=r"follow the number of fakes[\s\S]*give each origin a `quota`"):
        catalogue({MINE: yaml.safe_dump(dataset)})
    dataset["reals"] = {"photos": {"quota": 5}}
    assert [part.quota for part in catalogue({MINE: yaml.safe_dump(dataset)}).parts] == [5]


@pytest.mark.parametrize(("name", "mend"), [("mime", "did you mean 'mine'?"), ("zzz", "known: mine")])
def test_an_unknown_dataset(catalogue, name, mend):
    with pytest.raises(TouchstoneError, match=f"no dataset called '{name}'") as error:
        catalogue(config={"dataset": name})
    assert error.value.mend == mend


def test_a_mistake_in_the_settings(catalogue):
    with pytest.raises(TouchstoneError, match=r"unknown key 'datset'[\s\S]*config/config\.yaml[\s\S]*dataset"):
        catalogue(config={"datset": "x"})


@pytest.mark.parametrize("name", ["all", "plan", "data"])
def test_names_that_targets_and_folders_have(catalogue, name):
    with pytest.raises(TouchstoneError, match=f"cannot be called '{name}'"):
        catalogue({f"cards/{name}.yaml": CARD, MINE: {"reals": {name: {"share": 1}}}})


def test_cards_of_ones_own_stay_in_a_folder_of_ones_own(catalogue, tmp_path):
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "mine.yaml").write_text(yaml.safe_dump(CARD | {"generators": ["mygan"]}))
    (tmp_path / "own" / "generators.yaml").write_text("mygan: {name: My GAN, released: 2025-01-01}\n")
    (tmp_path / "own" / "photos.yaml").write_text(yaml.safe_dump(CARD | {"title": "Other photos"}))
    loaded = catalogue({MINE: {"fakes": {"mine": {"quota": 4}}}}, config={"cards": ["cards", "own"]})
    assert loaded.generator_table("mine") == {"mygan": {"name": "My GAN", "released": "2025-01-01"}}
    assert loaded.card("photos")["title"] == "Other photos"  # a later folder wins
    assert "sd" in loaded.generators  # and adds to the earlier ones


# -- numbers -----------------------------------------------------------------------------------------


def test_parts_of_a_dataset(catalogue):
    parts = {(part.origin, part.generator): part for part in catalogue().parts}
    assert {key: (part.targets, part.drawn, part.matched) for key, part in parts.items()} == {
        ("fakes", "sd"): ({"train": 24, "test": 6}, 45, False),
        ("fakes", "gan"): ({"train": 12, "test": 3}, 23, False),
        ("variations", "tiny_sd"): ({"train": 16, "test": 4}, 20, False),
        ("photos", REAL): ({"train": 52, "test": 13}, 98, True),
    }
    assert catalogue().origins == ["fakes", "variations", "photos"]


def test_one_quota_counts_for_every_generator(catalogue):
    loaded = catalogue({MINE: {"fakes": {"fakes": {"quota": 7}}}})
    assert [(part.generator, part.quota) for part in loaded.parts_of("fakes")] == [("sd", 7), ("gan", 7)]


def test_shards_of_the_take_and_of_the_finished_dataset(catalogue):
    loaded = catalogue()
    assert loaded.shards("fakes") == [f"sd-0000{n}" for n in range(5)] + [f"gan-0000{n}" for n in range(3)]
    assert loaded.shards("photos") == [f"real-0000{n}" for n in range(10)]
    assert loaded.packed() == [
        ("train", "fakes-sd-00000"),
        ("train", "fakes-sd-00001"),
        ("test", "fakes-sd-00000"),
        ("train", "fakes-gan-00000"),
        ("test", "fakes-gan-00000"),
        ("train", "variations-tiny_sd-00000"),
        ("test", "variations-tiny_sd-00000"),
        ("train", "photos-real-00000"),
        ("train", "photos-real-00001"),
        ("train", "photos-real-00002"),
        ("test", "photos-real-00000"),
    ]


def test_what_the_rules_pass_on(catalogue):
    loaded = catalogue()
    assert loaded.draw_plan("fakes") == [
        {"key": "sd", "name": "Stable Diffusion", "drawn": 45},
        {"key": "gan", "name": "StyleGAN", "drawn": 23},
    ]
    assert loaded.draw_plan("photos") == [{"key": "real", "name": "", "drawn": 98}]
    assert [sum(part["targets"].values()) for part in loaded.split_plan()] == [30, 15, 20, 65]
    assert (loaded.source_of_pairs("variations"), loaded.source_of_pairs("fakes")) == ("photos", None)
    assert loaded.of_kind("archive") == ["fakes", "photos"]
    assert loaded.minutes_per_shard("variations") == 1
    assert [path.name for path in loaded.lists_beside_card("photos")] == ["p.csv"]


def test_the_source_of_variations_is_loaded_though_no_image_of_it_is_wanted(catalogue):
    loaded = catalogue({MINE: {"fakes": {"variations": {"quota": 4}}, "reals": {"fakes": {"quota": 1}}}})
    assert set(loaded.cards) == {"variations", "photos", "fakes"}
    assert loaded.shards("photos") == []


def test_a_larger_quota_only_appends_shards(catalogue):
    def shards(quota: int) -> list[str]:
        return catalogue({MINE: {"fakes": {"fakes": {"quota": {"sd": quota}}}}}).shards("fakes")

    before = shards(1)
    for quota in range(2, 60, 3):
        after = shards(quota)
        assert after[: len(before)] == before
        before = after
    assert len(before) == 9


def test_reals_are_as_many_as_the_fakes_in_every_split(catalogue):
    shares = {"photos": {"share": 3}, "fakes": {"share": 1}}
    for quota in (1, 7, 33, 64):
        loaded = catalogue({MINE: {"fakes": {"variations": {"quota": quota}}, "reals": shares}})
        for split in ("train", "test"):
            fakes = sum(part.targets[split] for part in loaded.parts if part.generator != REAL)
            reals = [part.targets[split] for part in loaded.parts if part.generator == REAL]
            assert sum(reals) == fakes
            assert abs(reals[0] - 0.75 * fakes) < 1


def test_the_margin_is_rounded_up_but_not_for_rounding_errors():
    assert Part("o", "g", {"train": 100}, 1.1).drawn == 110  # 100 * 1.1 is 110.00000000000001
    assert Part("o", "g", {"train": 3}, 1.25).drawn == 4
    assert Part("o", "g", {"train": 64}, 1).drawn == 64


def test_numbered():
    assert numbered(0, 10, "a") == []
    assert numbered(10, 10, "a") == ["a-00000"]
    assert numbered(11, 10, "a") == ["a-00000", "a-00001"]


def test_shards_named_in_a_pick_list(tmp_path):
    (tmp_path / "p.csv").write_text("shard,row\nphotos/real-00001,3\nphotos/real-00000,1\nphotos/real-00001,9\n")
    assert shards_named_in(tmp_path / "p.csv") == ["photos/real-00001", "photos/real-00000"]


shares_of = st.dictionaries(st.text(min_size=1, max_size=3), st.floats(1e-6, 1e6), min_size=1, max_size=12)


@given(total=st.integers(0, 10**8), shares=shares_of)
def test_apportioned_numbers_add_up_and_are_within_one_of_exact(total, shares):
    cut = apportion(total, shares)
    assert sum(cut.values()) == total
    assert list(cut) == list(shares)
    whole = sum(Fraction(share) for share in shares.values())
    for key, number in cut.items():
        assert number >= 0
        assert abs(number - total * Fraction(shares[key]) / whole) < 1 + Fraction(1, 10**6)


@given(total=st.integers(0, 10**6), shares=shares_of, factor=st.sampled_from([0.5, 2, 1024]))
def test_apportioning_depends_on_proportions_alone(total, shares, factor):
    assert apportion(total, shares) == apportion(total, {key: share * factor for key, share in shares.items()})


@given(total=st.integers(0, 10**6), count=st.integers(1, 9))
def test_ties_go_to_the_earlier_key(total, count):
    cut = list(apportion(total, dict.fromkeys("abcdefghi"[:count], 0.1)).values())
    assert cut == sorted(cut, reverse=True)
    assert cut[0] - cut[-1] <= 1


@given(total=st.integers(1, 10**6), share=st.floats(0.01, 0.99))
def test_a_share_of_everything_is_everything(total, share):
    assert apportion(total, {"all": share}) == {"all": total}
    assert math.isclose(apportion(total, {"a": share, "b": 1 - share})["a"], total * share, abs_tol=1)


# -- the project's own -------------------------------------------------------------------------------


@pytest.mark.parametrize("path", sorted((HOME / "config" / "datasets").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_dataset_of_the_project_loads(path):
    config = read_yaml(HOME / "config" / "config.yaml")
    loaded = Catalogue(config | {"dataset": path.stem}, HOME)
    assert loaded.parts
    assert all(loaded.shards(origin) for origin in loaded.origins)


def test_planning_imports_nothing_heavy():
    program = (
        "import sys, touchstone.catalogue, touchstone.plan;"
        "heavy = {'torch', 'pyarrow', 'numpy', 'pandas', 'PIL', 'diffusers', 'transformers', 'datasets', 'img2dataset'};"
        "print(*(heavy & set(sys.modules)))"
    )
    environment = os.environ | {"PYTHONPATH": str(HOME / "workflow" / "scripts")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == ""
