"""plan.py: the numbers that follow from cards and dataset, what is missing, and what needs the network."""

from __future__ import annotations

import copy

import pytest
import yaml

from touchstone.catalogue import Catalogue
from touchstone.plan import Row, plan, print_plan, table

CARD = {"title": "A card", "homepage": "https://a.example", "licence": "MIT", "access": "open"}
CARD["examples"] = [{"given": {"id": "1"}, "expect": "skip"}]
READER = {"revision": 1, "reader": {"name": "folders"}}
PAINT = {"revision": 1, "model": "tiny", "mode": "text_to_image", "steps": 2, "size": [64, 64], "batch": 2, "seed": 1}
PAINT |= {"reader": {"name": "table", "file": "prompts.csv", "columns": {"id": "id", "positive_prompt": "prompt"}}}
FILES = {
    "cards/photos.yaml": CARD
    | {
        "kind": "archive",
        "recipe": READER,
        "cost": {"bytes": 50_000},
        "files": [
            {"path": "a.zip", "size": 4_000_000, "source": "https://a.example/a.zip"},
            {"path": "b.zip", "size": 1_000_000},
        ],
    },
    "cards/urls.yaml": CARD
    | {
        "kind": "urls",
        "files": [{"path": "list.csv", "source": "card:list.csv"}],
        "recipe": {"revision": 1, "reader": {"name": "table", "file": "list.csv", "columns": {"id": "id", "source_url": "url"}}},
    },
    "cards/painter.yaml": CARD
    | {
        "kind": "generate",
        "files": [{"path": "prompts.csv", "source": "card:prompts.csv"}],
        "recipe": PAINT,
        "cost": {"bytes": 100_000, "seconds": 36},
    },
    "cards/models.yaml": {"tiny": {"sources": ["demo:x"], "generator": "tiny_sd", "licence": "MIT"}},
    "cards/generators.yaml": {"tiny_sd": {"name": "Tiny SD", "released": "2022-08-22"}},
    "datasets/mine.yaml": {
        "title": "Mine",
        "seed": 1,
        "splits": {"train": 0.8, "test": 0.2},
        "margin": 1.5,
        "shard_items": 10,
        "pack_items": 20,
        "fakes": {"painter": {"quota": 40}},
        "reals": {"photos": {"share": 3}, "urls": {"share": 1}},
    },
}
CONFIG = {"dataset": "mine", "cards": ["cards"], "datasets": ["datasets"]}
HUB = {"tiny": {"sources": ["hub:a/b@" + "1" * 40], "generator": "tiny_sd", "licence": "MIT"}}


@pytest.fixture
def load(tmp_path):
    """``load({"cards/a.yaml": {"kind": ...}}, paths={...})`` → the catalogue with these keys changed."""

    def run(changes: dict | None = None, **config: object) -> Catalogue:
        for name in FILES | (changes or {}):
            content = copy.deepcopy(FILES.get(name, {})) | (changes or {}).get(name, {})
            path = tmp_path / "home" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(content), encoding="utf-8")
        for name in ("list.csv", "prompts.csv"):
            (tmp_path / "home/cards" / name).write_text("id\n1\n", encoding="utf-8")
        return Catalogue(CONFIG | config, home=tmp_path / "home")

    return run


@pytest.fixture
def rows(load, tmp_path):
    """``rows(changes, paths={...})`` → ``{(step, subject): Row}`` of the plan made in an empty folder ``work``."""

    def run(changes: dict | None = None, **config: object) -> dict[tuple[str, str], Row]:
        made = plan(load(changes, **config), tmp_path / "work")
        keyed = {(row.step, row.subject): row for row in made}
        assert len(keyed) == len(made)
        return keyed

    return run


def test_the_steps_come_in_the_order_of_the_data_flow(rows):
    steps = list(dict.fromkeys(step for step, _ in rows()))
    assert steps == ["fetch", "list", "draw", "take", "screen", "split", "pack", "publish"]


def test_items_and_jobs_are_those_of_the_catalogue(rows, load):
    made, catalogue = rows(), load()
    assert {origin: made["draw", origin].items for origin in catalogue.origins} == {"painter": 60, "photos": 45, "urls": 15}
    assert {origin: made["take", origin].jobs for origin in catalogue.origins} == {"painter": 6, "photos": 5, "urls": 2}
    assert made["screen", "all origins"].items == made["split", "all origins"].items == 120
    assert made["pack", "all origins"].jobs == len(catalogue.packed()) == 8
    assert made["pack", "all origins"].items == 80


def test_bytes_and_gpu_hours_follow_from_the_cards_costs(rows):
    made = rows()
    assert made["take", "painter"].n_bytes == 60 * 100_000
    assert made["take", "painter"].gpu_hours == pytest.approx(60 * 36 / 3600)
    assert (made["take", "photos"].n_bytes, made["take", "photos"].gpu_hours) == (45 * 50_000, None)
    assert (made["take", "urls"].n_bytes, made["take", "urls"].gpu_hours) == (None, None)
    assert made["pack", "all origins"].n_bytes is None, "a sum of which a part is not known is not known"
    known = rows({"cards/urls.yaml": {"cost": {"bytes": 1000}}})
    assert known["pack", "all origins"].n_bytes == 40 * 100_000 + 30 * 50_000 + 10 * 1000


