"""Dry runs: the whole plan is there before anything is fetched, and only what must run would run."""

from __future__ import annotations

import subprocess
import sys

import pytest
from tests.building import HOME, Workplace


@pytest.fixture
def place(tmp_path):
    return Workplace(tmp_path)


def test_the_whole_plan_is_there_before_anything_is_fetched(place):
    jobs = place.dry_run()
    assert jobs["fetch_model"] == 2
    assert jobs["fetch_origin"] == 3
    assert jobs["adopt_shard"] == 3
    assert jobs["scrape_shard"] == 2
    assert jobs["generate_shard"] == 3
    assert jobs["pack_shard"] == 9
    assert not list(place.work.glob("re*")), "a dry run made something"


def test_the_plan_table_counts_the_jobs_snakemake_counts(place):
    jobs = place.dry_run()
    table = place.run("plan", "--quiet", "all")
    total = next(line for line in table.splitlines() if line.startswith("total"))
    assert int(total.split()[1]) == sum(jobs.values()) - jobs["all"]
    assert not list(place.work.glob("re*")), "planning made something"


def test_a_list_of_addresses_is_planned_with_its_spares(place):
    dataset = ["--config", "dataset=laion_reals"]
    jobs = place.dry_run(*dataset)
    assert jobs["scrape_shard"] == 22  # 100,000 x 1.1 / 0.5, by 10,000
    assert jobs["count_survivors"] == 1
    table = place.run("plan", "--quiet", "all", *dataset)
    total = next(line for line in table.splitlines() if line.startswith("total"))
    assert int(total.split()[1]) == sum(jobs.values()) - jobs["all"]


def test_the_plan_names_what_a_person_must_fetch(place):
    place.edit(
        "origins/demo_photos.yaml",
        access="agreement",
        instructions="sign the form",
        files=[{"path": "photos.zip", "size": 5}, {"path": "more.zip"}],
    )
    row = next(line for line in place.run("plan", "--quiet", "all").splitlines() if line.startswith("fetch    demo_photos"))
    assert row.endswith("missing by hand (agreement): photos.zip, more.zip")


def test_gpu_hours_and_bytes_follow_from_the_cards(place):
    place.edit("origins/demo_sd.yaml", cost={"seconds": 90.0, "bytes": 1_000_000, "start": 90})
    row = next(line for line in place.run("plan", "--quiet", "all").splitlines() if line.startswith("take     demo_sd"))
    assert row.split()[2:] == ["1", "64", "64.0", "MB", "4", "1.70"]  # 64 x 90 s, and four GPUs that load for 90 s


def test_a_million_of_elsas_images_are_planned_from_rates_alone(place):
    text = place.run("plan", "--quiet", "all", "--config", "dataset=elsa")
    cells = {tuple(line.split()[:2]): line.split() for line in text.splitlines() if line.startswith(("take", "pack", "total"))}
    assert cells["take", "elsa_sd21"][2:4] == ["128", "1,020,000"]  # shards of 8,000, a node each
    hours = (1_020_000 * 0.33 + 128 * 4 * 60) / 3600
    assert cells["take", "elsa_sd21"][-1] == f"{hours:.2f}"
    assert cells["pack", "all"][3:5] == ["400", "2,000,000"]  # files of five thousand
    assert f"{hours / 8:.1f} h on 2 nodes" in text
    assert int(next(cell[1] for key, cell in cells.items() if key[0] == "total").replace(",", "")) < 5000


def test_a_card_is_switched_to_a_real_model_by_one_line(place):
    before = place.dry_run("demo_sd")
    place.edit("origins/demo_sd.yaml", recipe__model="stable_diffusion_xl_1_0")
    assert place.dry_run("demo_sd") == before
    plan = place.run("plan", "--quiet", "all")
    assert any(line.startswith("fetch    model stable_diffusion_xl_1_0") and " yes" in line for line in plan.splitlines())


def test_one_origin_is_a_target(place):
    assert place.dry_run("demo_sd") == {
        "demo_sd": 1,
        "fetch_model": 1,
        "fetch_origin": 1,
        "list_origin": 1,
        "draw_origin": 1,
        "generate_shard": 1,
    }


def test_an_origin_that_varies_another_lists_that_one_but_does_not_take_it(place):
    jobs = place.dry_run("demo_variations")
    assert jobs["list_origin"] == 2
    assert jobs["generate_shard"] == 2
    assert "adopt_shard" not in jobs


def test_the_slurm_profile_plans_where_no_slurm_is(place):
    text = place.run("-n", "--profile", str(HOME / "profiles/slurm"))
    assert "generate_shard" in text
    assert "gpu=4" in text


def test_planning_loads_nothing_heavy(place):
    heavy = {"torch", "diffusers", "transformers", "img2dataset", "datasets"}
    watch = place.folder / "watch.py"
    watch.write_text(
        "import sys, runpy, atexit\n"
        "atexit.register(lambda: print('LOADED', *sys.modules))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_module('snakemake', run_name='__main__')\n",
        encoding="utf-8",
    )
    command = [sys.executable, str(watch), *place.command("-n", "--cores", "1")[2:]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(done.stdout[done.stdout.index("LOADED") :].split())
    assert "touchstone.catalogue" in loaded
    assert not loaded & heavy
    assert not {name for name in loaded if name.startswith("touchstone.")} & {"touchstone.record", "touchstone.shards"}


def test_another_dataset_is_chosen_on_the_command_line(place):
    (place.folder / "config/datasets/small.yaml").write_text(
        "title: Small\nseed: 1\nsplits: {train: 1}\nfakes:\n  demo_sd: {quota: 8}\n", encoding="utf-8"
    )
    text = place.run("-n", "--config", "dataset=small")
    assert "results/small/data/train/demo_sd-demo_stable_diffusion-00000.parquet" in text
    assert "demo_photos" not in text
