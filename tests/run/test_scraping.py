"""Datasets that are scraped, built by the real Snakemake from a web that answers as it likes."""

from __future__ import annotations

from collections import Counter
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
import yaml
from tests import web
from tests.building import HOME, Workplace, remade

CARD = {
    "title": "Addresses",
    "homepage": "https://example.org",
    "licence": "CC0-1.0",
    "access": "open",
    "kind": "urls",
    "files": [{"path": "list.csv", "source": "card:../lists/list.csv"}],
    "recipe": {
        "revision": 1,
        "reader": {"name": "table", "file": "list.csv", "columns": {"id": "id", "source_url": "url"}},
        "retries": 1,
        "pause": 0.2,
        "timeout": 3,
    },
    "examples": [{"given": {"id": "1", "url": "http://a.test/1.jpg"}, "expect": {"id": "mine/1"}}],
}


def workplace(tmp_path, addresses: list[str], **dataset: object) -> Workplace:
    """A folder with a dataset ``scrape`` of one origin ``mine`` of these addresses."""
    place = Workplace(tmp_path)
    lines = ["id,url", *(f"{number},{url}" for number, url in enumerate(addresses))]
    (place.folder / "config/lists/list.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (place.folder / "config/origins/mine.yaml").write_text(yaml.safe_dump(CARD), encoding="utf-8")
    content = {"title": "Scraped", "seed": 1, "splits": {"train": 1}, "screen": {"near_duplicate_bits": 0}} | dataset
    (place.folder / "config/datasets/demo.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    return place


@pytest.fixture
def server(monkeypatch):
    """The web, as every process finds it."""
    with web.serving() as serving:
        monkeypatch.setenv("http_proxy", serving.proxy)
        monkeypatch.setenv("no_proxy", "")
        yield serving


def photos(count: int, dead: float) -> list[str]:
    """Addresses of which a part is dead, in no order."""
    kinds = ("missing", "gone", "html", "forbidden")
    words = [kinds[row % 4] if row * 7 % 100 < 100 * dead else "photo" for row in range(count)]
    return [f"http://h{row % 50}.test/{word}/{row}" for row, word in enumerate(words)]


@pytest.mark.slow
def test_a_quota_of_5000_is_met_exactly_though_60_of_100_links_are_dead(tmp_path, server):
    reals = {"mine": {"quota": 5000, "margin": 1.02, "survival": 0.37}}
    place = workplace(tmp_path, photos(16_000, 0.6), reals=reals, shard_items=1000)
    assert place.dry_run()["scrape_shard"] == 14
    place.run()
    ledger = place.table("ledger.parquet").to_pylist()
    kept = sum(row["items"] for row in ledger if row["state"] == "kept")
    assert kept == place.table("manifest.parquet").num_rows == 5000
    reasons: Counter[str] = Counter()
    for row in ledger:
        reasons[row["reason"]] += row["items"]
    assert sum(reasons.values()) == 13_784
    asked = set(server.hits)
    assert len(asked) < 13_600  # not all spares were needed ...
    assert reasons["spare"] > 13_784 - len(asked)  # ... and what was asked beyond need is spare too
    assert set(server.hits.values()) == {1}
    assert place.dry_run().total() == 0

    place.edit("datasets/demo.yaml", reals__mine__quota=5200)  # more: what is known already is not asked again
    place.run()
    assert place.table("manifest.parquet").num_rows == 5200
    assert set(server.hits.values()) == {1}


@pytest.mark.slow
def test_a_list_of_which_90_of_100_links_are_dead_stops_the_build_before_the_spares(tmp_path, server):
    reals = {"mine": {"quota": 1000, "survival": 0.4}}
    place = workplace(tmp_path, photos(5_000, 0.9), reals=reals, shard_items=500)
    text = place.run(fails=True)
    assert "Traceback" not in text
    assert "gave a usable image" in text and "the dataset file expects 40%" in text
    assert "HTTP 404: " in text and "set survival of this origin to 0.0" in text
    assert len(server.hits) == 1500
    assert not (place.work / "results/demo/manifest.parquet").exists()


@pytest.mark.slow
def test_old_failures_are_asked_for_again_by_one_command_and_nothing_else_is(tmp_path, server):
    addresses = [f"http://a{row % 9}.test/photo/{row}" for row in range(400)]
    addresses[5::80] = [f"http://ill.test/ill/{row}" for row in range(5)]
    place = workplace(tmp_path, addresses, reals={"mine": {"quota": 350, "margin": 1.1}}, shard_items=50)
    place.run()
    before, hits = place.made(), Counter(server.hits)
    shards = sorted((place.work / "results/demo/origins/mine").glob("real-*.parquet"))
    failed = {path.name for path in shards if "http_error" in pq.read_table(path, columns=["reason"])["reason"].to_pylist()}
    assert 0 < len(failed) < len(shards)
    text = place.run("retry_failures")
    assert f"in {len(failed)} shards" in text
    place.run()
    again = {url for url, count in server.hits.items() if count > hits[url]}
    assert again and {urlsplit(url).hostname for url in again} == {"ill.test"}
    taken = {name for name in remade(before, place.made()) if name.startswith("demo/origins/mine/real-")}
    assert taken == {f"demo/origins/mine/{name}" for name in failed}
    states = [row["state"] for path in shards for row in pq.read_table(path, columns=["state"]).to_pylist()]
    assert set(states) == {"taken"}  # the third request found them well
    assert "nothing" in place.run("retry_failures") or "0 addresses" in place.run("retry_failures")


@pytest.mark.slow
def test_a_shard_to_be_scraped_anew_is_not_forgotten_when_the_network_goes(tmp_path, monkeypatch):
    """Snakemake puts the old shard back when its job fails; the next build must not take it for the new one."""
    addresses = [f"http://a{row % 9}.test/photo/{row}" for row in range(60)]
    place = workplace(tmp_path, addresses, reals={"mine": {"quota": 50, "margin": 1.1}})
    monkeypatch.setenv("no_proxy", "")
    with web.serving() as server:
        monkeypatch.setenv("http_proxy", server.proxy)
        place.run()
    place.edit("origins/mine.yaml", recipe__revision=2)
    text = place.run(fails=True)
    assert "55 of 55 addresses did not answer" in text
    assert "mend:  snakemake check_network tells whether this node reaches the web" in text
    with web.serving() as server:
        monkeypatch.setenv("http_proxy", server.proxy)
        assert place.dry_run()["scrape_shard"] == 1
        place.run()
        assert len(server.hits) == 55, "all are asked for, as the revision says"
    assert not place.dry_run()
    assert not list(place.work.rglob("*.partial"))


@pytest.mark.slow
def test_two_builds_of_a_list_are_compared_and_the_network_is_looked_at(tmp_path, server):
    addresses = [f"http://a{row % 9}.test/photo/{row}" for row in range(40)]
    dataset = {"reals": {"mine": {"quota": 30}}, "shard_items": 20}
    first = workplace(tmp_path / "first", addresses, **dataset)
    assert "known hosts" in first.run("check_network", fails=True)  # this web is no place for them
    first.run()
    text = first.run("check_network")
    assert "the network is in order" in text and "mine: 40 addresses on 9 hosts" in text
    second = first.copy(tmp_path / "second")
    second.edit("origins/mine.yaml", recipe__revision=2)
    changed = [url.replace("photo", "missing") if row < 4 else url for row, url in enumerate(addresses)]
    assert changed != addresses
    second.run()
    text = second.run("compare_scrapes", "--config", f"earlier={first.work}/results/demo")
    drawn = first.table("origins/mine/draw.parquet").num_rows
    assert f"mine: {drawn} same" in text
    assert "nobody said which build" in second.run("compare_scrapes", fails=True)


@pytest.mark.slow
def test_a_list_of_ones_own_is_scraped_by_one_line(tmp_path, server):
    place = Workplace(tmp_path)
    place.edit("datasets/laion_reals.yaml", reals__laion_urls__quota=60, screen__min_side=64)
    rows = [f"{row},{url},A text,{'NSFW' if row % 5 == 0 else 'UNLIKELY'}" for row, url in enumerate(photos(300, 0.3))]
    (tmp_path / "mine/lists").mkdir(parents=True)
    (tmp_path / "mine/lists/laion_train_real.csv").write_text("\n".join(["SAMPLE_ID,URL,TEXT,NSFW", *rows]), encoding="utf-8")
    place.run("--config", "dataset=laion_reals", f"paths={{laion_urls: {tmp_path}/mine}}")
    manifest = pq.read_table(place.work / "results/laion_reals/manifest.parquet").to_pylist()
    assert len(manifest) == 60
    assert all(int(row["id"].removeprefix("LAION/")) % 5 for row in manifest)
    assert not any(int(url.rpartition("/")[2]) % 5 == 0 for url in server.hits)


def test_survival_is_for_what_is_scraped(tmp_path):
    place = Workplace(tmp_path)
    place.edit("datasets/demo.yaml", reals__demo_photos={"share": 3, "survival": 0.5})
    assert "is not scraped, so nothing of it dies" in place.run("-n", fails=True)
    assert HOME.exists()
