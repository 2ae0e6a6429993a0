"""One request of the engine ``direct``: redirects, limits, opt-outs, and a whole body or a reason."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import Callable
from urllib.parse import quote, urljoin, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from yarl import URL

from touchstone.scraping import opt_outs
from touchstone.scraping.addresses import refusal
from touchstone.scraping.hosts import Host
from touchstone.scraping.resolver import PublicResolver, Refused

VERSION = "0.1"
REDIRECTS = 10
CHUNK = 64 * 1024
LARGE = 1_000_000  # bytes of a body from which on it needs one of few places in memory
MEMORY = 400_000_000  # bytes that large bodies may take together
HEAD = 512  # bytes in which an image shows what it is
SIGNATURES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"RIFF", b"BM", b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Failure(Exception):
    """An address gave no image; ``status`` is a word of ``verdicts.STATUS``."""

    def __init__(self, status: str, message: str):
        self.status, self.message = status, message
        super().__init__(message)


class Client:
    """Gets bodies. ``async with`` it.

    Args:
        settings: Of a card's recipe; see ``scraping.DEFAULTS``.
        host: Gives the manners towards the host of an address.
    """

    def __init__(self, settings: dict, host: Callable[[str], Host]):
        self.settings, self.host = settings, host
        self.resolver = PublicResolver(settings["networks"], settings["timeout"])
        self.large = asyncio.Semaphore(max(1, MEMORY // settings["max_bytes"]))
        self.proxies = {scheme: proxy for scheme, proxy in getproxies().items() if scheme in ("http", "https")}

    async def __aenter__(self) -> Client:
        contact = os.environ.get("TOUCHSTONE_CONTACT", "")
        # No image/webp and the like: servers must not make another picture for us than the one there is.
        headers = {"User-Agent": f"touchstone/{VERSION}{f' ({contact})' if contact else ''}", "Accept": "*/*"}
        silence = self.settings["timeout"]
        limits = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=silence, sock_read=silence)
        common = {"timeout": limits, "headers": headers, "auto_decompress": False, "cookie_jar": aiohttp.DummyCookieJar()}
        tls = ssl.create_default_context()
        if not self.settings["check_certificates"]:
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        pool = {"limit": 0, "ssl": tls, "keepalive_timeout": 5}
        self.direct = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self.resolver, use_dns_cache=False, **pool), **common
        )
        self.proxied = aiohttp.ClientSession(connector=aiohttp.TCPConnector(**pool), **common)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.direct.close()
        await self.proxied.close()
        await self.resolver.close()

    def forget_failures(self) -> None:
        """Try again what failed for now: names that were not found."""
        self.resolver.forget_failures()

    async def get(self, address: str, scrape: dict) -> bytes:
        """The body of an address; ``scrape`` is told status, final address and content type on the way.

        A body that does not begin like an image is not read to its end.

        Raises:
            Failure: There is no body to keep.
            TimeoutError: Silence was too long.
        """
        if "robots_txt" in self.settings["respect"]:
            await self._ask_robots(address)
        try:
            return await self._follow(address, scrape)
        except aiohttp.ServerTimeoutError:
            raise Failure("timed_out", f"silent for {self.settings['timeout']:g} s") from None
        except aiohttp.ClientConnectorDNSError as error:
            raise _name_failure(error.os_error) from None
        except aiohttp.ClientConnectorCertificateError as error:
            raise Failure("bad_certificate", str(error.certificate_error)) from None
        except (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError) as error:
            status = "bad_certificate" if isinstance(error, aiohttp.ClientSSLError) else "not_connected"
            raise Failure(status, str(error)) from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Failure("broken_off", f"{type(error).__name__}: {error}") from None
        except (ValueError, zlib.error) as error:  # headers and bodies that make no sense
            raise Failure("broken_off", f"{type(error).__name__}: {error}") from None

    async def _follow(self, address: str, scrape: dict) -> bytes:
        seen: set[str] = set()
        while True:
            if why := refusal(address, self.settings["networks"]):
                raise Failure("refused", f"redirected to {address}: {why}")
            if address in seen or len(seen) > REDIRECTS:
                raise Failure("redirect_loop", f"redirected {len(seen)} times, to {address}")
            seen.add(address)
            scrape["fetched_url"] = address
            async with self._request(address) as answer:
                scrape |= {"http_status": answer.status, "content_type": answer.headers.get("Content-Type", "")[:100]}
                if answer.status in (301, 302, 303, 307, 308):
                    if not (target := answer.headers.get("Location")):
                        raise Failure("redirect_loop", "a redirect that names no address")
                    address = urljoin(address, target.strip())
                    continue
                if answer.status in (429, 503):
                    self.host(address).wait_for(answer.headers.get("Retry-After"))
                if answer.status != 200:
                    raise Failure("http_error", f"HTTP {answer.status} {answer.reason or ''}")
                self._ask_headers(answer)
                return await self._read(answer)

    def _request(self, address: str) -> object:
        """A request, by the proxy that the environment names for this address, if any."""
        parts = urlsplit(address)
        try:
            url = encoded(address)
        except ValueError as error:
            raise Failure("refused", f"not an address: {error}") from None
        proxy = self.proxies.get(parts.scheme)
        if proxy and not proxy_bypass(parts.hostname or ""):
            return self.proxied.get(url, allow_redirects=False, proxy=proxy)
        return self.direct.get(url, allow_redirects=False)

    def _ask_headers(self, answer: aiohttp.ClientResponse) -> None:
        respect = self.settings["respect"]
        if "robots_tag" in respect and (word := opt_outs.robots_tag(answer.headers.getall("X-Robots-Tag", []))):
            raise Failure("opted_out", f"X-Robots-Tag: {word}")
        if "tdm_reservation" in respect and opt_outs.tdm_reserved(answer.headers.get("TDM-Reservation")):
            raise Failure("opted_out", "TDM-Reservation: 1")

    async def _ask_robots(self, address: str) -> None:
        host = self.host(address)
        if not host.robots or (host.robots.done() and host.robots.result() is None):
            host.robots = asyncio.create_task(self._robots(urljoin(address, "/robots.txt")))
        text = await asyncio.shield(host.robots)
        if text is None:
            raise Failure("not_connected", "robots.txt was not reached, so nothing else is asked for (RFC 9309)")
        if not opt_outs.robots_txt(text, address):
            raise Failure("opted_out", "robots.txt")

    async def _robots(self, address: str) -> str | None:
        """Text of a robots.txt; empty where there is none, None where it was not reached."""
        try:
            for _ in range(6):  # redirects, as RFC 9309 has it
                if refusal(address, self.settings["networks"]):
                    return ""
                async with self._request(address) as answer:
                    if answer.status in (301, 302, 303, 307, 308) and "Location" in answer.headers:
                        address = urljoin(address, answer.headers["Location"])
                        continue
                    if answer.status >= 500 or answer.status == 429:
                        return None
                    text = await answer.content.read(512_000) if answer.status == 200 else b""
                    return text.decode(errors="replace")
            return ""
        except Failure:
            return ""
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        limit = self.settings["max_bytes"]
        if (answer.content_length or 0) > limit:
            raise Failure("too_large", f"{answer.content_length:,} bytes, the limit is {limit:,}")
        encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
        unpack = zlib.decompressobj(wbits=47) if encoding in ("gzip", "x-gzip", "deflate") else None
        body, holds_place = bytearray(), False
        try:
            async for chunk in answer.content.iter_chunked(CHUNK):
                body += unpack.decompress(chunk, limit + 1 - len(body)) if unpack else chunk
                if len(body) > limit:
                    raise Failure("too_large", f"more than {limit:,} bytes")
                if len(body) >= HEAD and not begins_like_image(body):
                    break  # whatever it is, it is no image
                if len(body) > LARGE and not holds_place:
                    await self.large.acquire()
                    holds_place = True
        finally:
            if holds_place:
                self.large.release()
        if unpack and not unpack.eof and (not body or begins_like_image(body)):
            raise Failure("broken_off", "the compressed body ends too soon")
        return bytes(body)


def begins_like_image(body: bytes | bytearray) -> bool:
    """Whether the first bytes are those of a format in ``images.FORMATS``."""
    return body.startswith(SIGNATURES) or body[4:8] == b"ftyp"


def encoded(address: str) -> URL:
    """An address as it is sent: what is encoded already stays, the rest is encoded (as requests does)."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    try:
        host.encode("ascii")
    except UnicodeEncodeError:
        host = host.encode("idna").decode()
    place = f"[{host}]" if ":" in host else host
    place += f":{parts.port}" if parts.port else ""
    safe = "!#$%&'()*+,/:;=?@[]~"
    return URL(urlunsplit((parts.scheme, place, quote(parts.path, safe) or "/", quote(parts.query, safe), "")), encoded=True)


def _name_failure(error: OSError) -> Failure:
    if isinstance(error, Refused):
        return Failure("refused", str(error))
    if isinstance(error, TimeoutError):
        return Failure("lookup_failed", "the name was not found in time")
    unknown = isinstance(error, socket.gaierror) and error.errno in (socket.EAI_NONAME, socket.EAI_NODATA)
    return Failure("no_such_host" if unknown else "lookup_failed", str(error))
