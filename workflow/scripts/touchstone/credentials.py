"""Secrets in addresses: they stand in the environment, a card names them, and nothing that is written holds them.

A card may say ``https://example.org/a.zip?token=${MY_TOKEN}``. The value is put in where the request is made and
nowhere before, so cards, receipts, logs and what Snakemake notes about jobs know the name alone.
"""

from __future__ import annotations

import os
import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from touchstone.errors import TouchstoneError

NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
# Keys of a query whose values are for one person: of signed addresses, and what servers call tokens and passwords.
PRIVATE = re.compile(
    r"(.*[-_])?(token|signature|credential|password|passwd|secret)|auth|authorization|sig|api[-_]?key|awsaccesskeyid",
    re.IGNORECASE,
)


def named(address: str) -> list[str]:
    """Names of the variables that an address needs."""
    return NAME.findall(address)


def filled(address: str) -> str:
    """The address with the values of its variables; only for sending.

    Raises:
        TouchstoneError: One is not in the environment.
    """
    if absent := [name for name in named(address) if not os.environ.get(name)]:
        raise TouchstoneError(
            f"{absent[0]} is not in the environment", where=address, mend=f"export {absent[0]}=... where the build runs"
        )
    return NAME.sub(lambda found: os.environ[found[1]], address)


def bare(address: str) -> str:
    """An address that was sent, or that a server named, as it may be shown: without user, password and query."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "..." if parts.query else "", ""))[:200]


def check_no_secrets(card: dict, path: object) -> None:
    """Raise a TouchstoneError if an address in a card holds a secret instead of naming it."""
    for file in card.get("files", []):
        for source in [file.get("source", ""), *file.get("mirrors", [])]:
            if why := _secret_in(source):
                raise TouchstoneError(
                    f"an address holds {why}, which would stand in logs and records of the build",
                    where=f"{path}: files, {bare(source)}",
                    mend="write ${NAME} in its place, and export NAME=... where the build runs",
                )


def _secret_in(address: str) -> str:
    parts = urlsplit(address)
    if ":" in (user := parts.netloc.rpartition("@")[0]) and not NAME.fullmatch(user.partition(":")[2]):
        return "a password"
    for key, value in parse_qsl(parts.query):
        if PRIVATE.fullmatch(key) and not NAME.search(value):
            return f"the value of {key!r}"
    return ""
