"""Which addresses may be asked for: the public internet over http or https, less the user's block lists."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from touchstone.errors import TouchstoneError
from touchstone.lists import lines

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def refusal(address: str, networks: Sequence[str] = ()) -> str:
    """Why an address must not be asked for; empty if it may.

    Only http and https are fetched, and no host that is ``localhost`` or a number (as inet_aton
    reads it) in this machine or a private network, but for ``networks`` (``10.1.0.0/16``). Names are
    not looked up here.
    """
    if re.search(r"[\x00-\x1f\x7f]", address):
        return "it holds a control character"
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        return f"not an address: {error}"
    if parts.scheme not in ("http", "https"):
        return f"the scheme is {parts.scheme!r}, not http or https"
    if not host or host == "localhost" or host.endswith(".localhost") or port == 0:
        return f"the host is {host!r}"
    if ":" not in host:
        try:
            host.encode("idna")  # as it will be looked up
        except UnicodeError:
            return f"the host {host[:100]!r} cannot be a name"
    with suppress(ValueError, OSError):  # of a host that is a name
        number = ipaddress.ip_address(host if ":" in host else socket.inet_aton(host))
        return "" if is_public(number, networks) else f"{host} is not in the public internet"
    return ""


def is_public(number: Address | str, networks: Sequence[str] = ()) -> bool:
    """Whether an IP address is in the public internet, or in one of ``networks``."""
    number = ipaddress.ip_address(number)
    if number.version == 6:  # an IPv4 address in disguise: mapped, 6to4, NAT64
        inner = number.ipv4_mapped or number.sixtofour
        if number in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(number) & 0xFFFFFFFF)
        if inner:
            return is_public(inner, networks)
    return (number.is_global and not number.is_multicast) or any(number in ipaddress.ip_network(each) for each in networks)


class Blocked:
    """Block lists of the user: a line is an address, a host with its subdomains, or a SHA-256 of bytes."""

    def __init__(self, entries: Iterable[str]):
        self.addresses, self.hosts, self.hashes = set(), set(), set()
        for line in entries:
            if re.fullmatch(r"[0-9a-fA-F]{64}", line):
                self.hashes.add(line.lower())
            elif "/" in line:
                self.addresses.add(line)
            else:
                self.hosts.add(line.lower().rstrip("."))

    @classmethod
    def read(cls, paths: Iterable[str]) -> Blocked:
        """The lists in these files; empty lines and what follows a ``# `` count for nothing.

        Raises:
            TouchstoneError: A file is missing or not UTF-8.
        """
        found = []
        for path in paths:
            try:
                texts = (re.sub(r"(^|\s)# .*$", "", line.rstrip("\r\n")).strip(" #\t") for line in lines(Path(path)))
                found += filter(None, texts)
            except OSError as error:
                raise TouchstoneError(f"a block list cannot be read: {error}", path, "correct `blocked` in config.yaml") from None
        return cls(found)

    def tells(self, address: str) -> str:
        """Why an address is blocked; empty if it is not."""
        if address in self.addresses:
            return f"{address} is on a block list"
        with suppress(ValueError):
            labels = (urlsplit(address).hostname or "").rstrip(".").split(".")
            for start in range(len(labels)) if self.hosts else ():
                if (host := ".".join(labels[start:])) in self.hosts:
                    return f"{host} is on a block list"
        return ""
