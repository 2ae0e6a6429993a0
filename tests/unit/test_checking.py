"""checking.py: every mistake in a YAML file becomes one message with file, key and mend."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest
import yaml

from touchstone.checking import SCHEMAS, load_checked, read_yaml, suggest, validator
from touchstone.errors import TouchstoneError

CARD = {
    "title": "Photographs",
    "homepage": "https://example.org",
    "licence": "CC0-1.0",
    "access": "open",
    "kind": "archive",
    "files": [{"path": "photos.zip"}],
    "recipe": {"revision": 1, "reader": {"name": "folders"}},
    "examples": [{"given": "a.png", "expect": {"id": "mine/a"}}],
}
GENERATE = CARD | {
    "kind": "generate",
    "recipe": {
        "revision": 1,
        "reader": {"name": "table", "file": "p.csv", "columns": {"id": "id"}},
        **{"mode": "text_to_image", "model": "m", "steps": 4, "size": [64, 64], "batch": 4, "seed": 1},
    },
}
DATASET = {
    "title": "Mine",
    "seed": 1,
    "splits": {"train": 0.8, "test": 0.2},
    "fakes": {"sd": {"quota": 10}},
    "reals": {"photos": {"share": 1}},
}
MODELS = {"m": {"sources": ["demo:x"], "generator": "sd", "licence": "MIT"}}
GENERATORS = {"sd": {"name": "Stable Diffusion", "released": "2022-08-22"}}
CONFIG = {"dataset": "mine", "cards": ["cards"], "datasets": ["datasets"]}
GOOD = {"origin": CARD, "dataset": DATASET, "models": MODELS, "generators": GENERATORS, "config": CONFIG}


def changed(value: dict, key: str, new: object) -> dict:
    """A copy in which the value at ``a.b.0`` is ``new``; ``...`` removes it."""
    value = node = copy.deepcopy(value)
    *path, last = [int(step) if step.isdigit() else step for step in key.split(".")]
    for step in path:
        node = node[step]
    if new is ...:
        del node[last]
    else:
        node[last] = new
    return value


def refusal(schema: str, value: object) -> TouchstoneError:
    with pytest.raises(TouchstoneError) as caught:
        load_checked(schema, "folder/file.yaml", value)
    assert str(caught.value.where).startswith("folder/file.yaml")
    assert caught.value.mend
    return caught.value


@pytest.mark.parametrize("schema", GOOD)
def test_what_is_right_is_accepted(schema):
    assert load_checked(schema, "file.yaml", copy.deepcopy(GOOD[schema]))


@pytest.mark.parametrize("path", sorted(SCHEMAS.glob("*.schema.yaml")), ids=lambda path: path.name)
def test_every_schema_is_one_and_explains_itself(path):
    schema = validator(path.name.removesuffix(".schema.yaml"))
    schema.check_schema(schema.schema)
    assert schema.schema["description"]
    for name, below in schema.schema.get("properties", {}).items():
        assert below is False or "$ref" in below or below.get("description"), name


@pytest.mark.parametrize(
    ("schema", "key", "new", "what", "where", "mend"),
    [
        ("dataset", "seeds", 1, "unknown key 'seeds'", "", "did you mean 'seed'?"),
        ("dataset", "zzz", 1, "unknown key 'zzz'", "", "known keys: title, description"),
        ("dataset", "seed", ..., "the key 'seed' is missing", "", "Seed of every draw"),
        ("dataset", "seed", "one", "the value 'one' is not allowed: must be of type integer", "seed", "Seed of every"),
        ("dataset", "splits", {}, "must have at least 1", "splits", "add up to 1"),
        ("dataset", "splits", {"Train": 1}, "'Train' is not allowed: must be like", "splits", "workflow/schemas"),
        ("dataset", "splits.train", 0, "the value 0 is not allowed: must be more than 0", "splits.train", "schemas"),
        ("dataset", "splits.train", 1.5, "must be at most 1", "splits.train", "schemas"),
        ("dataset", "fakes", {}, "must have at least 1", "fakes", "Generated images"),
        ("dataset", "fakes.sd.quota", 0, "must be at least 1", "fakes.sd.quota", "Images of every"),
        ("dataset", "fakes.sd.quotas", 1, "unknown key 'quotas'", "fakes.sd", "'quota'"),
        ("dataset", "reals.photos", {}, "exactly one of the keys share, quota", "reals.photos", "schemas"),
        ("dataset", "reals.photos", {"share": 1, "quota": 2}, "exactly one of the keys share, quota", "reals.photos", "schemas"),
        ("dataset", "margin", 0.5, "must be at least 1", "margin", "spares"),
        ("origin", "kind", "achive", "'achive' is not allowed: must be one of archive, urls, generate", "kind", "published"),
        ("origin", "files", ..., "the key 'files' is missing", "", "files"),
        ("origin", "access", "manual", "the key 'instructions' is missing", "", "instructions"),
        ("origin", "homepage", "example.org", "must be like ^https?://", "homepage", "documented"),
        ("origin", "examples", [], "must have at least 1", "examples", "own test"),
        ("origin", "files.0.path", "../up.zip", "'../up.zip' is not allowed", "files.0.path", "below"),
        ("origin", "files.0.path", "/up.zip", "'/up.zip' is not allowed", "files.0.path", "below"),
        ("origin", "files.0.source", "file:///etc/passwd", "not allowed: must be like", "files.0.source", "https"),
        ("origin", "files.0.sha256", "123", "must be like", "files.0.sha256", "SHA-256"),
        ("origin", "recipe.steps", 4, "unknown key 'steps'", "recipe", "known keys: revision, reader"),
        ("origin", "recipe.reader.name", "folder", "must be one of folders, table", "recipe.reader.name", "readers"),
        ("origin", "recipe.reader.grp", "x", "unknown key 'grp'", "recipe.reader", "group"),
        ("models", "m.sources", ["hub:a/b"], "must be like ^(hub:", "m.sources.0", "schemas"),
        ("models", "m.sources", ["s3:a"], "must be like ^(hub:", "m.sources.0", "schemas"),
        ("models", "m.sources", [], "must have at least 1", "m.sources", "first that works"),
        ("models", "m.licence", ..., "the key 'licence' is missing", "m", "SPDX"),
        ("generators", "real", {"name": "x", "released": "2020-01-01"}, "the key 'real' does not belong here", "", "schemas"),
        ("generators", "sd.released", "August", "must be like", "sd.released", "YYYY-MM-DD"),
        ("config", "dataset", "My-Data", "must be like", "dataset", "Name of the dataset"),
        ("config", "jobs", 4, "unknown key 'jobs'", "", "known keys: dataset, cards"),
    ],
)
def test_a_mistake_is_told_with_key_and_mend(schema, key, new, what, where, mend):
    error = refusal(schema, changed(GOOD[schema], key, new))
    assert what in error.what
    assert error.where == ("folder/file.yaml: " + where if where else "folder/file.yaml")
    assert mend in error.mend


@pytest.mark.parametrize(
    ("key", "new", "what"),
    [
        ("generators", ["sd"], "the key 'generators' does not belong here"),
        ("recipe.size", [60, 64], "60 is not allowed: must be a multiple of 8"),
        ("recipe.size", [64], "must have at least 2 entries"),
        ("recipe.model", ..., "the key 'model' is missing"),
        ("recipe.step", 4, "unknown key 'step'"),
        ("recipe.reader.columns", {"prompt": "p"}, "the key 'id' is missing"),
        ("recipe.reader.columns.colour", "c", "'colour' is not allowed: must be one of id, member"),
        ("recipe.reader.file", ..., "the key 'file' is missing"),
    ],
)
def test_a_mistake_in_a_card_of_generated_images(key, new, what):
    assert what in refusal("origin", changed(GENERATE, key, new)).what


def test_a_dataset_without_any_origin_says_which_keys_are_needed():
    error = refusal("dataset", {key: DATASET[key] for key in ("title", "seed", "splits")})
    assert error.what == "at least one of the keys fakes, reals is needed"


def test_of_several_mistakes_the_one_that_explains_most_comes_first():
    value = changed(changed(DATASET, "sed", 1), "margin", 0)
    assert "unknown key 'sed'" in refusal("dataset", value).what


def test_a_long_value_is_cut_in_the_message():
    assert len(str(refusal("dataset", changed(DATASET, "seed", "x" * 10_000)))) < 500


@pytest.mark.parametrize("value", [[], "text", 3])
def test_a_file_that_is_no_mapping(value):
    assert "must be of type object" in refusal("dataset", value).what


def test_defaults_are_filled_in():
    filled = load_checked("dataset", "file.yaml", copy.deepcopy(DATASET))
    assert (filled["margin"], filled["shard_items"], filled["pack_items"]) == (1.25, 1000, 5000)
    assert filled["screen"] == {"min_side": 1, "near_duplicate_bits": 3, "placeholder_addresses": 5}
    assert filled["gates"]["rejected"] == {"limit": 0.2, "action": "fail"}
    assert filled["gates"]["shortfall"] == {"limit": 0, "action": "fail"}
    assert (filled["images"], filled["exports"], filled["protocols"]) == ({"encoding": "original"}, [], {})
    assert "margin" not in filled["fakes"]["sd"]


def test_what_is_given_wins_over_a_default():
    filled = load_checked("dataset", "file.yaml", DATASET | {"margin": 2, "screen": {"min_side": 64}})
    assert (filled["margin"], filled["screen"]) == (2, {"min_side": 64, "near_duplicate_bits": 3, "placeholder_addresses": 5})
    filled = load_checked("dataset", "file.yaml", DATASET | {"gates": {"rejected": {"limit": 0.5}}})
    assert filled["gates"]["rejected"] == {"limit": 0.5, "action": "fail"}


def test_off_is_a_text_and_true_is_not(tmp_path):
    (tmp_path / "a.yaml").write_text("a: off\nb: no\nc: true\nd: Yes\ne: False\n", encoding="utf-8")
    assert read_yaml(tmp_path / "a.yaml") == {"a": "off", "b": "no", "c": True, "d": "Yes", "e": False}


# -- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "what", "line"),
    [
        (b"a: 1\nb: [1, 2\nc: 3\n", "not YAML", 3),
        (b"a: 1\n\tb: 2\n", "not YAML", 2),
        (b"a: 1\nb: 2\na: 3\n", "the key 'a' occurs twice", 3),
        (b"x:\n  a: {b: 1, b: 2}\n", "the key 'b' occurs twice", 2),
        (b"a: 1\n2: 3\n", "the key 2 needs quotes", 2),
        (b"true: 3\n", "the key true needs quotes", 1),
        (b"a: !!python/object/apply:os.system [id]\n", "could not determine a constructor", 1),
    ],
)
def test_a_file_that_is_not_yaml_names_its_line(tmp_path, content, what, line):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(TouchstoneError, match=re.escape(what)) as error:
        read_yaml(path)
    assert error.value.where == f"{path}, line {line}"
    assert error.value.mend


def test_a_file_that_is_missing_or_not_utf8(tmp_path):
    with pytest.raises(TouchstoneError, match="missing") as error:
        read_yaml(tmp_path / "nothing.yaml")
    assert (error.value.where, bool(error.value.mend)) == (tmp_path / "nothing.yaml", True)
    (tmp_path / "latin.yaml").write_bytes("title: Übersee".encode("latin-1"))
    with pytest.raises(TouchstoneError, match="not UTF-8") as error:
        read_yaml(tmp_path / "latin.yaml")
    assert error.value.mend


@pytest.mark.parametrize("content", ["", "# only a comment\n", "---\n"])
def test_an_empty_file_is_refused(tmp_path, content):
    (tmp_path / "empty.yaml").write_text(content)
    with pytest.raises(TouchstoneError, match=r"None is not allowed: must be of type object[\s\S]*empty\.yaml"):
        load_checked("dataset", tmp_path / "empty.yaml")


def test_dates_stay_texts_with_and_without_quotes(tmp_path):
    (tmp_path / "g.yaml").write_text('a: {name: A, released: 2022-08-22}\nb: {name: B, released: "2022-08-23"}\n')
    table = load_checked("generators", tmp_path / "g.yaml")
    assert [entry["released"] for entry in table.values()] == ["2022-08-22", "2022-08-23"]


def test_reading_gives_what_plain_yaml_gives(tmp_path):
    (tmp_path / "card.yaml").write_text(yaml.safe_dump(GENERATE), encoding="utf-8")
    assert read_yaml(tmp_path / "card.yaml") == GENERATE


def test_suggestions():
    assert suggest("sead", ["seed", "splits"]) == "did you mean 'seed'?"
    assert suggest("zzz", ["seed", "splits"]) is None
    assert suggest("x", []) is None


def test_the_schemas_are_found_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    validator.cache_clear()
    assert validator("config").schema["title"] == "Settings"
    assert Path(SCHEMAS).is_absolute()
