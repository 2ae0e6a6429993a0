"""A web server that answers in every way that the web does, and counts who asked for what.

The first folder of a path says how it answers (``ANSWERS``), the rest tells addresses apart. It is
asked as an HTTP proxy for made-up hosts, or as itself on any address of the loopback network.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import struct
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlsplit

import numpy as np
from PIL import Image
from tests.pictures import drawing, encode

PAGE = b"<!DOCTYPE html><title>Oops</title><p>This picture has gone for a walk.\n" * 20
HEALS = 3  # the request at which an answer that heals is well


@dataclass
class Web:
    """``hits`` counts requests by address, ``times`` holds when each came, ``most`` how many a host had at once.

    ``latency`` is seconds before an answer.
    """

    port: int
    latency: Callable[[str], float] | float = 0.0
    hits: Counter = field(default_factory=Counter)
    times: dict[str, list[float]] = field(default_factory=dict)
    busy: Counter = field(default_factory=Counter)
    most: Counter = field(default_factory=Counter)

    @property
    def proxy(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@cache
def picture(kind: str, seed: int = 0) -> bytes:
    """Bytes of a small picture of this kind, the same for the same seed."""
    if kind == "animated":
        frames = [drawing((40, 32), "RGB", seed + number) for number in range(3)]
        data = io.BytesIO()
        frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
        return data.getvalue()
    if kind == "tiff16":
        data = io.BytesIO()
        drawing((40, 32), "L", seed).convert("I").point(lambda value: value * 257).convert("I;16").save(data, "TIFF")
        return data.getvalue()
    mode = {"cmyk": "CMYK", "alpha": "RGBA"}.get(kind, "RGB")
    return encode(drawing((40, 32), mode, seed), {"cmyk": "JPEG", "alpha": "PNG"}.get(kind, kind.upper()))


PICTURES = ("jpeg", "png", "webp", "gif", "avif", "tiff", "tiff16", "animated", "cmyk", "alpha")


@cache
def bomb() -> bytes:
    """A PNG of 20,000 x 20,000 pixels in less than half a megabyte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compressobj(9)
    packed = b"".join(rows.compress(bytes(2501)) for _ in range(20_000)) + rows.flush()
    head = struct.pack(">IIBBBBB", 20_000, 20_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


@cache
def gzip_bomb() -> bytes:
    """A picture with 50 MB of nothing behind it, compressed."""
    return gzip.compress(picture("jpeg") + bytes(50_000_000), 1)


@cache
def large() -> bytes:
    """Three megabytes that begin like a JPEG."""
    return picture("jpeg") + bytes(3_000_000)


def _reply(status: str, body: bytes = b"", *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Content-Type: image/jpeg", f"Content-Length: {len(body) if length is None else length}"]
    return "\r\n".join([*lines, *headers, "", ""]).encode() + body


def photograph(number: int) -> bytes:
    """A small JPEG unlike all others: blocks of random colours."""
    random = np.random.default_rng(number)
    blocks = Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8))
    return encode(blocks.resize((64, 64), Image.Resampling.NEAREST), "JPEG")


