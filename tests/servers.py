"""Real web servers on loopback that misbehave as they are told; one of them speaks as the Hugging Face hub does."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


@dataclass
class Served:
    """What lies at one path, and what goes wrong with it."""

    data: bytes = b""
    etag: str | None = '"one"'
    headers: dict[str, str] = field(default_factory=dict)
    first: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # statuses that come before the file does
    ranges: bool = True
    if_range: bool = True  # else Range is honoured whatever If-Range says
    cut_at: int | None = None  # bytes of an answer after which the connection is cut
    chunked: bool = False
    length: int | None = None  # a Content-Length that is not so
    redirect: str | None = None
    token: str | None = None  # else 401
    hold: bool = False  # keeps the connection open, silent, after the last byte until ``Server.release`` is set
    raw: bytes | None = None  # sent instead of HTTP


class Server(ThreadingHTTPServer):
    """Serves ``files`` by path; ``asked`` holds ``(path, headers)`` of every request, in order."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, Served] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.queries: list[str] = []  # what stood behind the question mark, where there was one
        self.held, self.release = threading.Event(), threading.Event()

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def put(self, path: str, data: bytes = b"", **wrong: object) -> str:
        """Serve ``data`` at ``path``; its address."""
        self.files[f"/{path}"] = Served(data, **wrong)
        return f"{self.root}/{path}"

    def ranges(self) -> list[str | None]:
        """The Range header of every request."""
        return [headers.get("Range") for _, headers in self.asked]

    def clear(self) -> None:
        self.files, self.asked = {}, []
        self.held, self.release = threading.Event(), threading.Event()

    def handle_error(self, *args: object) -> None:
        """Clients hang up on purpose here."""


class Hub(Server):
    """A hub: ``commits[kind, repository, commit]`` are its files by path; large ones are kept as LFS files."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: dict[tuple[str, str, str], dict[str, bytes]] = {}
        self.page = 1000  # entries of a listing

    def push(self, kind: str, repository: str, commit: str, files: dict[str, bytes], **wrong: object) -> None:
        """Publish a commit; ``wrong`` is what goes wrong with its files."""
        self.commits[kind, repository, commit] = files
        base = f"{'datasets/' if kind == 'dataset' else ''}{repository}/resolve/{commit}"
        for path, data in files.items():
            self.put(f"{base}/{path}", data, **wrong)

    def listing(self, path: str) -> list[dict] | None:
        """The answer to ``/api/<kind>s/<repository>/tree/<commit>/<path>``, None if there is no such commit."""
        found = re.fullmatch(r"/api/(dataset|model)s/([^/]+/[^/]+)/tree/([0-9a-f]{40})/?(.*)", path)
        files = self.commits.get((found[1], found[2], found[3])) if found else None
        if files is None:
            return None
        entries = []
        for name, data in files.items():
            if not name.startswith(f"{found[4]}/" if found[4] else ""):
                continue
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
            entry = {"type": "file", "path": name, "size": len(data), "oid": blob}
            if len(data) > 100:
                lfs = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
                entry |= {"lfs": lfs, "oid": "0" * 40}
            entries.append(entry)
        return entries


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, query = unquote(urlsplit(self.path).path), urlsplit(self.path).query
        self.server.asked.append((path, dict(self.headers)))
        self.server.queries += filter(None, [query])
        if isinstance(self.server, Hub) and re.match("/api/(dataset|model)s/", path):
            return self.listing(path, query)
        served = self.server.files.get(path)
        if served is None:
            return self.reply(404)
        if served.raw is not None:
            self.wfile.write(served.raw)
            self.close_connection = True
        elif served.token and self.headers.get("Authorization") != f"Bearer {served.token}":
            self.reply(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        elif served.first:
            self.reply(*served.first.pop(0))
        elif served.redirect:
            self.reply(302, {"Location": served.redirect})
        else:
            self.send(served)

    def listing(self, path: str, query: str) -> None:
        entries = self.server.listing(path)
        if entries is None:
            return self.reply(404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "Invalid rev id"})
        start = int((re.search(r"cursor=(\d+)", query) or [0, 0])[1])
        stop = start + self.server.page
        headers = {"Content-Type": "application/json"}
        if stop < len(entries):
            headers["Link"] = f'<{self.server.root}{path}?{query.split("&cursor")[0]}&cursor={stop}>; rel="next"'
        self.reply(200, headers, json.dumps(entries[start:stop]).encode())

    def reply(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send(self, served: Served) -> None:
        data, start = served.data, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, served.etag, served.headers.get("Last-Modified"))
        if asked and served.ranges and (same or not served.if_range):
            start = int(asked[1])
        headers = dict(served.headers) | ({"ETag": served.etag} if served.etag else {})
        if start >= len(data) > 0:
            return self.reply(416, {"Content-Range": f"bytes */{len(data)}"})
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        if served.chunked:
            headers["Transfer-Encoding"] = "chunked"
        else:
            headers["Content-Length"] = str(len(data) - start if served.length is None else served.length)
        self.close_connection = True
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        body = data[start:][: served.cut_at]
        if served.chunked:
            end = b"" if len(body) < len(data) - start else b"\r\n0\r\n\r\n"
            body = f"{len(data) - start:x}\r\n".encode() + body + end
        self.wfile.write(body)
        if served.hold:
            self.server.held.set()
            self.server.release.wait(60)

    def log_message(self, *args: object) -> None:
        """The tests look at ``Server.asked``."""


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """The server at work, until the block ends."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
