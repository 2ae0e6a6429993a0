"""Scraping with the real img2dataset from a real server that misbehaves on purpose."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import IncompleteRead
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow.parquet as pq
import pytest

from touchstone import guard, scrape
from touchstone.demo import photos
from touchstone.demo.web import MISBEHAVIOUR, serving
from touchstone.draw import PICK
from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.record import REASONS, TAKEN, empty_item, table_of

REPOSITORY = Path(__file__).resolve().parents[2]
MAX_BYTES = 60_000  # a few of the photographs are larger

# What must become of an answer of demo.web: reason and HTTP status.
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


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "web.zip"
    photos.build("web.zip", path)
    return path


@pytest.fixture(scope="module")
def listed() -> list[dict]:
    with open(REPOSITORY / "config/lists/demo_urls.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_picks(path: Path, addresses: list[str]) -> str:
    rows = [empty_item() | {"id": f"web/{row}", "source_url": url, "rank": row} for row, url in enumerate(addresses)]
    pq.write_table(table_of(rows, PICK), path)
    return str(path)


def scrape_into(folder: Path, addresses: list[str], archive: Path | None, **recipe: object) -> list[dict]:
    """The rows of a shard made in ``folder``."""
    scrape.scrape_shard(
        picks=write_picks(folder / "picks.parquet", addresses),
        shard=str(folder / "shard.parquet"),
        recipe={"revision": 1, "timeout": 5} | recipe,
        serve=str(archive) if archive else None,
        partial=str(folder / "shard.partial"),
        progress=Progress("take", streams=()),
    )
    table = pq.read_table(folder / "shard.parquet")
    assert table.schema.equals(TAKEN)
    return table.to_pylist()


@pytest.fixture(scope="module")
def scraped(tmp_path_factory, archive, listed) -> tuple[Path, list[dict]]:
    folder = tmp_path_factory.mktemp("scraped")
    (folder / "shard.partial/out").mkdir(parents=True)  # of an earlier attempt, which img2dataset would take for done
    (folder / "shard.partial/out/00000_stats.json").write_text("{}")
    return folder, scrape_into(folder, [row["url"] for row in listed], archive, threads=8, max_bytes=MAX_BYTES)


def behaviour_and_member(url: str) -> tuple[str, str]:
    first, _, rest = urlsplit(url).path[1:].partition("/")
    return (first, rest) if first in MISBEHAVIOUR else ("", f"{first}/{rest}")


def test_every_address_of_the_demo_ends_as_the_server_behaves(scraped, archive, listed):
    _, rows = scraped
    assert [row["source_url"] for row in rows] == [row["url"] for row in listed]
    assert OUTCOMES.keys() == MISBEHAVIOUR.keys()
    for row in rows:
        kind, member = behaviour_and_member(row["source_url"])
        reason, status = OUTCOMES.get(kind, ("", None))
        if kind in ("", "moved") and row["source_url"].startswith("http:"):
            data = zipfile.ZipFile(archive).read(member)
            reason = "too_many_bytes" if len(data) > MAX_BYTES else ""
            assert reason or row["image"]["bytes"] == data
        if row["source_url"].startswith(("file:", "ftp:")):
            reason = "refused_address"
        assert (row["reason"], row["scrape"]["http_status"]) == (reason, status), row["source_url"]
        assert row["state"] == ("rejected" if reason else "taken")
        assert bool(row["image"]) == (not reason)
        assert not reason or (reason in REASONS and row["detail"])
        asked = row["scrape"]["status"] != "not_asked"
        assert asked == row["source_url"].startswith("http:") == bool(row["scrape"]["fetched_at"])
        assert row["scrape"]["engine"].startswith("img2dataset 1.")
        if kind == "pixel":
            assert (row["width"], row["height"], row["format"]) == (1, 1, "PNG")


def test_demo_list_holds_every_kind_of_answer_in_number(scraped, archive, listed):
    rows = scraped[1]
    kinds = Counter(behaviour_and_member(row["url"])[0] for row in listed)
    assert all(kinds[kind] >= 2 for kind in MISBEHAVIOUR)
    assert {row["reason"] for row in rows} >= {"too_many_bytes", "refused_address"}
    taken = [row for row in rows if row["state"] == "taken"]
    assert len(taken) >= 60
    assert {row["format"] for row in taken} == {"JPEG", "PNG"}
    members = zipfile.ZipFile(archive).namelist()
    good = [behaviour_and_member(row["url"]) for row in listed if row["url"].startswith("http:")]
    assert all(member in members for _, member in good)
    twice = [count for (kind, _), count in Counter(good).items() if not kind and count > 1]
    assert twice == [2]
    assert all(urlsplit(row["url"]).hostname.endswith(".test") for row in listed if not row["url"].startswith("file:"))
    assert all(row["url"].startswith("file:") or row["photo"] in row["url"].split("/") for row in listed)
    assert len({row["id"] for row in listed}) == len(listed)
    assert all(row["caption"] for row in listed)


def test_nothing_is_left_beside_the_shard(scraped):
    assert sorted(path.name for path in scraped[0].iterdir()) == ["picks.parquet", "shard.parquet"]


def test_local_files_and_this_machine_are_not_read(tmp_path):
    picture = tmp_path / "secret.png"
    data = io.BytesIO()
    photos.Image.new("RGB", (8, 8)).save(data, "PNG")
    picture.write_bytes(data.getvalue())
    rows = scrape_into(tmp_path, [picture.as_uri(), "http://127.0.0.1/secret.png"], None)
    assert [(row["reason"], row["scrape"]["status"], row["image"]) for row in rows] == [
        ("refused_address", "not_asked", None)
    ] * 2


def test_empty_pick_list_makes_an_empty_shard(tmp_path):
    assert scrape_into(tmp_path, [], None) == []


def test_nothing_reached_is_no_shard(tmp_path, archive):
    addresses = [f"http://photos.demo.test/silent/china/{number:02}.jpg" for number in range(12)]
    with pytest.raises(TouchstoneError, match="not one of 12 addresses answered") as caught:
        scrape_into(tmp_path, addresses, archive, retries=0)
    assert "internet" in caught.value.mend
    assert not (tmp_path / "shard.parquet").exists()


def test_rows_that_img2dataset_leaves_out_are_no_shard(tmp_path, archive):
    with pytest.raises(TouchstoneError, match="left out 1 of 1 addresses") as caught:
        scrape_into(tmp_path, ["http://photos.demo.test/china/00.jpg"], archive, threads=-1)
    assert "semaphore initial value must be >= 0" in caught.value.what  # the end of its log
    assert Path(caught.value.where).exists()
    assert not (tmp_path / "shard.parquet").exists()


def test_img2dataset_dies_with_the_job(tmp_path):
    """Kill -9 while a server keeps img2dataset waiting: the connection it holds is closed."""
    picks = write_picks(tmp_path / "picks.parquet", ["http://photos.demo.test/china/00.jpg"])
    arguments = {
        "picks": picks,
        "shard": f"{tmp_path}/shard.parquet",
        "recipe": {"timeout": 60},
        "partial": f"{tmp_path}/partial",
    }
    program = (
        "import json, sys; from touchstone.progress import Progress; from touchstone.scrape import scrape_shard; "
        "scrape_shard(**json.loads(sys.argv[1]), serve=None, progress=Progress('take'))"
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        surroundings = {"http_proxy": f"http://127.0.0.1:{server.getsockname()[1]}", "no_proxy": ""}
        surroundings |= {"PYTHONPATH": str(REPOSITORY / "workflow/scripts")}
        with subprocess.Popen([sys.executable, "-c", program, json.dumps(arguments)], env=os.environ | surroundings) as job:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(10)
                assert connection.recv(10_000).startswith(b"GET http://photos.demo.test/china/00.jpg")
                job.send_signal(signal.SIGKILL)
                assert connection.recv(1) == b""
    assert not (tmp_path / "shard.parquet").exists()


@pytest.mark.parametrize(
    ("address", "refused"),
    [
        ("http://photos.demo.test/china/00.jpg", False),
        ("HTTPS://user@example.org:8443/a b.jpg", False),
        ("http://93.184.215.14/a.jpg", False),
        ("file:///etc/hostname", True),
        ("ftp://example.org/a.jpg", True),
        ("data:image/png;base64,AAAA", True),
        ("/etc/hostname", True),
        ("", True),
        ("http://", True),
        ("http://[::1", True),
        ("http://[::1]/a.jpg", True),
        ("http://[::ffff:10.0.0.1]/a.jpg", True),
        ("http://localhost:8080/a.jpg", True),
        ("http://metadata.localhost./a.jpg", True),
        ("http://169.254.169.254/latest/meta-data", True),
        ("http://user@127.0.0.1/a.jpg", True),
        ("http://0x7f.1/a.jpg", True),
        ("http://2130706433/a.jpg", True),
    ],
)
def test_refusal(address, refused):
    assert bool(guard.refusal(address)) == refused


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("HTTP Error 429: Too Many Requests", ("http_error", 429)),
        ("HTTP Error 999: Request denied", ("http_error", 999)),
        ("<urlopen error [Errno -2] Name or service not known>", ("not_reached", None)),
        ("<urlopen error timed out>", ("not_reached", None)),
        ("", ("not_reached", None)),
    ],
)
def test_verdict(message, expected):
    assert scrape.verdict(message) == expected


@contextmanager
def answering(answer: bytes, close: bool = True) -> Iterator[str]:
    """The address of a server that answers one request with exactly these bytes."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(10_000)
                connection.sendall(answer)
                if not close:
                    done.wait(10)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        done.set()
        thread.join()


