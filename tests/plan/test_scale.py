"""A build of a million images stays a plan of thousands of jobs and files (of a synthetic catalogue)."""

from __future__ import annotations

import pytest
import yaml
from benchmarks.planning import write_catalogue
from tests.building import HOME

from touchstone.catalogue import Catalogue
from touchstone.plan import plan

IMAGES = 1_000_000


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return write_catalogue(tmp_path_factory.mktemp("scale"), IMAGES)


@pytest.fixture(scope="module")
def catalogue(place):
    return Catalogue(yaml.safe_load((place.folder / "config/config.yaml").read_text(encoding="utf-8")), HOME)


@pytest.fixture(scope="module")
def jobs(place):
    counted = place.dry_run()
    del counted["all"]
    return counted


def test_the_catalogue_is_as_large_as_it_says(catalogue):
    assert sum(part.quota for part in catalogue.parts) == IMAGES
    assert {catalogue.card(origin)["kind"] for origin in catalogue.origins} == {"archive", "urls", "generate"}
    assert (len(catalogue.origins), len(catalogue.generators)) == (25, 50)


def test_a_million_images_are_at_most_5000_jobs(jobs):
    assert sum(jobs.values()) <= 5_000


def test_a_million_images_are_at_most_20000_files(catalogue):
    assert sum(row.files for row in plan(catalogue)) <= 20_000


def test_the_plan_counts_the_jobs_of_every_step_as_snakemake_does(catalogue, jobs):
    planned = {}
    for row in plan(catalogue):
        planned[row.step] = planned.get(row.step, 0) + row.jobs
    assert planned == {
        "fetch": jobs["fetch_origin"] + jobs["fetch_model"],
        "list": jobs["list_origin"],
        "draw": jobs["draw_origin"],
        "take": jobs["adopt_shard"] + jobs["scrape_shard"] + jobs["generate_shard"],
        "screen": jobs["screen"],
        "split": jobs["split"],
        "pack": jobs["pack_shard"],
        "publish": sum(
            jobs[rule]
            for rule in (
                "write_manifest",
                "write_protocols",
                "check_gates",
                "contact_sheets",
                "write_card",
                "write_report",
                "write_summary",
                "search_leaks",
                "probe_shortcuts",
                "probe_pixels",
                "write_croissant",
            )
        ),
    }
    assert sum(planned.values()) == sum(jobs.values())
