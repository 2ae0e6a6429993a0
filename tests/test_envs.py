"""The environment is one pinned list, and every way to install it says the same; the Makefile looks after it."""

import fcntl
import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOME = Path(__file__).parents[1]
LIST = HOME / "envs" / "requirements.txt"
BY_THE_BUILD = re.compile(r"nvidia-|cuda-|triton")  # torch's GPU builds pin these themselves; its CPU builds need none


def blocks() -> list[list[str]]:
    """The lines of the list that name packages, by block: direct ones, then their dependencies."""
    _, direct, rest = re.split(r"^# ---.*$", LIST.read_text(), flags=re.M)
    return [[line for line in block.splitlines() if line and not line.startswith("#")] for block in (direct, rest)]


def pins() -> dict[str, str]:
    return dict(line.split("==") for block in blocks() for line in block)


def needed(names: list[str]) -> set[str]:
    """``names`` and everything they need, as the installed packages declare it for this machine."""
    found: set[tuple[str, str]] = set()  # package, extra
    todo = [(canonicalize_name(name), "") for name in names]
    while todo:
        name, extra = todo.pop()
        if (name, extra) in found:
            continue
        found.add((name, extra))
        for text in metadata.requires(name) or []:
            wanted = Requirement(text)
            if not wanted.marker or wanted.marker.evaluate({"extra": extra}):
                todo += [(canonicalize_name(wanted.name), part) for part in {"", *wanted.extras}]
    return {name for name, _ in found}


def make(folder: Path, *words: str) -> subprocess.CompletedProcess:
    """Run the project's Makefile in ``folder``, as if from a shell even where a make runs these tests."""
    command = ["make", "--file", str(HOME / "Makefile"), *words]
    clean = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(command, cwd=folder, env=clean, capture_output=True, text=True, timeout=60)


def test_every_line_pins_one_version():
    lines = [line for block in blocks() for line in block]
    for line in lines:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*==[0-9][a-z0-9.]*", line), line
    assert len(pins()) == len(lines), "a package is listed twice"


def test_packages_of_the_design_are_pinned():
    direct = {line.split("==")[0] for line in blocks()[0]}
    assert direct >= {"snakemake", "snakemake-executor-plugin-slurm", "diffusers", "accelerate", "torch"}
    assert direct >= {"img2dataset", "pyarrow", "pillow"}


def test_torch_comes_first_and_torchvision_never():
    assert blocks()[0][0].startswith("torch==")
    assert "torchvision" not in pins()


@pytest.mark.parametrize("name", pins())
def test_installed_version_is_the_pinned_one(name):
    installed = metadata.version(name).partition("+")[0]  # torch 2.13.0+cpu is a build of 2.13.0
    assert installed == pins()[name]


def test_list_holds_what_is_needed_and_nothing_else():
    direct = [line.split("==")[0] for line in blocks()[0]]
    wanted = {name for name in needed(direct) if not BY_THE_BUILD.match(name)}
    assert sorted(pins()) == sorted(wanted)


def test_installed_packages_agree():
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout


def test_conda_file_carries_the_list(fix):
    """Snakemake copies a conda file away from the list beside it, so the file holds the list itself."""
    path = HOME / "envs" / "touchstone.yaml"
    text = path.read_text()
    head = text[: text.index("  - pip:\n") + len("  - pip:\n")]
    whole = head + "".join(f"      - {line}\n" for block in blocks() for line in block)
    if fix and text != whole:
        path.write_text(whole)
    assert path.read_text() == whole, "run make format"
    assert yaml.safe_load(whole)["dependencies"][:2] == ["python=3.11", "pip"]


def test_container_installs_the_list():
    recipe = (HOME / "envs" / "touchstone.def").read_text()
    files, post = (re.search(rf"^%{part}\n(.*?)^%", recipe, re.S | re.M).group(1) for part in ("files", "post"))
    source, inside = files.split()
    assert source == "envs/requirements.txt"
    assert re.search(rf"^\s+python -m pip install .*--requirement {re.escape(inside)}$", post, re.M)
    assert "From: python:3.11-" in recipe
    assert "==" not in recipe, "a version of its own"


def test_citation_names_the_version_of_the_project():
    citation = yaml.safe_load((HOME / "CITATION.cff").read_text())
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])


def test_make_alone_lists_every_target(tmp_path):
    rules = set(re.search(r"^\.PHONY: (.*)$", (HOME / "Makefile").read_text(), re.M).group(1).split())
    assert {line.split()[1] for line in make(tmp_path).stdout.splitlines()} == rules


def test_setup_refuses_another_python(tmp_path):
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "requirements.txt").write_text("torch==2.13.0\n")
    run = make(tmp_path, "setup", "PYTHON=false")
    assert run.returncode != 0
    assert "Touchstone needs Python 3.11 or 3.12; false is not" in run.stderr
    assert not (tmp_path / ".venv").exists()


@pytest.fixture
def ready(tmp_path):
    """A folder in which ``make setup`` has nothing left to do."""
    for name in ("envs/requirements.txt", ".venv/ready"):  # in this order: the second is newer
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize("target", ["demo", "clean"])
def test_one_at_a_time_in_a_folder(ready, target):
    with (ready / ".demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run = make(ready, target)
    assert run.returncode != 0
    assert "Another make is at work in this folder" in run.stderr


def test_clean_removes_what_builds_made_and_links_but_not_what_they_point_to(ready):
    built = ["results/demo/a", "logs/b", ".snakemake/c", "resources/archives/demo_photos/d", "resources/receipts/demo_sd.json"]
    beside = ["resources/archives/mine/f", "data/g"]
    for name in [*built, *beside]:
        (ready / name).parent.mkdir(parents=True, exist_ok=True)
        (ready / name).touch()
    (ready / "resources/archives/demo_linked").symlink_to(ready / "data")
    assert make(ready, "clean").returncode == 0
    assert [name for name in [*built, *beside] if (ready / name).exists()] == beside
