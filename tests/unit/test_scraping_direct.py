"""The engine `direct`: manners, limits and refusals, against a server on addresses of the loopback network."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import pytest
from tests import web
from tests.unit.scraping import scrape_into

from touchstone.scraping import DEFAULTS
from touchstone.scraping.client import begins_like_image, encoded
from touchstone.scraping.direct import engine

LOOPBACK = {"networks": ["127.0.0.0/8"]}


def fetch(folder, addresses: list[str], **settings: object) -> list:
    """Answers in the order of the addresses."""
    with engine(DEFAULTS | LOOPBACK | settings, folder, None) as ask:
        answers = {answer.row: answer for answer in ask(dict(enumerate(addresses)))}
    return [answers[row] for row in range(len(addresses))]


def test_hosts_are_asked_directly_and_each_by_its_own_measure(tmp_path):
    with web.serving(latency=0.2) as server:
        for per_host, first in ((2, 1), (8, 4)):
            addresses = [f"http://127.0.0.{first + row % 3}:{server.port}/jpeg/{row}" for row in range(24)]
            answers = fetch(tmp_path, addresses, per_host=per_host)
            assert [answer.scrape["status"] for answer in answers] == ["success"] * 24
            assert {server.most[f"127.0.0.{first + number}"] for number in range(3)} == {per_host}


def test_requests_to_a_host_keep_their_distance(tmp_path):
    with web.serving() as server:
        fetch(tmp_path, [f"http://127.0.0.1:{server.port}/jpeg/{row}" for row in range(6)], per_second=10)
        times = sorted(moment for moments in server.times.values() for moment in moments)
    assert times[-1] - times[0] >= 0.45


def test_retry_after_is_heeded_for_the_whole_host_and_too_long_a_wait_is_not_waited_for(tmp_path):
    with web.serving() as server:
        first = f"http://127.0.0.1:{server.port}/busy/1"
        rest = [f"http://127.0.0.1:{server.port}/jpeg/{row}" for row in range(4)]
        answers = fetch(tmp_path, [first, *rest], per_host=1)
        assert [answer.scrape["http_status"] for answer in answers] == [429, 200, 200, 200, 200]
        assert min(server.times[url][0] for url in rest) - server.times[first][0] > 0.9
        later = [f"http://127.0.0.2:{server.port}/later/{row}" for row in range(4)]
        started = time.monotonic()
        answers = fetch(tmp_path, later, per_host=1)
        assert time.monotonic() - started < 5
        assert [answer.scrape["status"] for answer in answers] == ["http_error"] + ["host_down"] * 3
        assert len([url for url in server.hits if "later" in url]) == 1


def test_a_host_that_is_not_there_does_not_hold_the_others_up(tmp_path):
    with web.serving() as server:
        addresses = [f"http://127.0.0.9:{server.port}/hangs/{row}" for row in range(100)]
        addresses += [f"http://127.0.0.1:{server.port}/jpeg/{row}" for row in range(100)]
        started = time.monotonic()
        answers = fetch(tmp_path, addresses, timeout=1, threads=32)
        assert time.monotonic() - started < 10
        assert len([url for url in server.hits if "hangs" in url]) <= 16
    words = {answer.scrape["status"] for answer in answers[:100]}
    assert words == {"timed_out", "host_down"}
    assert {answer.scrape["status"] for answer in answers[100:]} == {"success"}


def test_a_body_that_drips_may_take_its_time_and_no_more(tmp_path):
    with web.serving() as server:
        (answer,) = fetch(tmp_path, [f"http://127.0.0.1:{server.port}/drip/1"], total=0.6)
    assert (answer.reason, answer.scrape["status"], answer.scrape["message"]) == (
        "not_reached",
        "timed_out",
        "not done after 0.6 s",
    )


def test_names_and_connections_that_fail_are_told_apart(tmp_path):
    closed = "http://127.0.0.1:9/a.jpg"
    unknown, wrong = fetch(tmp_path, ["http://no-such-host.invalid/a.jpg", closed])
    assert (unknown.reason, unknown.scrape["status"]) == ("not_reached", unknown.scrape["status"])
    assert unknown.scrape["status"] in ("no_such_host", "lookup_failed")  # by what name server there is
    assert (wrong.reason, wrong.scrape["status"]) == ("not_reached", "not_connected")


def test_robots_txt_is_asked_once_for_each_host_where_it_counts(tmp_path):
    with web.serving() as server:
        urls = [f"http://{host}.test/jpeg/{path}" for host in "ab" for path in ("1", "private/2", "3")]
        rows = scrape_into(tmp_path, urls, proxy=server.proxy, respect=["robots_txt"])
        assert [row["reason"] for row in rows] == ["", "opted_out", ""] * 2
        assert [server.hits[f"http://{host}.test/robots.txt"] for host in "ab"] == [1, 1]
        assert not any("private" in url for url in server.hits)


def test_opt_outs_are_heeded_only_where_they_are_asked_for(tmp_path):
    with web.serving() as server:
        urls = [f"http://a.test/{kind}/1" for kind in ("noai", "tdm", "theirs")]
        rows = scrape_into(tmp_path, urls, proxy=server.proxy, respect=[])
    assert [row["reason"] for row in rows] == ["", "", ""]


def test_large_bodies_share_a_little_room_and_all_come_through(tmp_path):
    with web.serving() as server:
        addresses = [f"http://127.0.0.{1 + row}:{server.port}/large/{row}" for row in range(24)]
        answers = fetch(tmp_path, addresses, max_bytes=100_000_000)  # room for four at a time
    assert all(answer.data == web.large() for answer in answers)


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("http://a.test/b c.jpg?x=1 2#part", "http://a.test/b%20c.jpg?x=1%202"),
        ("http://a.test/b%20c%2Fd.jpg?sig=a%2Bb+c", "http://a.test/b%20c%2Fd.jpg?sig=a%2Bb+c"),
        ("HTTPS://user:word@a.test:8443/x", "https://a.test:8443/x"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
        ("http://a.test", "http://a.test/"),
    ],
)
def test_addresses_are_sent_as_they_are_but_for_what_must_be_encoded(address, sent):
    assert str(encoded(address)) == sent


@pytest.mark.parametrize("kind", web.PICTURES)
def test_every_allowed_format_is_known_by_its_first_bytes(kind):
    assert begins_like_image(web.picture(kind))
    assert urlsplit("x").scheme == "" and not begins_like_image(web.PAGE)
