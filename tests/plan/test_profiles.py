"""Profiles for clusters send every rule where it can do its work, and say what they say in one place."""

from __future__ import annotations

import re

import pytest
import yaml
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


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "default"])
def test_no_key_stands_in_the_default_profile_too(name):
    assert not set(profile(name)) & set(profile("default"))
