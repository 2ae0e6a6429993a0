"""The documentation says what is so: tables, links, paths, targets, keys, and rules that can be looked up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.test_cards import CARDS, example_listing

from touchstone.catalogue import Catalogue
from touchstone.checking import load_checked
from touchstone.listing import complete
from touchstone.parts import REAL
from touchstone.readers import Skip, reader

HOME = Path(__file__).resolve().parents[1]
PAGES = sorted([*HOME.glob("*.md"), *HOME.glob("[!.]*/*.md")])
RULES = [HOME / "Snakefile", *sorted((HOME / "workflow/rules").glob("*.smk"))]
ORIGINS = HOME / "config/origins"
DATASETS = sorted((HOME / "config/datasets").glob("*.yaml"))


def read(name: str | Path) -> str:
    return (HOME / name).read_text(encoding="utf-8")


# -- generated tables ----------------------------------------------------------------------------


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def origins_table() -> str:
    generators = load_checked("generators", ORIGINS / "generators.yaml")
    models = load_checked("models", ORIGINS / "models.yaml")
    rows = []
    for path in CARDS:
        card = load_checked("origin", path)
        own = (
            [card["recipe"].get("generator") or models[card["recipe"]["model"]]["generator"]]
            if card["kind"] == "generate"
            else []
        )
        keys = own or card.get("generators", [])
        reals = not keys or any(
            example["expect"] != "skip" and example["expect"].get("label") == 0 for example in card["examples"]
        )
        images = "; ".join(["real"] * reals + ["generated: " + ", ".join(generators[key]["name"] for key in keys)] * bool(keys))
        rows.append([f"`{path.stem}`", card["title"], card["kind"], images, card["licence"], card["access"]])
    return table(["origin", "title", "kind", "images", "licence", "access"], rows)


def datasets_table() -> str:
    rows = []
    for path in DATASETS:
        catalogue = Catalogue(load_checked("config", HOME / "config/config.yaml") | {"dataset": path.stem}, HOME)
        reals = sum(part.quota for part in catalogue.parts if part.generator == REAL)
        fakes = sum(part.quota for part in catalogue.parts if part.generator != REAL)
        splits = ", ".join(f"{name} {share:.4g}" for name, share in catalogue.dataset["splits"].items())
        origins = ", ".join(f"`{origin}`" for origin in catalogue.origins)
        rows.append([f"`{path.stem}`", catalogue.dataset["title"], f"{reals:,}", f"{fakes:,}", splits, origins])
    return table(["dataset", "title", "real", "fake", "splits", "origins"], rows)


@pytest.mark.parametrize(("name", "made"), [("origins", origins_table), ("datasets", datasets_table)])
def test_tables_of_the_readme_are_those_of_the_configuration(name, made, fix):
    pattern = re.compile(rf"(<!-- {name}: .*-->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)
    text = read("README.md")
    assert len(pattern.findall(text)) == 1
    whole = pattern.sub(lambda found: f"{found[1]}\n{made()}\n{found[3]}", text)
    if fix and text != whole:
        (HOME / "README.md").write_text(whole, encoding="utf-8")
    assert read("README.md") == whole, "run make format"


def test_the_sample_in_the_readme_counts_what_the_demo_draws_and_keeps():
    (sample,) = re.findall(r"^```text\n( +kept .*?)^```", read("README.md"), re.MULTILINE | re.DOTALL)
    catalogue = Catalogue(load_checked("config", HOME / "config/config.yaml") | {"dataset": "demo"}, HOME)
    for split in catalogue.dataset["splits"]:
        reals = sum(part.targets[split] for part in catalogue.parts if part.generator == REAL)
        fakes = sum(part.targets[split] for part in catalogue.parts if part.generator != REAL)
        assert re.search(rf"^ +{split} +{reals} +{fakes}$", sample, re.MULTILINE)
    drawn, kept = sum(part.drawn for part in catalogue.parts), sum(part.quota for part in catalogue.parts)
    assert f"{drawn} items drawn = {kept} kept + {drawn - kept} rejected" in sample


# -- links, paths, targets -----------------------------------------------------------------------


def outside_code(text: str) -> str:
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^ *```.*?^ *```$", "", text, flags=re.MULTILINE | re.DOTALL))


def anchors(page: Path) -> set[str]:
    """Anchors as GitHub makes them from headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(HOME).as_posix())
def test_links_lead_somewhere(page):
    text = re.sub(r"\[`([^`]*)`\]", r"[\1]", page.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)\s]+)\)", outside_code(text)):
        if not re.match(r"https?://|mailto:", target):
            path, _, anchor = target.partition("#")
            file = page.parent / path if path else page
            assert file.exists(), target
            assert not anchor or anchor in anchors(file), target


def tree() -> list[str]:
    """Paths of the tree in ARCHITECTURE.md, patterns among them."""
    (block,) = re.findall(r"^## The house\n\n```text\n(.*?)^```", read("ARCHITECTURE.md"), re.MULTILINE | re.DOTALL)
    paths, above = [], []
    for line in block.splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        above = above[:depth]
        paths.append("".join(above) + name)
        above.append(name if name.endswith("/") else "")
    return paths


