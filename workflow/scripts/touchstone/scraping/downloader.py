"""The process of the engine ``direct``: ``python -m touchstone.scraping.downloader SETTINGS``.

It reads lines from standard input, each a JSON list of ``[row, address]``, and writes a frame
``{row, reason, scrape}`` with the body for each to standard output, as they come.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from touchstone.scraping.client import Client, Failure
from touchstone.scraping.frames import write_frame
from touchstone.scraping.hosts import Host, HostDown
from touchstone.scraping.verdicts import STATUS


class Downloader:
    """Asks for addresses with the manners of ``Host``, and writes what came of them."""

    def __init__(self, settings: dict):
        self.settings = settings
        self.hosts: dict[str, Host] = {}
        self.connections = asyncio.Semaphore(settings["threads"])
        self.writer = ThreadPoolExecutor(1)
        self.output = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # nothing else may write between the frames

    async def run(self) -> None:
        """Answer line after line, until the input ends."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 30)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        async with Client(self.settings, self.host) as client:
            ended = asyncio.create_task(reader.readline())
            while line := await ended:
                ended = asyncio.create_task(reader.readline())
                work = asyncio.create_task(self.batch(client, json.loads(line)))
                await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
                if not work.done() and ended.done() and not ended.result():
                    os._exit(1)  # the job is gone
                await work

    def host(self, address: str) -> Host:
        """The host of an address, the same for every address on it."""
        name = urlsplit(address).hostname or ""
        if name not in self.hosts:
            self.hosts[name] = Host(self.settings["per_host"], self.settings["per_second"])
        return self.hosts[name]

    async def batch(self, client: Client, rows: list[tuple[int, str]]) -> None:
        client.forget_failures()
        for host in self.hosts.values():
            host.unreached = 0
        async with asyncio.TaskGroup() as group:
            for row, address in rows:
                group.create_task(self.one(client, row, address))

    async def one(self, client: Client, row: int, address: str) -> None:
        """Ask for one address and write its answer, whatever happens."""
        host = self.host(address)
        scrape = {"status": "success", "http_status": None, "message": "", "fetched_url": address, "content_type": ""}
        data = b""
        async with host.slots:  # before a connection: a slow host must not keep them from others
            try:
                await host.turn()
                async with self.connections, asyncio.timeout(self.settings["total"]):
                    data = await client.get(address, scrape)
            except HostDown as down:
                scrape |= {"status": "host_down", "message": str(down)}
            except TimeoutError:
                scrape |= {"status": "timed_out", "message": f"not done after {self.settings['total']:g} s"}
            except Failure as failure:
                scrape |= {"status": failure.status, "message": failure.message}
            host.heard(scrape)
            scrape |= {
                "message": " ".join(scrape["message"].split())[:200],
                "fetched_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            }
            head = {"row": row, "reason": STATUS[scrape["status"]], "scrape": scrape}
            # While the job is slower than the web, hosts and memory wait here.
            await asyncio.get_running_loop().run_in_executor(self.writer, self._write, head, data)

    def _write(self, head: dict, data: bytes) -> None:
        try:
            write_frame(self.output, head, data)
            self.output.flush()
        except BrokenPipeError:
            os._exit(1)  # the job is gone


if __name__ == "__main__":

    async def _main() -> None:
        await Downloader(json.loads(sys.argv[1])).run()

    asyncio.run(_main())
