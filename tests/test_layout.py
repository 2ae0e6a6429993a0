"""The house: modules stay small, scripts stay thin, and nothing unfinished is left lying about."""

from __future__ import annotations

import ast
import re

import pytest
from tests.building import HOME

PACKAGE = sorted((HOME / "workflow" / "scripts" / "touchstone").rglob("*.py"))
SCRIPTS = sorted((HOME / "workflow" / "scripts").glob("*.py"))
RULES = sorted((HOME / "workflow" / "rules").glob("*.smk"))
OWN = [
    path
    for folder in ("workflow", "config", "profiles", "envs", "tests", "benchmarks")
    for path in sorted((HOME / folder).rglob("*"))
    if path.is_file() and path.suffix in (".py", ".smk", ".yaml", ".yml", ".md", ".txt", ".j2", ".def", ".rst")
] + sorted(path for path in HOME.iterdir() if path.suffix in (".md", ".toml", ".cff") or path.name in ("Snakefile", "Makefile"))


def name_of(path) -> str:
    return str(path.relative_to(HOME))


def lines(path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    ("paths", "limit"),
    [(PACKAGE, 250), (SCRIPTS, 30), (RULES, 150), (sorted(HOME.glob("Snakefile")), 60)],
    ids=["modules", "scripts", "rules", "Snakefile"],
)
def test_files_are_small(paths, limit):
    assert {name_of(path): len(lines(path)) for path in paths if len(lines(path)) > limit} == {}


def test_there_is_something_to_look_at():
    assert len(PACKAGE) > 10
    assert len(OWN) > 30


def test_nothing_is_left_to_do():
    unfinished = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b")
    assert [name_of(path) for path in OWN if any(unfinished.search(line) for line in lines(path))] == []


def test_every_module_says_what_it_is_for():
    undocumented = [
        name_of(path) for path in PACKAGE + SCRIPTS if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert undocumented == []


def test_only_scripts_see_snakemake():
    seen = re.compile(r"^\s*(import|from) snakemake\b|\bsnakemake\.(input|output|params|wildcards|log|threads)\b")
    assert [name_of(path) for path in PACKAGE if any(seen.search(line) for line in lines(path))] == []


def test_every_script_belongs_to_a_rule_and_every_rule_finds_its_script():
    called = {name for path in RULES for name in re.findall(r'"\.\./scripts/(\w+\.py)"', path.read_text(encoding="utf-8"))}
    assert called == {path.name for path in SCRIPTS} or not RULES
