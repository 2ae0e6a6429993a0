"""The small modules of scraping: addresses, opt-outs, verdicts, frames, journal, spares."""

from __future__ import annotations

import io
import socket
from contextlib import closing

import numpy as np
import pytest

from touchstone.errors import TouchstoneError
from touchstone.record import REASONS, SCRAPE
from touchstone.scraping.addresses import Blocked, is_public, refusal
from touchstone.scraping.frames import read_frame, write_frame
from touchstone.scraping.guard import look_up_public_only
from touchstone.scraping.img2dataset import verdict
from touchstone.scraping.journal import Journal
from touchstone.scraping.opt_outs import robots_tag, robots_txt, tdm_reserved
from touchstone.scraping.survivors import spares
from touchstone.scraping.unfinished import set_unfinished_aside
from touchstone.scraping.verdicts import STATUS, blames_network, histogram, is_passing


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
        ("http://example.org/a.jpg\r\nX-Evil: 1", True),
        ("http://example.org/a\x00.jpg", True),
        ("http://example.org:99999/a.jpg", True),
        ("http://[::1", True),
        ("http://[::1]/a.jpg", True),
        ("http://[::ffff:10.0.0.1]/a.jpg", True),
        ("http://[64:ff9b::10.0.0.1]/a.jpg", True),
        ("http://[fe80::1]/a.jpg", True),
        ("http://224.0.0.1/a.jpg", True),
        ("http://localhost:8080/a.jpg", True),
        ("http://metadata.localhost./a.jpg", True),
        ("http://169.254.169.254/latest/meta-data", True),
        ("http://user@127.0.0.1/a.jpg", True),
        ("http://0x7f.1/a.jpg", True),
        ("http://2130706433/a.jpg", True),
    ],
)
def test_refusal(address, refused):
    assert bool(refusal(address)) == refused


def test_a_network_can_be_allowed():
    assert refusal("http://10.1.2.3/a.jpg", ["10.1.0.0/16"]) == ""
    assert refusal("http://10.2.2.3/a.jpg", ["10.1.0.0/16"])
    assert is_public("127.0.0.7", ["127.0.0.0/8"]) and not is_public("127.0.0.7")


def test_block_lists():
    blocked = Blocked(["Bad.test", "http://a.test/1.jpg", "AB" * 32])
    assert [bool(blocked.tells(f"http://{host}/x")) for host in ("bad.test", "cdn.bad.test", "notbad.test", "test")] == [
        *(True, True),
        *(False, False),
    ]
    assert blocked.tells("http://a.test/1.jpg") and not blocked.tells("http://a.test/2.jpg")
    assert blocked.hashes == {"ab" * 32}


@pytest.mark.parametrize(
    ("headers", "word"),
    [
        (["noai"], "noai"),
        (["nofollow, NOINDEX"], "noindex"),
        (["all"], ""),
        (["googlebot: noindex, noai"], ""),
        (["googlebot: nofollow, touchstone: noai"], "noai"),
        (["googlebot: noindex", "noimageai"], "noimageai"),
        (["unavailable_after: 25 Jun 2030 15:00:00 PST, noai"], "noai"),
        (["max-snippet:20, none"], "none"),
        ([], ""),
    ],
)
def test_x_robots_tag(headers, word):
    assert robots_tag(headers) == word


def test_tdm_reservation_and_robots_txt():
    assert [tdm_reserved(value) for value in ("1", " 1 ", "0", "", None)] == [True, True, False, False, False]
    text = "User-agent: *\nDisallow: /private/*.jpg$\n\nUser-agent: touchstone\nDisallow: /x/\nAllow: /x/y\n"
    paths = ("/private/a.jpg", "/x/a.jpg", "/x/y.jpg")
    assert [robots_txt(text, f"http://a.test{path}") for path in paths] == [True, False, True]
    assert robots_txt("", "http://a.test/a.jpg")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("HTTP Error 429: Too Many Requests", ("http_error", 429)),
        ("HTTP Error 999: Request denied", ("http_error", 999)),
        (
            "HTTP Error 302: The HTTP server returned a redirect error that would lead to an infinite loop.",
            ("redirect_loop", 302),
        ),
        ("<urlopen error [Errno -2] Name or service not known>", ("no_such_host", None)),
        ("<urlopen error [Errno -3] Temporary failure in name resolution>", ("lookup_failed", None)),
        ("<urlopen error timed out>", ("timed_out", None)),
        ("<urlopen error [Errno 111] Connection refused>", ("not_connected", None)),
        ("<urlopen error address refused: a.test leads to 10.0.0.1, which is not in the public internet>", ("refused", None)),
        ("IncompleteRead(10 bytes read, 5 more expected)", ("broken_off", None)),
        ("", ("not_connected", None)),
    ],
)
def test_verdict_of_img2datasets_messages(message, expected):
    assert verdict(message) == expected


