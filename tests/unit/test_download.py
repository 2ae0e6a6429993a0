"""download.py and web.py against a real web server on loopback that cuts, lies, refuses and changes its mind."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from tests.servers import Server, running

from touchstone.download import Meter, download
from touchstone.errors import TouchstoneError
from touchstone.files import read_json
from touchstone.web import Refused

DATA = bytes(range(256)) * 20_000  # 5 MB
OTHER = DATA[::-1]


@pytest.fixture(scope="module")
def _running() -> Iterator[Server]:
    with running(Server()) as server:
        yield server


@pytest.fixture
def server(_running: Server) -> Server:
    _running.clear()
    return _running


@pytest.fixture
def get(tmp_path, progress):
    """``get(url, **arguments)`` → bytes of the file; tries follow each other at once, and are two."""

    def run(url: str, **arguments: object) -> bytes:
        download(url, tmp_path / "new" / "a.zip", Meter(progress), **{"tries": 2, "pause": 0.001} | arguments)
        assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["a.zip"]
        return (tmp_path / "new" / "a.zip").read_bytes()

    return run


@pytest.fixture
def part(tmp_path):
    (tmp_path / "new").mkdir()
    return tmp_path / "new" / "a.zip.part"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_arrives_whole(server, get, chunked):
    assert get(server.put("a.zip", DATA, chunked=chunked)) == DATA


@pytest.mark.parametrize("chunked", [False, True])
def test_a_cut_download_goes_on_from_there_by_itself(server, get, chunked):
    assert get(server.put("a.zip", DATA, cut_at=2_000_000, chunked=chunked)) == DATA
    assert server.ranges()[0] is None
    starts = [int(text.removeprefix("bytes=").rstrip("-")) for text in server.ranges()[1:]]
    assert starts == sorted(set(starts)) and len(starts) >= 2
    assert all(headers["If-Range"] == '"one"' for _, headers in server.asked[1:])


def test_what_came_is_kept_for_the_next_run(server, get, part):
    url = server.put("a.zip", DATA, first=[], cut_at=3_000_000)
    server.files["/a.zip"].ranges = False  # so further tries bring nothing new
    with pytest.raises(TouchstoneError, match=r"ended after 3,000,000 of 5,120,000[\s\S]*goes on from there") as error:
        get(url)
    assert error.value.where == url
    assert part.stat().st_size == 3_000_000
    server.put("a.zip", DATA)
    assert get(url) == DATA
    assert server.ranges()[-1] == "bytes=3000000-"


@pytest.mark.parametrize("if_range", [True, False], ids=["If-Range", "a server that ignores If-Range"])
def test_a_file_that_changed_on_the_server_is_never_glued_together(server, get, part, if_range):
    url = server.put("a.zip", DATA, cut_at=3_000_000, ranges=False)
    with pytest.raises(TouchstoneError):
        get(url)
    server.put("a.zip", OTHER, etag='"two"', if_range=if_range)
    assert get(url) == OTHER


def test_a_date_serves_where_there_is_no_strong_etag(server, get):
    date = "Sat, 01 Aug 2026 10:00:00 GMT"
    url = server.put("a.zip", DATA, etag='W/"weak"', headers={"Last-Modified": date}, cut_at=3_000_000)
    assert get(url) == DATA
    assert server.asked[-1][1]["If-Range"] == date


def test_without_a_version_only_a_checked_file_goes_on(server, get, part):
    url = server.put("a.zip", DATA, etag=None)
    part.write_bytes(DATA[:1_000_000])
    assert get(url) == DATA
    assert server.ranges() == [None]
    part.write_bytes(DATA[:1_000_000])
    assert get(url, checked=True) == DATA
    assert server.ranges() == [None, "bytes=1000000-"]


def test_a_part_of_another_address_is_not_continued(server, get, part):
    with pytest.raises(TouchstoneError):
        get(server.put("one.zip", DATA, cut_at=3_000_000, ranges=False))
    assert read_json(part.with_name("a.zip.part.json"))["url"].endswith("one.zip")
    assert get(server.put("two.zip", OTHER)) == OTHER
    assert server.ranges()[-1] is None


def test_a_server_that_knows_no_ranges_starts_anew(server, get, part):
    part.write_bytes(DATA[:1_000_000])
    assert get(server.put("a.zip", DATA, ranges=False), checked=True) == DATA
    assert server.ranges() == ["bytes=1000000-"]


def test_a_run_killed_before_the_renaming_fetches_nothing_again(server, get, part):
    part.write_bytes(DATA)
    assert get(server.put("a.zip", DATA), checked=True) == DATA
    assert server.ranges() == [f"bytes={len(DATA)}-"]


def test_a_part_longer_than_the_file_is_dropped(server, get, part):
    part.write_bytes(DATA + b"more")
    assert get(server.put("a.zip", DATA), checked=True) == DATA
    assert server.ranges() == [f"bytes={len(DATA) + 4}-", None]


@pytest.mark.parametrize(
    "first",
    [[(429, {"Retry-After": "0"})], [(503, {}), (503, {})], [(500, {"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"})]],
    ids=["429 then ok", "503 twice", "500 with a date"],
)
def test_a_server_that_is_busy_is_asked_again(server, get, first):
    assert get(server.put("a.zip", DATA, first=list(first)), tries=3) == DATA
    assert len(server.asked) == len(first) + 1


def test_a_server_that_stays_busy_is_given_up(server, get):
    with pytest.raises(TouchstoneError, match=r"broke off: the server answered 503"):
        get(server.put("a.zip", DATA, first=[(503, {})] * 9), tries=4)
    assert len(server.asked) == 4


def test_the_wait_that_a_server_asks_for_is_kept(server, get, tmp_path, progress):
    after = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    begin = datetime.now(UTC)
    assert get(server.put("a.zip", DATA, first=[(429, {"Retry-After": after})])) == DATA
    assert datetime.now(UTC) - begin > timedelta(seconds=0.9)


def test_a_server_that_asks_to_wait_for_hours_is_not_waited_for(server, get):
    with pytest.raises(TouchstoneError, match=r"429.*asks to wait 7200 s"):
        get(server.put("a.zip", DATA, first=[(429, {"Retry-After": "7200"})]))
    assert len(server.asked) == 1


def test_redirects_are_followed_and_keep_the_range(server, get, part):
    server.put("there.zip", DATA)
    server.put("two", redirect="/there.zip")
    part.write_bytes(DATA[:1_000_000])
    assert get(server.put("one", redirect=f"{server.root}/two"), checked=True) == DATA
    assert [path for path, _ in server.asked] == ["/one", "/two", "/there.zip"]
    assert server.ranges()[-1] == "bytes=1000000-"


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "data:,x", "/again"])
def test_redirects_that_lead_elsewhere_or_nowhere_are_refused(server, get, target):
    server.put("again", redirect="/again")
    with pytest.raises(Refused):
        get(server.put("a.zip", redirect=target))


def test_addresses_that_are_no_web_are_refused(get):
    for url in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        with pytest.raises(TouchstoneError):
            get(url)


def test_a_token_goes_to_its_own_host_only(server, get):
    with running(Server()) as other:
        url = server.put("a.zip", redirect="/same.zip")
        server.put("same.zip", redirect=other.put("a.zip", DATA))
        assert get(url, token="secret") == DATA  # noqa: S106
        assert [headers.get("Authorization") for _, headers in server.asked] == ["Bearer secret"] * 2
        assert [headers.get("Authorization") for _, headers in other.asked] == [None]


def test_another_size_than_the_card_says_is_not_even_begun(server, get, part):
    with pytest.raises(Refused, match="5,120,000 bytes on the server, its card says 7"):
        get(server.put("a.zip", DATA), n_bytes=7)
    assert not list(part.parent.iterdir())


def test_more_than_was_said_is_cut_off(server, get, part):
    with pytest.raises(Refused, match="more than 1,000"):
        get(server.put("a.zip", DATA, chunked=True), n_bytes=1000)
    assert not list(part.parent.iterdir())


def test_a_file_larger_than_the_disk_is_not_begun(server, get, part):
    with pytest.raises(TouchstoneError, match=r"are to be fetched, and .* are free[\s\S]*make room") as error:
        get(server.put("a.zip", b"x", length=10**18))
    assert "1000000 TB" in error.value.what
    assert not list(part.parent.iterdir())
    assert shutil.disk_usage(part.parent).free < 10**18


def test_a_refusal_names_status_address_and_mend(server, get, tmp_path):
    with pytest.raises(Refused, match="answered 404 Not Found") as error:
        get(f"{server.root}/404.zip")
    assert (error.value.where, error.value.status) == (f"{server.root}/404.zip", 404)
    assert not list((tmp_path / "new").iterdir())
    assert "`source` in the card" in error.value.mend


def test_no_answer_is_one_clear_error(get):
    url = "http://127.0.0.1:1/a.zip"
    with pytest.raises(TouchstoneError, match="broke off") as error:
        get(url)
    assert (error.value.where, "internet" in error.value.mend) == (url, True)


def test_an_answer_that_is_not_http_is_one_clear_error(server, get):
    with pytest.raises(TouchstoneError, match="broke off"):
        get(server.put("a.zip", raw=b"this is not HTTP\r\n\r\n"))


def test_two_processes_do_not_write_into_one_part(server, get, part):
    with part.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(TouchstoneError, match="another process is fetching"):
            get(server.put("a.zip", DATA))
    assert server.asked == []


def test_what_is_not_accepted_gets_no_name(server, get, tmp_path):
    def refuse(path):
        raise TouchstoneError(f"not {path.stat().st_size}")

    with pytest.raises(TouchstoneError, match="not 5120000"):
        get(server.put("a.zip", DATA), accept=refuse)
    assert not (tmp_path / "new/a.zip").exists()
