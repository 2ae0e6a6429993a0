"""A web server that hands out photographs and misbehaves on purpose, for scraping without an internet.

It is an HTTP proxy on a free port of this machine: whoever sets ``http_proxy`` to its address can ask
for ``http://photos.demo.test/china/00.jpg`` on any made-up host, and no name is ever looked up. The
first folder of the path says how the answer goes wrong; what follows is a member of the zip.

=============  =================================================================================
first folder   answer
=============  =================================================================================
(none of       200, the member
these)
``missing``    404 Not Found
``removed``    410 Gone
``broken``     500 Internal Server Error
``page``       200, an HTML page that says it is a JPEG or PNG
``cut``        200, three quarters of the member, with a Content-Length that fits them
``pixel``      200, a picture of 1 x 1 pixel
``moved``      302 to the member
``loop``       302 to itself
``noai``       200, the member, with ``X-Robots-Tag: noai``
``empty``      200, no byte
``silent``     the connection is closed without an answer
=============  =================================================================================
"""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

PAGE = b"<!DOCTYPE html><title>Oops</title><p>This picture has gone for a walk.\n"


@dataclass(frozen=True)
class Answer:
    """What the server says; header lines may hold ``{host}`` and ``{member}``."""

    status: int = 200
    body: str = "whole"  # or: cut, page, pixel, empty
    headers: dict[str, str] = field(default_factory=dict)


WELL_BEHAVED = Answer()
MISBEHAVIOUR: dict[str, Answer | None] = {
    "missing": Answer(404, "page"),
    "removed": Answer(410, "page"),
    "broken": Answer(500, "page"),
    "page": Answer(body="page"),
    "cut": Answer(body="cut"),
    "pixel": Answer(body="pixel"),
    "moved": Answer(302, "empty", {"Location": "http://{host}/{member}"}),
    "loop": Answer(302, "empty", {"Location": "http://{host}/loop/{member}"}),
    "noai": Answer(headers={"X-Robots-Tag": "noai"}),
    "empty": Answer(body="empty"),
    "silent": None,
}


@contextmanager
def serving(archive: Path) -> Iterator[str]:
    """Serve the members of the zip ``archive`` while the body runs; yields the proxy's address."""
    with zipfile.ZipFile(archive) as members:
        server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, members, threading.Lock()))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, members: zipfile.ZipFile, lock: threading.Lock, *arguments: object):
        self.members, self.lock = members, lock
        super().__init__(*arguments)

    def do_GET(self) -> None:
        address = urlsplit(self.path)  # a proxy is asked for the whole address
        first, _, rest = address.path.removeprefix("/").partition("/")
        answer = MISBEHAVIOUR.get(first, WELL_BEHAVED)
        member = rest if first in MISBEHAVIOUR else f"{first}/{rest}"
        if answer is None:
            return
        if member not in self.members.namelist():
            answer = MISBEHAVIOUR["missing"]
        body = self._body(answer.body, member)
        self.send_response(answer.status)
        self.send_header("Content-Type", "image/png" if member.endswith(".png") else "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value.format(host=address.netloc, member=member))
        self.end_headers()
        self.wfile.write(body)

    def _body(self, kind: str, member: str) -> bytes:
        if kind == "empty":
            return b""
        if kind == "page":
            return PAGE
        if kind == "pixel":
            return _pixel()
        with self.lock:  # the threads share one file
            data = self.members.read(member)
        return data[: len(data) * 3 // 4] if kind == "cut" else data

    def log_message(self, *arguments: object) -> None:
        """Keep the terminal quiet."""


def _pixel() -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (1, 1), "white").save(data, "PNG")
    return data.getvalue()
