"""Scraping with both engines from real servers that misbehave on purpose."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest
from tests import web
from tests.unit.scraping import PROGRAM, REPOSITORY, environment, scrape_into, without_times, write_picks

from touchstone.demo import photos
from touchstone.demo.web import MISBEHAVIOUR
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.record import REASONS
from touchstone.scrape import WINDOW
from touchstone.scraping.frames import read_frame

MAX_BYTES = 60_000  # a few of the photographs are larger
ENGINES = ["direct", "img2dataset"]
BOTH = ["direct", pytest.param("img2dataset", marks=pytest.mark.slow)]  # its start takes seconds

# What must become of an answer of demo.web: reason and, if the server said no, HTTP status.
OUTCOMES = {
    "missing": ("http_error", 404),
    "removed": ("http_error", 410),
    "broken": ("http_error", 500),
    "page": ("unreadable", None),
    "cut": ("truncated", None),
    "pixel": ("", None),
    "moved": ("", None),
    "loop": ("not_reached", 302),
    "noai": ("opted_out", None),
    "empty": ("unreadable", None),
    "silent": ("not_reached", None),
}
# And of an answer of tests.web with the limits below: reason, status of the scrape.
ANSWERS = {kind: ("", "success") for kind in web.PICTURES} | {
    "moved": ("", "success"),
    "relative": ("", "success"),
    "chain": ("", "success"),
    "loop": ("not_reached", "redirect_loop"),
    "maze": ("not_reached", "redirect_loop"),
    "tofile": ("refused_address", "refused"),
    "toprivate": ("refused_address", "refused"),
    "tometadata": ("refused_address", "refused"),
    "missing": ("http_error", "http_error"),
    "gone": ("http_error", "http_error"),
    "forbidden": ("http_error", "http_error"),
    "broken": ("http_error", "http_error"),
    "busy": ("", "success"),
    "down": ("", "success"),
    "ill": ("", "success"),
    "html": ("unreadable", "success"),
    "svg": ("unreadable", "success"),
    "empty": ("unreadable", "success"),
    "truncated": ("truncated", "success"),
    "short": ("not_reached", "broken_off"),
    "gzip": ("", "success"),
    "gzipbomb": ("too_many_bytes", "too_large"),
    "pixel": ("", "success"),
    "bomb": ("too_many_pixels", "success"),
    "noai": ("opted_out", "opted_out"),
    "ours": ("opted_out", "opted_out"),
    "theirs": ("", "success"),
    "tdm": ("opted_out", "opted_out"),
    "reset": ("not_reached", "broken_off"),
    "silent": ("not_reached", "broken_off"),
    "endless": ("too_many_bytes", "too_large"),
}
SLOW = {"drip": ("not_reached", "timed_out"), "hangs": ("not_reached", "timed_out")}
FAILING = {"broken", "short", "reset", "silent", "drip", "hangs"}  # to the end, so they are asked in every pass
DROPPED = {"reset", "silent"}  # aiohttp asks once more at once, for a connection that had been kept may just have ended


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "web.zip"
    photos.build("web.zip", path)
    return path


@pytest.fixture(scope="module")
def listed() -> list[dict]:
    with open(REPOSITORY / "config/lists/demo_urls.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module", params=ENGINES)
def scraped(request, tmp_path_factory, archive, listed) -> tuple[Path, list[dict]]:
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "shard.partial/img2dataset/out").mkdir(parents=True)  # of an earlier attempt; img2dataset would take it for done
    (folder / "shard.partial/img2dataset/out/00000_stats.json").write_text("{}")
    recipe = {"engine": request.param, "threads": 8, "max_bytes": MAX_BYTES, "retries": 0}
    return folder, scrape_into(folder, [row["url"] for row in listed], serve=str(archive), **recipe)


def behaviour_and_member(url: str) -> tuple[str, str]:
    first, _, rest = urlsplit(url).path[1:].partition("/")
    return (first, rest) if first in MISBEHAVIOUR else ("", f"{first}/{rest}")


def test_every_address_of_the_demo_ends_as_the_server_behaves(scraped, archive, listed):
    folder, rows = scraped
    assert [row["source_url"] for row in rows] == [row["url"] for row in listed]
    assert OUTCOMES.keys() == MISBEHAVIOUR.keys()
    for row in rows:
        kind, member = behaviour_and_member(row["source_url"])
        reason, status = OUTCOMES.get(kind, ("", None))
        asked = row["source_url"].startswith("http:")
        if kind in ("", "moved") and asked:
            data = zipfile.ZipFile(archive).read(member)
            reason = "too_many_bytes" if len(data) > MAX_BYTES else ""
            assert reason or row["image"]["bytes"] == data
            assert reason or row["scrape"]["sha256"] == row["sha256"] == hashlib.sha256(data).hexdigest()
        if row["source_url"].startswith(("file:", "ftp:")):
            reason = "refused_address"
        assert row["reason"] == reason, row["source_url"]
        assert status is None or row["scrape"]["http_status"] == status
        assert row["state"] == ("rejected" if reason else "taken")
        assert bool(row["image"]) == (not reason)
        assert not reason or (reason in REASONS and row["detail"])
        assert asked == (row["scrape"]["status"] != "not_asked") == bool(row["scrape"]["fetched_at"])
        if asked:
            assert row["scrape"]["engine"].startswith(("img2dataset 1.", "direct, aiohttp 3."))
        if kind == "pixel":
            assert (row["width"], row["height"], row["format"]) == (1, 1, "PNG")
    assert sorted(path.name for path in folder.iterdir()) == ["picks.parquet", "shard.parquet"]


def test_demo_list_holds_every_kind_of_answer_in_number(archive, listed):
    kinds = Counter(behaviour_and_member(row["url"])[0] for row in listed)
    assert all(kinds[kind] >= 2 for kind in MISBEHAVIOUR)
    members = zipfile.ZipFile(archive).namelist()
    good = [behaviour_and_member(row["url"]) for row in listed if row["url"].startswith("http:")]
    assert all(member in members for _, member in good)
    twice = [count for (kind, _), count in Counter(good).items() if not kind and count > 1]
    assert twice == [2]
    assert all(urlsplit(row["url"]).hostname.endswith(".test") for row in listed if not row["url"].startswith("file:"))
    assert all(row["url"].startswith("file:") or row["photo"] in row["url"].split("/") for row in listed)
    assert len({row["id"] for row in listed}) == len(listed)
    assert all(row["caption"] for row in listed)


@pytest.mark.parametrize("count", [2_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_every_row_ends_as_its_server_answers_and_only_what_may_heal_is_asked_again(tmp_path, count):
    kinds = [*ANSWERS, *(["jpeg"] * 30)]
    addresses = [f"http://{kinds[row % len(kinds)]}{row % 5}.test/{kinds[row % len(kinds)]}/{row}" for row in range(count)]
    if count > 10_000:
        addresses += [f"http://{kind}.test/{kind}/{number}" for kind in SLOW for number in range(5)]
    with web.serving() as server:
        limits = {"timeout": 2, "total": 2.5, "max_bytes": 1_000_000, "pause": 0.3, "threads": 128}
        respect = ["robots_tag", "tdm_reservation"]
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, respect=respect, **limits)
    expected = ANSWERS | SLOW
    for row in rows:
        kind = urlsplit(row["source_url"]).path.split("/")[1]
        assert (row["reason"], row["scrape"]["status"]) == expected[kind], row["source_url"]
        assert row["state"] == ("rejected" if row["reason"] else "taken")
        if row["state"] == "taken" and kind in web.PICTURES:
            assert row["image"]["bytes"] == web.picture(kind, len(row["source_url"].split("/")[-1]) % 7)
        if row["scrape"]["status"] != "redirect_loop":
            passes = web.HEALS if kind in ("busy", "down", "ill") or kind in FAILING else 1
            at_once = 2 if kind in DROPPED else 1
            assert server.hits[row["source_url"]] == passes * at_once, row["source_url"]
    facts = {urlsplit(row["source_url"]).path.split("/")[1]: row for row in rows}
    assert (facts["animated"]["format"], facts["animated"]["frames"]) == ("GIF", 3)
    assert (facts["cmyk"]["format"], facts["cmyk"]["mode"]) == ("JPEG", "CMYK")
    assert (facts["alpha"]["format"], facts["alpha"]["mode"]) == ("PNG", "RGBA")
    assert (facts["tiff16"]["format"], facts["tiff16"]["bit_depth"]) == ("TIFF", 16)
    assert facts["chain"]["scrape"]["fetched_url"].startswith("http://other.test/jpeg/")
    assert not (set(urlsplit(url).hostname for url in server.hits) & {"10.0.0.1", "169.254.169.254"})


@pytest.mark.parametrize("engine", BOTH)
def test_local_files_and_this_machine_are_not_read(tmp_path, engine):
    picture = tmp_path / "secret.png"
    data = io.BytesIO()
    photos.Image.new("RGB", (8, 8)).save(data, "PNG")
    picture.write_bytes(data.getvalue())
    with web.serving() as server:
        here = f"http://{socket.gethostname()}:{server.port}/jpeg/1"  # a name that leads to this machine
        addresses = [picture.as_uri(), f"http://127.0.0.1:{server.port}/jpeg/1", here]
        rows = scrape_into(tmp_path, addresses, engine=engine, retries=0)
        assert not server.hits
    assert [(row["reason"], row["image"]) for row in rows] == [("refused_address", None)] * 3
    assert [row["scrape"]["status"] for row in rows] == ["not_asked", "not_asked", "refused"]


def test_empty_pick_list_makes_an_empty_shard(tmp_path):
    assert scrape_into(tmp_path, []) == []


@pytest.mark.parametrize("engine", BOTH)
def test_a_shard_that_nothing_answers_is_not_done_and_goes_on_later(tmp_path, engine):
    """Of 30 addresses 20 fail: two passes, an error that tells why, and then only these are asked again."""
    with web.serving() as server:
        addresses = [f"http://a.test/{'jpeg' if row % 3 == 0 else 'reset'}/{row}" for row in range(30)]
        options = {"engine": engine, "retries": 1, "pause": 0.1}
        with pytest.raises(
            TouchstoneError, match=r"20 of 30 addresses did not answer: broken_off: 20|not_connected: 20"
        ) as caught:
            scrape_into(tmp_path, addresses, proxy=server.proxy, **options)
        assert "check_network" in caught.value.mend
        assert not (tmp_path / "shard.parquet").exists()
        at_once = 2 if engine == "direct" else 1
        assert Counter(server.hits.values()) == {1: 10, 2 * at_once: 20}
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, **options, max_unreached=0.7)
        assert Counter(server.hits.values()) == {1: 10, 4 * at_once: 20}
    assert Counter(row["reason"] for row in rows) == {"": 10, "not_reached": 20}


@pytest.mark.slow
def test_the_network_goes_in_the_middle_and_comes_back(tmp_path):
    """What was answered before stays settled; the job ends with what is wrong, and the next one asks for the rest."""
    addresses = [f"http://h{row % 23}.test/jpeg/{row}" for row in range(300)]
    recipe = {"revision": 1, "threads": 8, "retries": 1, "pause": 0.1, "timeout": 2}
    write_picks(tmp_path / "picks.parquet", addresses)
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps(recipe)]
    with web.serving(latency=0.02) as server:
        job = subprocess.Popen(command, env=environment(server.proxy), cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
        while sum(server.hits.values()) < 100:
            assert job.poll() is None
    terminal = job.communicate(timeout=120)[1]
    assert job.returncode == 1
    assert "did not answer" in terminal
    assert "check_network" in terminal
    assert not (tmp_path / "shard.parquet").exists()
    with open(tmp_path / "shard.partial/journal", "rb") as file:
        settled = {frame[0]["source_url"] for frame in list(iter(lambda: read_frame(file), None))[1:]}
    assert len(settled) > 50
    with web.serving() as server:
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, **recipe)
        assert set(server.hits) == set(addresses) - settled
    assert all(row["state"] == "taken" for row in rows)


def test_the_brake_stops_a_list_that_nothing_answers(tmp_path):
    with web.serving() as server:
        addresses = [f"http://h{row % 400}.test/{'jpeg' if row < 50 else 'reset'}/{row}" for row in range(2_000)]
        with pytest.raises(TouchstoneError, match=f"of the last {WINDOW} addresses 1[89]") as caught:
            scrape_into(tmp_path, addresses, proxy=server.proxy, pause=0.1, per_host=2, threads=16)
    assert len(server.hits) < 600
    assert "check_network" in caught.value.mend
    assert "broken_off" in caught.value.what


@pytest.mark.slow
def test_rows_that_img2dataset_leaves_out_are_no_shard(tmp_path):
    with web.serving() as server, pytest.raises(TouchstoneError, match="left out 1 of 1 addresses") as caught:
        scrape_into(tmp_path, ["http://a.test/jpeg/1"], proxy=server.proxy, engine="img2dataset", threads=-1)
    assert "semaphore initial value must be >= 0" in caught.value.what  # the end of its log
    assert Path(caught.value.where).exists()
    assert not (tmp_path / "shard.parquet").exists()


def test_what_an_earlier_shard_holds_is_not_asked_for_again(tmp_path):
    addresses = [f"http://a.test/{kind}/{number}" for kind in ("jpeg", "missing", "broken") for number in range(4)]
    with web.serving() as server:
        options = {"proxy": server.proxy, "retries": 0, "pause": 0}
        first = scrape_into(tmp_path, addresses, **options)
        before = (tmp_path / "shard.parquet").read_bytes()
        again = scrape_into(tmp_path, [*addresses[:10], "http://a.test/png/9"], **options)
        assert server.hits == {
            url: 2 if "broken" in url and url in addresses[:10] else 1 for url in [*addresses, again[-1]["source_url"]]
        }
        assert without_times(again)[:10] == without_times(first)[:10]
        scrape_into(tmp_path, addresses, **options, revision=2)  # on purpose
        assert all(count >= 2 for url, count in server.hits.items() if "png" not in url)
        assert len(before) > 1000


def test_block_lists_by_address_host_and_bytes_before_and_after(tmp_path):
    addresses = ["http://a.test/jpeg/1", "http://www.bad.test/jpeg/1", "http://a.test/png/1", "http://a.test/jpeg/22"]
    addresses += ["http://a.test/chain/22"]  # leads to other.test
    hashed = hashlib.sha256(web.picture("png", 1)).hexdigest()
    lists = tmp_path / "blocked.txt"
    lists.write_text(f"# mine\nbad.test\n{hashed}  # a stock photo\nhttp://a.test/jpeg/1\nother.test\n", encoding="utf-8")
    with web.serving() as server:
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, blocked=[str(lists)])
        assert [row["reason"] for row in rows] == ["blocked", "blocked", "blocked", "", "blocked"]
        assert server.hits["http://a.test/jpeg/1"] == server.hits["http://www.bad.test/jpeg/1"] == 0
        assert all(row["image"] is None for row in rows if row["reason"])
        lists.write_text("http://a.test/jpeg/22\n", encoding="utf-8")
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, blocked=[str(lists)])
        assert [row["reason"] for row in rows] == ["", "", "", "blocked", ""]
        assert server.hits["http://a.test/jpeg/22"] == 1
    with pytest.raises(TouchstoneError, match="block list cannot be read"):
        scrape_into(tmp_path, addresses, blocked=[str(tmp_path / "no.txt")])


def test_spares_beyond_the_last_rank_are_not_asked_for(tmp_path):
    write_json(tmp_path / "survivors.json", {"last_rank": 2})
    with web.serving() as server:
        addresses = [f"http://a.test/jpeg/{row}" for row in range(6)]
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, survivors=str(tmp_path / "survivors.json"))
        assert len(server.hits) == 3
        assert [row["reason"] for row in rows] == [""] * 3 + ["spare"] * 3
        write_json(tmp_path / "survivors.json", {"last_rank": 4})
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, survivors=str(tmp_path / "survivors.json"))
        assert [row["reason"] for row in rows] == [""] * 5 + ["spare"]
        assert set(server.hits.values()) == {1} and len(server.hits) == 5


@pytest.mark.parametrize("engine", BOTH)
def test_the_engine_dies_with_the_job(tmp_path, engine):
    """Kill -9 while a server keeps it waiting: the connection it holds is closed."""
    write_picks(tmp_path / "picks.parquet", ["http://photos.demo.test/china/00.jpg"])
    recipe = {"revision": 1, "engine": engine, "timeout": 60}
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        command = [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps(recipe)]
        proxy = f"http://127.0.0.1:{server.getsockname()[1]}"
        with subprocess.Popen(command, env=environment(proxy), cwd=REPOSITORY) as job:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                assert connection.recv(10_000).startswith(b"GET http://photos.demo.test/china/00.jpg")
                job.send_signal(signal.SIGKILL)
                assert connection.recv(1) == b""
    assert not (tmp_path / "shard.parquet").exists()


def test_killed_and_run_again_nothing_settled_is_asked_twice_and_the_shard_is_the_same(tmp_path):
    kinds = ("jpeg", "png", "missing", "html", "jpeg", "forbidden", "noai", "moved")
    addresses = [f"http://h{row % 23}.test/{kinds[row % 8]}/{row}" for row in range(600)]
    recipe = {"revision": 1, "threads": 8, "retries": 0}
    write_picks(tmp_path / "picks.parquet", addresses)
    journal = tmp_path / "shard.partial/journal"
    settled: dict[str, int] = {}  # and how often it had been asked for when its settling was seen
    with web.serving(latency=0.005) as server:
        command = [sys.executable, "-c", PROGRAM, str(tmp_path), json.dumps(recipe)]
        for part in (0.2, 0.5):
            with subprocess.Popen(command, env=environment(server.proxy), cwd=REPOSITORY, stderr=subprocess.DEVNULL) as job:
                while sum(server.hits.values()) < part * len(addresses):
                    assert job.poll() is None
                os.kill(job.pid, signal.SIGKILL)
                job.wait()
            with open(journal, "rb") as file:
                heads = [frame[0] for frame in iter(lambda: read_frame(file), None)]
            settled = {head["source_url"]: server.hits[head["source_url"]] for head in heads[1:]} | settled
            assert len(settled) > part * len(addresses) / 2
        with open(journal, "ab") as file:
            file.write(b"TF01 torn")
        rows = scrape_into(tmp_path, addresses, proxy=server.proxy, threads=8, retries=0)
        assert {url: server.hits[url] for url in settled} == settled
        assert sum(count > 1 for count in server.hits.values()) < 300  # what was in hand and in the pipe
        (tmp_path / "whole").mkdir()
        whole = scrape_into(tmp_path / "whole", addresses, proxy=server.proxy, threads=8, retries=0)
    assert without_times(rows) == without_times(whole)
    names = ("image", "id", "state")
    both = [pq.read_table(path, columns=list(names)) for path in (tmp_path / "shard.parquet", tmp_path / "whole/shard.parquet")]
    assert both[0].equals(both[1])
