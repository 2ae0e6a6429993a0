"""Profiles for clusters send every rule where it can do its work, and say what they say in one place."""

from __future__ import annotations

import re

import pytest
import yaml
from benchmarks.planning import write_catalogue
from tests.building import HOME

PROFILES = sorted(path.parent.name for path in HOME.glob("profiles/*/config.yaml"))
CLUSTERS = {"slurm": "'network'", "leonardo": "'lrd_all_serial'"}
RULES = dict(
    re.findall(
        r"^(?:rule|checkpoint) (\w+):\n((?:[ \t]+.*\n|\n)*)",
        "".join(path.read_text(encoding="utf-8") for path in (HOME / "workflow/rules").glob("*.smk")),
        re.MULTILINE,
    )
)


def profile(name: str) -> dict:
    return yaml.safe_load((HOME / f"profiles/{name}/config.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", CLUSTERS)
def test_the_network_partition_takes_the_rules_that_go_out_and_no_others(name):
    outside = {rule for rule, text in RULES.items() if "network=1" in text}
    resources = profile(name)["set-resources"]
    assert outside
    assert {rule for rule, own in resources.items() if own.get("slurm_partition") == CLUSTERS[name]} == outside


@pytest.mark.parametrize("name", CLUSTERS)
def test_a_shard_of_generated_images_gets_a_whole_node(name):
    settings = profile(name)
    assert "--exclusive" in settings["set-resources"]["generate_shard"]["slurm_extra"]
    assert settings["set-threads"]["generate_shard"] == settings["cores"]
    assert "generate_shard" not in "".join(settings["groups"])


@pytest.mark.parametrize("name", CLUSTERS)
def test_groups_name_rules_and_have_a_size(name):
    settings = profile(name)
    grouped = dict(entry.split("=") for entry in settings["groups"])
    assert set(grouped) <= set(RULES)
    assert not any("network=1" in RULES[rule] for rule in grouped)
    sizes = dict(entry.split("=") for entry in settings["group-components"])
    assert set(sizes) <= set(grouped.values())


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "default"])
def test_no_key_stands_in_the_default_profile_too(name):
    assert not set(profile(name)) & set(profile("default"))


@pytest.mark.slow
def test_on_a_cluster_a_million_images_are_some_hundred_submissions(tmp_path):
    place = write_catalogue(tmp_path, 1_000_000)
    jobs = place.dry_run("--profile", str(HOME / "profiles/slurm"))
    settings = profile("slurm")
    sizes = {group: int(size) for group, size in (entry.split("=") for entry in settings["group-components"])}
    grouped = {rule: sizes.get(group, 5) for rule, group in (entry.split("=") for entry in settings["groups"])}
    submissions = sum(-(-count // grouped.get(rule, 1)) for rule, count in jobs.items())
    assert sum(jobs.values()) > 1_000
    assert submissions < 700
