"""What the profile for Slurm asks of a cluster, from a dry run: few submissions, every job in one of them."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from tests.building import HOME, Workplace

LOCAL = {"all", "write_summary"}


class Submissions:
    """``groups``, names with the outputs of their jobs, and ``single``, rules of jobs on their own with how many."""

    def __init__(self, text: str):
        plan = text[text.index("Job stats:") :]
        self.single = Counter(
            rule for rule in re.findall(r"^(?:rule|checkpoint) (\w+):", plan, re.MULTILINE) if rule not in LOCAL
        )
        self.groups = {}
        for each in re.split(r"^.*Group job ", plan, flags=re.MULTILINE)[1:]:
            name, jobs = each.split(maxsplit=1)
            assert name not in self.groups
            self.groups[name] = re.findall(r"^ {8}output: (.*)$", jobs, re.MULTILINE)

    def __len__(self) -> int:
        return len(self.groups) + self.single.total()


@pytest.fixture(scope="module")
def submissions(tmp_path_factory):
    def of(dataset: str) -> Submissions:
        place = Workplace(tmp_path_factory.mktemp("submissions"))
        place.edit("config.yaml", dataset=dataset)
        return Submissions(place.run("-n", "--profile", str(HOME / "profiles/slurm")))

    return of


@pytest.fixture(scope="module")
def elsa(submissions):
    return submissions("elsa")


def test_a_million_images_are_as_many_submissions_as_the_docs_say(elsa):
    stated = (HOME / "docs/clusters.md").read_text(encoding="utf-8")
    assert f"{len(elsa)} submissions" in stated
    assert f"{elsa.single['generate_shard']} generate jobs" in stated
    assert f"{elsa.single['scrape_shard']} scrape jobs" in stated


def test_only_long_steps_are_jobs_of_their_own(elsa):
    assert set(elsa.single) == {"fetch_origin", "fetch_model", "generate_shard", "scrape_shard"}


def test_every_shard_is_packed_in_one_group_of_ten(elsa):
    packed = {name: outputs for name, outputs in elsa.groups.items() if name.startswith("pack_")}
    outputs = [output for group in packed.values() for output in group]
    assert len(outputs) == len(set(outputs)) == 400
    for name, group in packed.items():
        split, prefix, tens = re.fullmatch(r"pack_([a-z]+)_(.*)_(\d{4})", name).groups()
        assert all(output.startswith(f"results/elsa/data/{split}/{prefix}-{tens}") for output in group)
        assert len(group) <= 10


def test_a_group_per_origin_lists_and_draws_and_one_each_makes_tables_and_publishes(elsa):
    assert sorted(name for name in elsa.groups if not name.startswith("pack_")) == [
        "list_elsa_sd21",
        "list_laion_urls",
        "publish",
        "tables",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["ai_genbench", "elsa_d3_anew", "imaginet"])  # those with the most origins, forms and parts
def test_every_dataset_can_be_planned_with_groups_in_which_no_file_is_made_twice(submissions, dataset):
    plan = submissions(dataset)
    outputs = [output for group in plan.groups.values() for output in group]
    assert len(outputs) == len(set(outputs)) > len(plan.groups)