def guarded(url: str, proxy: str | None = None, max_bytes: int = 1000, seconds: float = 10) -> bytes:
    proxies = urllib.request.ProxyHandler({"http": proxy} if proxy else {})
    opener = urllib.request.build_opener(proxies, guard.Guard(max_bytes=max_bytes, seconds=seconds))
    with opener.open(url, timeout=5) as answer:
        return answer.read()


def test_guard_limits_bytes_and_seconds(archive):
    url, data = "http://photos.demo.test/china/00.jpg", zipfile.ZipFile(archive).read("china/00.jpg")
    with serving(archive) as proxy:
        assert guarded(url, proxy, max_bytes=len(data)) == data
        with pytest.raises(OSError, match=f"^{guard.TOO_LARGE}"):
            guarded(url, proxy, max_bytes=len(data) - 1)
        with pytest.raises(TimeoutError):
            guarded(url, proxy, max_bytes=len(data), seconds=-1)


def test_guard_follows_no_redirect_into_this_machine(archive):
    with serving(archive) as proxy:
        assert guarded("http://photos.demo.test/moved/china/00.jpg", proxy, max_bytes=100_000)
        with pytest.raises(OSError, match=f"^{guard.REFUSED}"):
            guarded("http://127.0.0.1/moved/china/00.jpg", proxy)


def test_guard_takes_whole_bodies_only():
    with answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n") as url:
        assert guarded(url) == b"abcde"
    with answering(b"HTTP/1.1 200 OK\r\n\r\nabc") as url:
        assert guarded(url) == b"abc"
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", close=False) as url:
        assert guarded(url) == b""
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcde", close=False) as url:
        assert guarded(url) == b"abc"
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc") as url, pytest.raises(IncompleteRead):
        guarded(url)
    with answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc") as url, pytest.raises(IncompleteRead):
        guarded(url)
