"""img2dataset under guard: its processes run this module, which sets the limits that it lacks.

Run as ``python -m touchstone.guard OPTIONS LIMITS`` (both JSON): the options of img2dataset's
``download``, and the arguments of ``Guard``.
"""

from __future__ import annotations

import functools
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPResponse
from urllib.parse import urlsplit

# How messages begin that tell why an address was given up.
REFUSED, TOO_LARGE = "address refused", "larger than the limit"


def refusal(address: str) -> str:
    """Why an address must not be asked for; empty if it may.

    Only http and https are fetched, and no host that is ``localhost`` or a number (as inet_aton
    reads it) in this machine or a private network. A name that leads there is not looked up here.
    """
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").rstrip(".")
    except ValueError as error:
        return f"not an address: {error}"
    if parts.scheme not in ("http", "https"):
        return f"the scheme is {parts.scheme!r}, not http or https"
    if not host or host == "localhost" or host.endswith(".localhost"):
        return f"the host is {host!r}"
    with suppress(ValueError, OSError):  # of a host that is a name
        number = ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
        return "" if number.is_global else f"{host} is not in the public internet"
    return ""


class Guard(urllib.request.HTTPRedirectHandler):
    """Limits that urllib, and so img2dataset, lacks: where redirects lead, bytes and seconds of a body."""

    def __init__(self, max_bytes: int, seconds: float):
        self.max_bytes, self.seconds = max_bytes, seconds

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if why := refusal(newurl):
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


def _end_with_parent() -> None:
    """Kill img2dataset's processes when the one that started them is gone, which closes this pipe."""
    os.read(sys.stdin.fileno(), 1)
    os.killpg(0, signal.SIGKILL)


if __name__ in ("__main__", "__mp_main__"):  # img2dataset's first process, and each that it spawns
    sys.modules["torch"] = None  # webdataset imports it where it can, which takes seconds, and needs it for nothing here
    urllib.request.install_opener(urllib.request.build_opener(Guard(**json.loads(sys.argv[2]))))
if __name__ == "__main__":
    from img2dataset import download

    threading.Thread(target=_end_with_parent, daemon=True).start()
    download(**json.loads(sys.argv[1]))
