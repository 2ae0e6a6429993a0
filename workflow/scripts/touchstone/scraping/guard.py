"""img2dataset under guard: its processes run this module, which sets the limits that it lacks.

Run as ``python -m touchstone.scraping.guard OPTIONS LIMITS`` (both JSON): the options of img2dataset's
``download``, and the arguments of ``Guard``.
"""

from __future__ import annotations

import functools
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Sequence
from http.client import HTTPResponse
from urllib.parse import urlsplit

from touchstone.scraping.addresses import is_public, refusal

# How messages begin that tell why an address was given up.
REFUSED, TOO_LARGE = "address refused", "larger than the limit"


class Guard(urllib.request.HTTPRedirectHandler):
    """Limits that urllib, and so img2dataset, lacks: where redirects lead, bytes and seconds of a body."""

    def __init__(self, max_bytes: int, seconds: float, networks: Sequence[str] = ()):
        self.max_bytes, self.seconds, self.networks = max_bytes, seconds, networks

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if why := refusal(newurl, self.networks):
            raise OSError(f"{REFUSED}: redirected to {newurl}: {why}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def http_response(self, request: urllib.request.Request, response: HTTPResponse) -> HTTPResponse:
        response.read = functools.partial(self._read, response, response.read)
        return response

    https_response = http_response

    def _read(self, response: HTTPResponse, read: Callable) -> bytes:
        """The whole body, taken in the pieces that are there already, so that the limits are seen in time."""
        deadline = time.monotonic() + self.seconds
        body = bytearray()
        while response.length != 0 and len(body) <= self.max_bytes and (waiting := response.peek()):
            body += read(len(waiting))
            if time.monotonic() > deadline:
                raise TimeoutError(f"not done after {self.seconds:g} s")
        if len(body) > self.max_bytes:
            raise OSError(f"{TOO_LARGE} of {self.max_bytes:,} bytes")
        return bytes(body) + read()  # nothing more, or IncompleteRead if the body is too short


def look_up_public_only(networks: Sequence[str]) -> None:
    """Let names in this process lead to public addresses only; the proxies' own names are free."""
    look_up, free = socket.getaddrinfo, {urlsplit(proxy).hostname for proxy in urllib.request.getproxies().values()}

    def getaddrinfo(host: str, *arguments: object, **options: object) -> list:
        found = look_up(host, *arguments, **options)
        public = [each for each in found if host in free or is_public(each[4][0].partition("%")[0], networks)]
        if found and not public:
            raise OSError(f"{REFUSED}: {host} leads to {found[0][4][0]}, which is not in the public internet")
        return public

    socket.getaddrinfo = getaddrinfo


def _end_with_parent() -> None:
    """Kill img2dataset's processes when the one that started them is gone, which closes this pipe."""
    os.read(sys.stdin.fileno(), 1)
    os.killpg(0, signal.SIGKILL)


if __name__ in ("__main__", "__mp_main__"):  # img2dataset's first process, and each that it spawns
    sys.modules["torch"] = None  # webdataset imports it where it can, which takes seconds, and needs it for nothing here
    look_up_public_only(json.loads(sys.argv[2])["networks"])
    urllib.request.install_opener(urllib.request.build_opener(Guard(**json.loads(sys.argv[2]))))
if __name__ == "__main__":
    from img2dataset import download

    threading.Thread(target=_end_with_parent, daemon=True).start()
    download(**json.loads(sys.argv[1]))
