"""Asking a web server: http and https only, tried again while it may help, refusals told apart from accidents."""

from __future__ import annotations

import email.utils
import http.client
import json
import re
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar
from urllib.parse import urlsplit

from touchstone.credentials import bare, filled
from touchstone.errors import TouchstoneError

TIMEOUT = 60  # seconds without a byte until a try is given up
TRIES = 6  # in a row that bring nothing new
PAUSE = 1.0  # seconds before the second try; doubled for every further one
LONGEST = 900  # seconds; a server that asks to wait longer is asked again by the next build
PASSING = {408, 425, 429, 500, 502, 503, 504}  # statuses that go away
STOPPED = "stopped, as another download failed"
SMALL = 50_000_000  # bytes; what is read into memory is smaller
HEADERS = {"User-Agent": "touchstone/0.1", "Accept-Encoding": "identity"}

Result = TypeVar("Result")


class Refused(TouchstoneError):
    """The server answered, and will answer so again; ``status`` is its HTTP status."""

    status = 0


class Again(Exception):
    """This try failed in a way that the next may not; ``wait`` is what the server asks for, in seconds."""

    def __init__(self, why: object, wait: float | None = None):
        super().__init__(str(why))
        self.wait = wait


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to http(s) only, never from https to http, and takes a token to no other host."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        old, new = urlsplit(req.full_url), urlsplit(newurl)
        if new.scheme not in ("http", "https") or (old.scheme, new.scheme) == ("https", "http"):
            raise Refused(
                f"the server leads to {bare(newurl)}, where we do not follow", where=bare(req.full_url), mend="correct `source`"
            )
        request = super().redirect_request(req, fp, code, msg, headers, newurl)
        if request and new.netloc == old.netloc and req.has_header("Authorization"):
            request.add_unredirected_header("Authorization", req.get_header("Authorization"))
        return request


def _opener() -> urllib.request.OpenerDirector:
    """Opens http and https and, unlike Python's own, neither files nor ftp."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
        _Redirects,
    ):
        opener.add_handler(handler())
    return opener


def patiently(
    attempt: Callable[[], Result],
    url: str,
    *,
    say: Callable[[str], object],
    stop: threading.Event,
    have: Callable[[], int] = lambda: 0,
    tries: int = TRIES,
    pause: float = PAUSE,
) -> Result:
    """The result of ``attempt``, made again after ``Again`` while that may help.

    Args:
        say: Told why and how long it waits.
        stop: Ends the waiting.
        have: Bytes that are there; a failure after new ones is not counted.
        tries: Failures in a row until it gives up.
        pause: Seconds to wait, doubled at every failure, where the server names none.

    Raises:
        TouchstoneError: It gave up; and what ``attempt`` raises.
    """
    failures, furthest = 0, have()
    while True:
        try:
            return attempt()
        except Again as again:
            failures, furthest = (0, have()) if have() > furthest else (failures + 1, furthest)
            wait = min(pause * 2 ** max(failures - 1, 0), LONGEST) if again.wait is None else again.wait
            if failures >= tries or wait > LONGEST:
                asks = f"; the server asks to wait {wait:.0f} s" if wait > LONGEST else ""
                raise TouchstoneError(
                    f"the download broke off: {again}{asks}",
                    where=url,
                    mend="run again where the internet can be reached; it goes on from there",
                ) from None
            if wait >= 1:
                say(f"{url.rsplit('/', 1)[-1][:60]}: {again}; again in {wait:.0f} s")
            stop.wait(wait)
            if stop.is_set():
                raise TouchstoneError(STOPPED, where=url, mend="run again") from None


def read_document(url: str, **waiting: object) -> dict:
    """The JSON document at ``url``; arguments and errors are those of ``patiently``."""

    def read() -> dict:
        with ask(url, {"Accept": "application/json"}) as answer:
            text = answer.read(SMALL)
        return json.loads(text)

    try:
        return patiently(read, url, **waiting)
    except (ValueError, RecursionError) as error:
        raise TouchstoneError(f"the answer is not JSON: {error}", where=url, mend="run again later") from None


@contextmanager
def ask(url: str, headers: dict, token: str | None = None) -> Iterator[http.client.HTTPResponse]:
    """The server's answer; failures become ``Again`` or ``Refused``, but for status 416, which is an answer to a range.

    Variables in ``url`` are filled in here and nowhere else, so no message holds their values.
    """
    request = urllib.request.Request(filled(url), headers=HEADERS | headers)
    if token:
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with _opener().open(request, timeout=TIMEOUT) as answer:
            yield answer
    except urllib.error.HTTPError as error:
        if error.code in PASSING:
            raise Again(f"the server answered {error.code} {error.reason}", waiting(error.headers.get("Retry-After"))) from None
        if error.code == 416 and "Range" in headers:
            raise
        said = "and leads where we do not follow" if 300 <= error.code < 400 else error.reason  # the reason tells the address
        refused = Refused(f"the server answered {error.code} {said}", where=url, mend="check `source` in the card")
        refused.status = error.code
        raise refused from None
    except urllib.error.URLError as error:
        if "certificate" in str(error.reason).lower() or "unknown url type" in str(error.reason):
            raise Refused(f"the server cannot be trusted: {error.reason}", where=url, mend="check `source` in the card") from None
        raise Again(error.reason) from None
    except http.client.InvalidURL:  # its message tells all of it
        raise Refused("it is no address that can be sent", where=url, mend="correct `source` in the card") from None
    # http.client takes any number for the length of a chunk, and then reads so many bytes.
    except (TimeoutError, ConnectionError, http.client.HTTPException, ValueError, OverflowError) as error:
        raise Again(error) from None


def waiting(retry_after: str | None) -> float | None:
    """Seconds that a ``Retry-After`` asks for, a number or a date (RFC 9110, section 10.2.3); None if it says neither."""
    text = (retry_after or "").strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    with suppress(ValueError, TypeError, OverflowError):
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    return None