def _plain(kind: str, rest: str, host: str, hits: int) -> bytes | None:
    """The whole answer of kinds that need nothing but bytes; ``None`` if ``kind`` is none of them."""
    jpeg = picture("jpeg", len(rest) % 7)
    if kind in PICTURES:
        return _reply("200 OK", picture(kind, len(rest) % 7))
    if kind == "photo":
        return _reply("200 OK", photograph(int(rest)))
    healed = hits >= HEALS
    answers = {
        "moved": lambda: _reply("301 Moved", b"", f"Location: http://{host}/jpeg/{rest}"),
        "relative": lambda: _reply("302 Found", b"", f"Location: /jpeg/{rest}"),
        "chain": lambda: _reply("302 Found", b"", f"Location: http://other.test/moved/{rest}"),
        "loop": lambda: _reply("302 Found", b"", f"Location: http://{host}/loop/{rest}"),
        "maze": lambda: _reply("302 Found", b"", f"Location: http://{host}/maze/{rest}x"),
        "tofile": lambda: _reply("302 Found", b"", "Location: file:///etc/hostname"),
        "toprivate": lambda: _reply("302 Found", b"", "Location: http://10.0.0.1/jpeg/x"),
        "tometadata": lambda: _reply("302 Found", b"", "Location: http://169.254.169.254/latest"),
        "missing": lambda: _reply("404 Not Found", PAGE),
        "gone": lambda: _reply("410 Gone", PAGE),
        "forbidden": lambda: _reply("403 Forbidden", PAGE),
        "broken": lambda: _reply("500 Internal Server Error", PAGE),
        "busy": lambda: _reply("200 OK", jpeg) if healed else _reply("429 Too Many Requests", b"", "Retry-After: 1"),
        "down": lambda: _reply("200 OK", jpeg) if healed else _reply("503 Service Unavailable", PAGE),
        "ill": lambda: _reply("200 OK", jpeg) if healed else _reply("500 Internal Server Error", PAGE),
        "later": lambda: _reply("429 Too Many Requests", b"", "Retry-After: 86400"),
        "html": lambda: _reply("200 OK", PAGE),
        "svg": lambda: _reply("200 OK", b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
        "empty": lambda: _reply("200 OK"),
        "truncated": lambda: _reply("200 OK", jpeg[:-60]),
        "short": lambda: _reply("200 OK", jpeg[:100], length=len(jpeg)),
        "gzip": lambda: _reply("200 OK", gzip.compress(jpeg), "Content-Encoding: gzip"),
        "gzipbomb": lambda: _reply("200 OK", gzip_bomb(), "Content-Encoding: gzip"),
        "large": lambda: _reply("200 OK", large()),
        "pixel": lambda: _reply("200 OK", encode(Image.new("RGB", (1, 1), "white"), "PNG")),
        "bomb": lambda: _reply("200 OK", bomb()),
        "noai": lambda: _reply("200 OK", jpeg, "X-Robots-Tag: noai"),
        "ours": lambda: _reply("200 OK", jpeg, "X-Robots-Tag: otherbot: nofollow, touchstone: noindex"),
        "theirs": lambda: _reply("200 OK", jpeg, "X-Robots-Tag: otherbot: noai, noindex"),
        "tdm": lambda: _reply("200 OK", jpeg, "TDM-Reservation: 1"),
        "robots.txt": lambda: _reply("200 OK", b"User-agent: *\nDisallow: /*/private/\n"),
    }
    return answers[kind]() if kind in answers else None


@contextmanager
def serving(latency: Callable[[str], float] | float = 0.0) -> Iterator[Web]:
    """Serve while the body runs."""
    loop = asyncio.new_event_loop()
    listener = socket.create_server(("0.0.0.0", 0), backlog=2000)  # noqa: S104 - all of 127.0.0.0/8
    web = Web(listener.getsockname()[1], latency)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                target = head.split(b" ", 2)[1].decode()
                named = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:] if ": " in line)
                url = target if "://" in target else f"http://{named['Host']}{target}"
                if not await _answer(web, url, writer):
                    break
        writer.close()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.start_server(answer, sock=listener))
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield web
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        listener.close()


async def _answer(web: Web, url: str, writer: asyncio.StreamWriter) -> bool:
    """Answer one request; whether the connection may be used again."""
    web.hits[url] += 1
    web.times.setdefault(url, []).append(time.monotonic())
    parts = urlsplit(url)
    kind, _, rest = parts.path.removeprefix("/").partition("/")
    if wait := web.latency(url) if callable(web.latency) else web.latency:
        web.busy[parts.hostname] += 1
        web.most[parts.hostname] = max(web.most[parts.hostname], web.busy[parts.hostname])
        await asyncio.sleep(wait)
        web.busy[parts.hostname] -= 1
    if reply := _plain(kind, rest, parts.netloc, web.hits[url]):
        writer.write(reply)
        await writer.drain()
        return kind != "short"
    if kind == "reset":
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif kind == "drip":
        data = picture("jpeg")
        writer.write(_reply("200 OK", b"", length=len(data)))
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.2)
    elif kind == "endless":
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n" + picture("jpeg"))
        while True:
            writer.write(bytes(65536))
            await writer.drain()
    elif kind == "hangs":
        await asyncio.sleep(60)
    return False  # and `silent`: not a word