def test_words_lead_to_reasons_and_what_may_pass_is_told_from_what_is_gone():
    assert set(STATUS.values()) - {""} <= REASONS.keys()
    passing = {408, 425, 429, 500, 502, 503, 504, 521}
    for status in (*passing, 400, 401, 403, 404, 410, 451, 501, 505):
        assert is_passing("http_error", {"status": "http_error", "http_status": status}) == (status in passing)
    for word, expected in {"timed_out": True, "no_such_host": True, "redirect_loop": False, "bad_certificate": False}.items():
        assert is_passing("not_reached", {"status": word, "http_status": None}) == expected
    assert not is_passing("truncated", {"status": "success", "http_status": 200})
    answers = [("", "success", 200), ("http_error", "http_error", 404), ("not_reached", "timed_out", None)]
    answers += [("http_error", "http_error", 404), ("unreadable", "success", 200)]
    told = histogram((reason, {"status": word, "http_status": http}) for reason, word, http in answers)
    assert told == "HTTP 404: 2, image: 1, timed_out: 1, unreadable: 1"


def test_names_that_do_not_exist_are_dead_links_where_others_answer():
    for status, few, many in (("no_such_host", True, False), ("lookup_failed", True, True), ("success", False, False)):
        scrape = {"status": status, "http_status": None}
        assert (blames_network(scrape, 3), blames_network(scrape, 30)) == (few, many)


def test_names_lead_to_public_addresses_only_where_img2dataset_runs():
    look_up = socket.getaddrinfo
    try:
        look_up_public_only([])
        with pytest.raises(OSError, match="not in the public internet"):
            socket.getaddrinfo(socket.gethostname(), 80)
        assert socket.getaddrinfo("93.184.215.14", 80)
    finally:
        socket.getaddrinfo = look_up


def test_frames_end_where_one_is_torn_or_damaged():
    stream = io.BytesIO()
    write_frame(stream, {"a": "ü"}, b"body")
    write_frame(stream, {"b": 1})
    data = stream.getvalue()
    stream = io.BytesIO(data)
    assert [read_frame(stream) for _ in range(3)] == [({"a": "ü"}, b"body"), ({"b": 1}, b""), None]
    for end in range(1, 20):
        assert read_frame(io.BytesIO(data[:end])) is None
    assert read_frame(io.BytesIO(data.replace(b"body", b"bodi"))) is None


def test_a_journal_of_another_key_is_forgotten_and_a_torn_end_is_cut_off(tmp_path):
    scrape = {name: None for name in (field.name for field in SCRAPE)}
    row = {"id": "a/1", "source_url": "u", "image": {"bytes": b"xyz", "path": "a"}, "scrape": scrape, "state": "taken"}
    pick = {"id": "a/1", "source_url": "u", "rank": 0, "description": "new text"}
    path = tmp_path / "journal"
    with closing(Journal(path, "one")) as journal:
        journal.add(row | {"description": "old text"})
        journal.add(row | {"id": "a/2"})
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 1)
    with closing(Journal(path, "one")) as journal:
        assert pick in journal and len(journal) == 1
        assert journal.get(pick)["image"] == {"bytes": b"xyz", "path": "a"}
        assert journal.get(pick)["description"] == "new text"
        journal.add(row | {"id": "a/3"})
    with closing(Journal(path, "one")) as journal:
        assert len(journal) == 2
    with closing(Journal(path, "two")) as journal:
        assert len(journal) == 0


@pytest.mark.parametrize("rate", [0.05, 0.4, 0.9])
def test_spares_are_nearly_always_enough_and_not_many_too_many(rate):
    random = np.random.default_rng(0)
    asked, wanted = 6_000, 5_000
    for _ in range(300):
        good = int(random.binomial(asked, rate))
        number = spares(good, asked, wanted, 10**9)
        assert good + random.binomial(number, rate) >= wanted
        if good < wanted:
            assert number * rate < 1.7 * (wanted - good) + 10


def test_no_more_spares_than_there_are_and_none_without_need():
    assert spares(5_000, 6_000, 5_000, 100) == 0
    assert spares(0, 6_000, 5_000, 100) == 100
    assert spares(10, 6_000, 5_000, 100) == 100


def test_a_refusal_names_what_is_wrong():
    with pytest.raises(TouchstoneError, match="cannot be read"):
        Blocked.read(["/no/such/list"])


def test_a_shard_that_was_put_back_unfinished_is_set_aside_and_others_are_not(tmp_path):
    for name in ("real-00000", "real-00001", "painted-00000"):
        (tmp_path / f"{name}.parquet").write_text(name)
    for name in ("real-00001", "real-00002"):  # the second has no shard
        (tmp_path / f"{name}.parquet.partial").mkdir()
        (tmp_path / f"{name}.parquet.partial/journal").touch()
    (tmp_path / "painted-00000.parquet.partial").mkdir()  # of a generated shard: its batches are another matter
    assert set_unfinished_aside(tmp_path) == 1
    assert sorted(path.name for path in tmp_path.glob("*.parquet")) == ["painted-00000.parquet", "real-00000.parquet"]
    assert (tmp_path / "real-00001.parquet.partial/earlier.parquet").read_text() == "real-00001"
    assert set_unfinished_aside(tmp_path / "not there") == 0
