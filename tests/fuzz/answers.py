"""A server on loopback that answers every request with the same bytes, and both downloaders asking it."""

from __future__ import annotations

import asyncio
import io
import socket
import tempfile
import threading
from contextlib import suppress
from functools import cache
from pathlib import Path

from touchstone.download import Meter, download
from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.scraping import DEFAULTS
from touchstone.scraping.client import Client, Failure
from touchstone.scraping.hosts import Host
from touchstone.scraping.verdicts import STATUS

SETTINGS = DEFAULTS | {"networks": ["127.0.0.0/8"], "timeout": 2, "respect": ["robots_tag", "tdm_reservation", "robots_txt"]}


class Parrot:
    """Says ``self.words`` to whoever connects, and hangs up."""

    def __init__(self):
        self.words = b""
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.root = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            with connection, suppress(OSError):
                connection.settimeout(2)
                connection.recv(65536)
                connection.sendall(self.words)


@cache
def parrot() -> Parrot:
    return Parrot()


class Engine:
    """A client that is kept, as making one takes longer than asking; each request meets the host for the first time."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.client = Client(SETTINGS, lambda address: self.host)
        self.host = Host(1, 0)
        self.loop.run_until_complete(self.client.__aenter__())

    async def get(self) -> None:
        self.host = Host(1, 0)
        async with asyncio.timeout(5):
            await self.client.get(f"{parrot().root}/x", {})


@cache
def engine() -> Engine:
    return Engine()


def by_download(data: bytes) -> None:
    server = parrot()
    server.words = data
    with tempfile.TemporaryDirectory() as folder, suppress(TouchstoneError):
        meter = Meter(Progress("fuzz", streams=(io.StringIO(),)))
        download(f"{server.root}/x", Path(folder, "x"), meter, n_bytes=10_000, tries=1, pause=0)


def by_engine(data: bytes) -> None:
    parrot().words = data
    try:
        engine().loop.run_until_complete(engine().get())
    except Failure as failure:
        assert failure.status in STATUS
    except TimeoutError:
        pass
