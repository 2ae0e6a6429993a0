"""A web of pictures on this machine's loopback addresses, for the benchmark of scraping."""

from __future__ import annotations

import asyncio
import functools
import random
import socket
import time

from tests.pictures import drawing, encode

HOSTS = 60  # loopback addresses, which a client takes for as many hosts


def pictures() -> list[bytes]:
    """JPEGs of 512 x 512 pixels."""
    return [encode(drawing((512, 512), seed=seed), "JPEG", quality=85) for seed in range(40)]


class Server(asyncio.Protocol):
    """Answers every request with a JPEG, after a while if ``latency`` is given (seconds, from and to)."""

    def __init__(self, answers: list[bytes], latency: tuple[float, float] | None):
        self.answers, self.latency = answers, latency

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        for request in data.split(b"\r\n\r\n")[:-1]:
            answer = self.answers[int(request.split(b" ", 2)[1].rpartition(b"/")[2]) % len(self.answers)]
            if self.latency:
                wait = random.uniform(*self.latency)  # noqa: S311 - not for secrets
                asyncio.get_running_loop().call_later(wait, self.transport.write, answer)
            else:
                self.transport.write(answer)


def serve(port: int, latency: tuple[float, float] | None) -> None:
    """Serve for ever; several of these share a port."""
    head = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
    answers = [head.format(len(data)).encode() + data for data in pictures()]

    hosts = [f"127.0.0.{1 + number}" for number in range(HOSTS)]

    async def run() -> None:
        loop = asyncio.get_running_loop()
        make = functools.partial(Server, answers, latency)
        server = await loop.create_server(make, hosts, port, reuse_port=True, backlog=1000)
        await server.serve_forever()

    asyncio.run(run())


def wait_for(port: int) -> None:
    """Until the server answers."""
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.2)