def test_sizes_of_files_add_up_where_all_are_known(rows):
    assert rows()["fetch", "photos"].n_bytes == 5_000_000
    assert (
        rows({"cards/photos.yaml": {"files": [{"path": "a.zip", "size": 7}, {"path": "b.zip"}]}})["fetch", "photos"].n_bytes
        is None
    )


def test_files_that_a_person_must_get_are_named_until_they_are_there(rows, tmp_path):
    assert rows()["fetch", "photos"].note == "missing by hand (open): b.zip"
    other = tmp_path / "elsewhere"
    other.mkdir()
    assert rows(paths={"photos": str(other)})["fetch", "photos"].note == "missing by hand (open): b.zip"
    (other / "b.zip").write_bytes(bytes(7))
    told = "missing by hand (open): b.zip has 7 bytes, its card says 1,000,000"
    assert rows(paths={"photos": str(other)})["fetch", "photos"].note == told
    (other / "b.zip").write_bytes(bytes(1_000_000))
    assert rows(paths={"photos": str(other)})["fetch", "photos"].note == ""
    archives = tmp_path / "work/resources/archives/photos"
    archives.mkdir(parents=True)
    (archives / "b.zip").write_bytes(bytes(1_000_000))
    assert rows()["fetch", "photos"].note == ""


def test_a_list_that_should_lie_beside_the_card_is_missing_too(rows, load, tmp_path):
    assert rows()["fetch", "urls"].note == ""
    catalogue = load()
    (tmp_path / "home/cards/list.csv").unlink()
    made = {row.subject: row for row in plan(catalogue, tmp_path) if row.step == "fetch"}
    assert made["urls"].note == "missing by hand (open): list.csv"


def test_network_is_needed_for_downloads_that_are_not_there_and_for_urls(rows, tmp_path):
    assert [key for key, row in rows().items() if row.network] == [("fetch", "photos"), ("take", "urls")]
    archives = tmp_path / "work/resources/archives/photos"
    archives.mkdir(parents=True)
    (archives / "a.zip").write_bytes(bytes(4_000_000))
    assert [key for key, row in rows().items() if row.network] == [("take", "urls")]


def test_addresses_that_are_served_here_need_no_network(rows):
    changes = {"cards/urls.yaml": {"serve": "list.csv"}}
    assert not rows(changes)["take", "urls"].network


def test_a_model_of_the_hub_needs_the_network_until_this_revision_is_staged(rows, tmp_path):
    hub = {"cards/models.yaml": HUB}
    models = tmp_path / "work/resources/models/tiny"
    assert rows(hub)["fetch", "model tiny"].network
    for commit in ("2" * 40, "1" * 40):
        assert rows(hub)["fetch", "model tiny"].network
        (models / f"hub_a_b_{commit}").mkdir(parents=True)
        (models / f"hub_a_b_{commit}" / "model_index.json").touch()
    assert not rows(hub)["fetch", "model tiny"].network
    assert not rows()["fetch", "model tiny"].network


def test_a_model_that_should_lie_on_this_machine_and_does_not(rows, tmp_path):
    changes = {"cards/models.yaml": {"tiny": HUB["tiny"] | {"sources": [f"path:{tmp_path}/model"]}}}
    assert rows(changes)["fetch", "model tiny"].note == f"missing by hand: there is no folder {tmp_path}/model"
    (tmp_path / "model").mkdir()
    assert "has no model_index.json" in rows(changes)["fetch", "model tiny"].note
    (tmp_path / "model/model_index.json").touch()
    assert rows(changes)["fetch", "model tiny"].note == ""


def test_a_model_used_by_two_origins_is_fetched_once(rows):
    dataset = {"fakes": {"painter": {"quota": 40}, "other": {"quota": 10}}}
    made = rows({"datasets/mine.yaml": dataset, "cards/other.yaml": FILES["cards/painter.yaml"]})
    assert made["take", "other"].jobs == 2
    assert sum(step == "fetch" and subject.startswith("model") for step, subject in made) == 1


def test_the_table_lines_up_and_ends_with_the_sums(load, tmp_path):
    made = plan(load(), tmp_path / "work")
    lines = table(made, "mine: Mine").splitlines()
    assert lines[0] == "mine: Mine"
    assert lines[2].split() == ["step", "of", "jobs", "items", "size", "files", "GPU-hours", "network"]
    assert set(lines[3]) == set(lines[-2]) == {"-"}
    assert lines[-1].split() == [
        "total",
        str(sum(row.jobs for row in made)),
        *("13.2", "MB"),
        str(sum(row.files for row in made)),
        "0.60",
    ]
    photos = next(line for line in lines if line.startswith("fetch  ") and "photos" in line)
    assert photos.split()[2:] == ["1", "5.0", "MB", "5", "yes", *["missing", "by", "hand", "(open):", "b.zip"]]
    assert len({line.index("yes") for line in lines if " yes" in line}) == 1


def test_large_numbers_are_readable():
    lines = table([Row("take", "everything", 5000, 2_500_000, 1.5e12, 20_000, 12345.678)], "big").splitlines()
    assert "5,000  2,500,000  1.5 TB  20,000  12,345.68" in lines[4]


def test_the_plan_is_printed_and_written_to_the_log(load, tmp_path, capsys):
    print_plan(load(), str(tmp_path / "logs/plan.log"))
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "logs/plan.log").read_text(encoding="utf-8")
    assert printed.startswith("mine: Mine\n")
