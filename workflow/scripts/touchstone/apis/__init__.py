"""Asking services that make images: what all providers share.

A provider is a module of this package that knows one protocol, and nothing of money, retries or files::

    CALLS: dict[str, bool]                                   # what can be asked for, and whether it takes a real image
    def request(row: dict, recipe: dict) -> Request          # what is sent for an item
    def verdict(status: int, headers: Mapping, body: bytes) -> Verdict    # what an answer means
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from urllib.parse import urlsplit

from touchstone.errors import TouchstoneError
from touchstone.scraping.addresses import refusal

# Of a card's `service`; what each means stands in origin.schema.yaml.
DEFAULTS: dict = {
    "currency": "USD",
    "per_minute": 0,
    "concurrency": 4,
    "timeout": 300,
    "tries": 7,
    "unknown": "reject",
    "networks": [],
}
# What a call came to, and whether it counts against the budget: whatever may be paid for does.
OUTCOMES = {
    "paid": True,  # an image, or where it lies
    "spoiled": True,  # an answer like one with an image, but for the image
    "refused": True,  # by the service's content policy; some charge for having looked
    "unknown": True,  # cut off: killed, timed out, or given up by a gateway while the service may have gone on
    "failed": False,  # the service says that it made nothing
    "unsent": False,  # no connection
}
FINAL = ("paid", "spoiled", "refused")  # an item with such an outcome is never asked for again


@dataclass(frozen=True)
class Request:
    """What is sent: ``fields`` as JSON to ``path`` below the service's address, or as a form where an image goes along."""

    path: str
    fields: Mapping[str, object]


@dataclass
class Verdict:
    """What an answer means.

    ``outcome`` is a key of ``OUTCOMES``. Of a failure ``mend`` says what may help: ``later`` (the same call after ``wait``
    seconds, if the service names them), ``pause`` (all calls are too fast), ``item`` (another item), ``person`` (nothing else).
    """

    outcome: str
    message: str = ""
    mend: str = ""
    wait: float | None = None
    image: bytes = b""
    url: str = ""
    told: dict = field(default_factory=dict)  # what the service says of the call, for the ledger


def provider_of(recipe: dict) -> ModuleType:
    """The module of the recipe's provider."""
    return importlib.import_module(f"touchstone.apis.{recipe['provider']}")


def lacking(service: dict, where: object) -> str:
    """What is needed to ask the service and not there, if anything; the key is looked for, never told.

    Raises:
        TouchstoneError: ``key`` is not a variable's name, or the key would travel in the clear.
    """
    variable = service.get("key", "")
    if not variable:
        return ""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", variable):
        raise TouchstoneError(
            "`key` must be the name of an environment variable, in capitals",
            f"{where}: service.key",
            "never write the key itself",
        )
    parts = urlsplit(service["url"])
    if parts.scheme == "http" and "." in (parts.hostname or "") and not refusal(service["url"]):
        raise TouchstoneError(
            "the key would be sent unencrypted", f"{where}: service.url", "take an address that begins with https"
        )
    return "" if os.environ.get(variable) else f"needs {variable} in the environment"


def key_of(service: dict, where: object) -> str:
    """The service's key; empty for one without.

    Raises:
        TouchstoneError: It is not in the environment.
    """
    if missing := lacking(service, where):
        raise TouchstoneError(f"the service {service['url']} {missing}", where, f"export {service['key']}=... and run again")
    return os.environ[service["key"]] if service.get("key") else ""
