"""The demo on a real Slurm: the same dataset, and every job got what its rule needs. Accounting says so."""

from __future__ import annotations

import itertools
import re
from collections import Counter

import pytest
from tests.cluster.place import ask

NETWORK = ("rule_fetch_origin", "rule_fetch_model", "rule_scrape_shard")


@pytest.fixture(scope="module")
def jobs(both):
    jobs = both[0].accounted()
    assert all(job["State"] == "COMPLETED" for job in jobs)
    return jobs


@pytest.fixture(scope="module")
def generating(jobs):
    found = [job for job in jobs if job["Comment"].startswith("rule_generate_shard")]
    assert len(found) == 3
    return found


def test_the_root_hash_is_that_of_this_machine(both):
    there, here = both
    assert there.root_hash() == here.root_hash()


def test_a_generate_job_had_one_whole_node_and_four_gpus(generating):
    for job in generating:
        assert (job["Partition"], job["NNodes"], job["AllocCPUS"]) == ("gpu", "1", "32")
        assert "gres/gpu=4" in job["AllocTRES"].split(",")


def test_no_job_shared_a_node_with_a_generate_job(jobs, generating):
    for mine, other in itertools.product(generating, jobs):
        if mine["JobIDRaw"] != other["JobIDRaw"] and mine["NodeList"] == other["NodeList"]:
            assert other["End"] <= mine["Start"] or other["Start"] >= mine["End"], (mine, other)


def test_shards_were_made_at_the_same_time_on_different_nodes(generating):
    assert any(
        a["NodeList"] != b["NodeList"] and a["Start"] < b["End"] and b["Start"] < a["End"]
        for a, b in itertools.combinations(generating, 2)
    )


def test_jobs_that_need_the_network_ran_on_its_partition_and_no_others(jobs):
    for job in jobs:
        assert (job["Partition"] == "network") == job["Comment"].startswith(NETWORK), job
    assert {job["Comment"].split("_wildcards_")[0] for job in jobs} >= set(NETWORK)


def test_generate_jobs_asked_for_the_node_alone(generating):
    for job in generating:
        assert "--exclusive" in ask("sacct", "-X", "-n", "-P", "-j", job["JobIDRaw"], "-o", "SubmitLine")


def test_short_steps_share_jobs(jobs):
    names = Counter(job["Comment"].split("_wildcards_")[0] for job in jobs)
    steps = re.compile(r"rule_(?:list|adopt|tables|pack|publish)_(?:.*_)?(?:draw_origin|adopt|screen|pack|check_gates)_.*")
    shared = {name: count for name, count in names.items() if steps.fullmatch(name)}
    assert set(names) - set(shared) == {*NETWORK, "rule_generate_shard"}
    assert set(shared.values()) == {1}
    assert len(shared) == 4 + 1 + 1 + 8 + 1  # lists of each origin, photographs, tables, both splits of each, publish


def test_the_comment_tells_rule_and_shard(generating):
    assert "rule_generate_shard_wildcards_demo_demo_sd_demo_stable_diffusion-00000" in {job["Comment"] for job in generating}


def test_no_job_was_submitted_twice(jobs):
    comments = [job["Comment"] for job in jobs]
    assert len(set(comments)) == len(comments)


def test_four_nodes_and_twelve_gpus_are_there(cluster):
    nodes = ask("sinfo", "--noheader", "--Node", "--format=%N %G", "--partition=gpu,network").split("\n")
    assert sorted(filter(None, nodes)) == ["net1 (null)", *(f"node{n} gpu:a100:4" for n in (1, 2, 3))]
