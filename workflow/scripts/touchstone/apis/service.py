"""The connection to a service: one call at a time is told apart into sent, answered and cut off; and its pace."""

from __future__ import annotations

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from touchstone.apis import Request
from touchstone.scraping import DEFAULTS
from touchstone.scraping.client import VERSION, Client
from touchstone.scraping.hosts import Host

MAX_ANSWER = 70_000_000  # bytes; an image of 50 MB in base64
CONNECT = 30  # seconds


class Unsent(Exception):
    """There was no connection, so the call cannot have cost anything."""


class CutOff(Exception):
    """The call was sent and no whole answer came: nobody knows what it came to."""


class Service:
    """Sends calls. ``async with`` it.

    Every call has a connection of its own: one that the server closes between two calls would look like a call cut off.

    Args:
        service: The card's ``service`` with its defaults.
        key: Sent to the service's own address and nowhere else; redirects are not followed.
    """

    def __init__(self, service: dict, key: str):
        self.service, self.key = service, key
        settings = DEFAULTS | {"respect": [], "networks": service["networks"], "max_bytes": MAX_ANSWER, "timeout": 60}
        self.client = Client(settings, lambda address: Host(1, 0))  # images lie anywhere, and one host is never asked much

    async def __aenter__(self) -> Service:
        limits = aiohttp.ClientTimeout(total=self.service["timeout"], sock_connect=CONNECT)
        connector = aiohttp.TCPConnector(limit=0, force_close=True, ssl=ssl.create_default_context())
        self.session = aiohttp.ClientSession(
            connector=connector,
            timeout=limits,
            headers={"User-Agent": f"touchstone/{VERSION}", "Accept-Encoding": "identity"},
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        await self.client.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()
        await self.client.__aexit__()

    async def post(self, request: Request, image: tuple[str, bytes] | None, once: str) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of the answer.

        Args:
            image: Name and bytes of a real image that goes along.
            once: Sent as ``Idempotency-Key``: servers that know it answer a repeated call with the first one's answer.

        Raises:
            Unsent, CutOff: There is no answer.
        """
        address = f"{self.service['url'].rstrip('/')}/{request.path}"
        headers = {"Idempotency-Key": once} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        content = {"data": _form(request.fields, *image)} if image else {"json": dict(request.fields)}
        proxy = getproxies().get(urlsplit(address).scheme)
        if proxy and not proxy_bypass(urlsplit(address).hostname or ""):
            content["proxy"] = proxy
        try:
            async with self.session.post(address, headers=headers, allow_redirects=False, **content) as answer:
                body = bytearray()
                async for chunk in answer.content.iter_chunked(1 << 16):
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        break  # what is left makes no sense
                return answer.status, answer.headers, bytes(body)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
            raise Unsent(self.hidden(error)) from None
        except TimeoutError:
            raise CutOff(f"no answer in {self.service['timeout']:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise CutOff(f"{type(error).__name__}: {self.hidden(error)}") from None

    async def get(self, address: str, told: dict) -> bytes:
        """The image that an answer says lies at ``address``, with the limits that hold for scraping; ``told`` gets the status.

        Raises:
            scraping.client.Failure, TimeoutError: There is none.
        """
        async with asyncio.timeout(self.service["timeout"]):
            return await self.client.get(address, told)

    def hidden(self, text: object) -> str:
        """A text that may hold the key, without it."""
        return str(text).replace(self.key, "***") if self.key else str(text)


def _form(fields: Mapping[str, object], name: str, data: bytes) -> aiohttp.FormData:
    form = aiohttp.FormData()
    for field, value in fields.items():
        form.add_field(field, value if isinstance(value, str) else json.dumps(value))
    kind = {"jpg": "jpeg"}.get(suffix := name.rpartition(".")[2], suffix)
    form.add_field("image", data, filename=name, content_type=f"image/{kind}")
    return form


class Pace:
    """Keeps calls apart: so many a minute, and none while the service asks for a pause."""

    def __init__(self, per_minute: float):
        self.gap = 60 / per_minute if per_minute else 0.0
        self.free_at = 0.0

    async def turn(self, stopping: asyncio.Event) -> None:
        """Wait until a call may be sent, or there shall be no more."""
        while (wait := self.free_at - time.monotonic()) > 0 and not stopping.is_set():
            await rest(wait, stopping)
        self.free_at = max(self.free_at, time.monotonic()) + self.gap

    def pause(self, seconds: float) -> None:
        """No call is sent for so long."""
        self.free_at = max(self.free_at, time.monotonic() + seconds)


async def rest(seconds: float, stopping: asyncio.Event) -> None:
    """Sleep, less if there shall be no more calls."""
    with suppress(TimeoutError):
        await asyncio.wait_for(stopping.wait(), seconds)
