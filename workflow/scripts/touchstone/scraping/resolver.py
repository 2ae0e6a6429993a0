"""Looking up names: each host once, and never into a private network."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from touchstone.scraping.addresses import is_public

LOOKUPS = 32  # names looked up at the same time; more have brought down resolvers of whole sites


class Refused(OSError):
    """An address, or where its name or a redirect leads, that must not be asked."""


class PublicResolver(AbstractResolver):
    """Looks a host up by the system, remembers what came of it, and gives public addresses only.

    Connections go to the addresses given here and nowhere else, so a name cannot lead elsewhere at
    its second look-up.
    """

    def __init__(self, networks: Sequence[str], seconds: float):
        self.networks, self.seconds = networks, seconds
        self._threads = ThreadPoolExecutor(LOOKUPS)
        self._slots = asyncio.Semaphore(LOOKUPS)
        self._known: dict[str, asyncio.Task] = {}

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        """Raises: ``Refused``; ``socket.gaierror`` if the name is not known; ``TimeoutError``."""
        if host not in self._known:
            self._known[host] = asyncio.create_task(self._look_up(host))
        found = await asyncio.shield(self._known[host])
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [ResolveResult(hostname=host, host=number, port=port, family=kind, proto=0, flags=flags) for kind, number in found]

    def forget_failures(self) -> None:
        """Look names up anew that were not found."""
        self._known = {host: task for host, task in self._known.items() if not task.done() or not task.exception()}

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _look_up(self, host: str) -> list[tuple[int, str]]:
        loop = asyncio.get_running_loop()
        async with self._slots:  # the time is that of the look-up, not of waiting for a thread
            work = loop.run_in_executor(self._threads, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM))
            async with asyncio.timeout(self.seconds):
                found = await work
        every = list(dict.fromkeys((kind, place[0]) for kind, _, _, _, place in found))
        public = [(kind, number) for kind, number in every if is_public(number.partition("%")[0], self.networks)]
        if not public:
            raise Refused(f"{host} leads to {every[0][1]}, which is not in the public internet")
        return public