def test_every_path_of_the_tree_is_there():
    assert [path for path in tree() if not list(HOME.glob(path.rstrip("/")))] == []


def test_every_file_of_workflow_config_and_profiles_is_in_the_tree():
    named = {found for path in tree() for found in HOME.glob(path.rstrip("/"))}
    there = (path for folder in ("workflow", "config", "profiles") for path in (HOME / folder).rglob("*") if path.is_file())
    assert [path.relative_to(HOME).as_posix() for path in there if path not in named and path.suffix != ".pyc"] == []


def test_every_test_that_architecture_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", read("ARCHITECTURE.md"))
    assert len(named) > 10
    assert [name for name in named if not re.search(rf"^def {name[1]}\(" if name[1] else "", read(name[0]), re.MULTILINE)] == []


def test_every_rule_that_architecture_tells_of_is_there():
    rows = re.search(r"^## The way of the data\n(.*?)^## ", read("ARCHITECTURE.md"), re.MULTILINE | re.DOTALL)[1]
    told = {name for line in rows.splitlines() if line.count("|") == 5 for name in re.findall(r"`(\w+)`", line.split("|")[2])}
    assert told == set(rules()) - {"all", "plan", "progress"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(HOME).as_posix())
def test_every_make_target_that_is_named_is_one(page):
    targets = set(re.search(r"^\.PHONY: (.*)$", read("Makefile"), re.MULTILINE)[1].split())
    text = page.read_text(encoding="utf-8")
    code = re.findall(r"`(make [^`\n]*)`", text) + re.findall(r"^ *(make [^#\n]*)", text, re.MULTILINE)
    named = {word for line in code for word in line.split()[1:] if "=" not in word}
    assert named <= targets


# -- the walk-through of CONTRIBUTING.md ---------------------------------------------------------


def test_the_example_of_an_origin_can_be_planned_and_passes_its_own_test(tmp_path):
    blocks = re.findall(r"^ +```yaml\n +# (\S+)\n(.*?)^ +```", read("CONTRIBUTING.md"), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 4
    for name, content in blocks:
        path = tmp_path / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(re.sub(r"^   ", "", content, flags=re.MULTILINE).replace("/data/", f"{tmp_path}/data/"), encoding="utf-8")
    config = yaml.safe_load((tmp_path / "config/config.yaml").read_text(encoding="utf-8"))
    catalogue = Catalogue(config, HOME)
    assert catalogue.shards("my_album") == ["stable_diffusion_xl-00000"]
    card = catalogue.card("my_album")
    for example in card["examples"]:
        options = card["recipe"]["reader"]
        (item,) = reader(options["name"])(example_listing(example, options), options)
        if example["expect"] == "skip":
            assert isinstance(item, Skip)
        else:
            row = complete(item, "my_album", catalogue.generator_table("my_album"), card["kind"], card["licence"])
            assert {key: row[key] for key in example["expect"]} == example["expect"]


# -- schemas and rules ---------------------------------------------------------------------------


def keys(schema: object, root: dict, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Every key that a schema allows, and whether it is described there; conditions are left out."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    for name, below in schema.get("properties", {}).items():
        target = root["$defs"][below["$ref"].rsplit("/", 1)[1]] if isinstance(below, dict) and "$ref" in below else below
        if target is not True and target != {"not": {}}:
            yield (*at, name), isinstance(target, dict) and bool(target.get("description"))
        yield from keys(below, root, (*at, name))
    for name, step in (("items", "[]"), ("additionalProperties", "*")):
        yield from keys(schema.get(name), root, (*at, step))
    for name in ("allOf", "anyOf", "oneOf"):
        for below in schema.get(name, []):
            yield from keys(below, root, at)
    for name in ("then", "else"):
        yield from keys(schema.get(name), root, at)


@pytest.mark.parametrize("path", sorted((HOME / "workflow/schemas").glob("*.yaml")), ids=lambda path: path.name)
def test_every_key_of_the_schemas_is_described(path):
    schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = list(keys(schema, schema))
    assert found
    described = {at for at, is_described in found if is_described}
    assert [".".join(at) for at, _ in found if at not in described] == []
    assert schema["description"]


def rules() -> dict[str, str]:
    """Text of every rule, by name."""
    pattern = re.compile(r"^(?:rule|checkpoint) (\w+):\n((?:[ \t]+.*\n|\n)*)", re.MULTILINE)
    return dict(found for path in RULES for found in pattern.findall(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", rules())
def test_every_rule_that_does_something_has_a_log_and_a_benchmark(name):
    text = rules()[name]
    is_local = "localrule: True" in text
    if not re.search(r"^    (script|run|shell):", text, re.MULTILINE):
        assert is_local, "a target, which does nothing itself"
        return
    assert re.search(rf'^    log:\n        "logs/{name}[/.]', text, re.MULTILINE)
    if not is_local and "output:" in text:  # a benchmark counts as output, and a rule without any runs whenever it is asked for
        assert re.search(rf'^    benchmark:\n        "logs/benchmarks/{name}/.*\.jsonl"', text, re.MULTILINE)
