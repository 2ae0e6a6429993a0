"""The environment that processes of the engines are started in."""

from __future__ import annotations

import os
from pathlib import Path


def surroundings(proxy: str | None) -> dict[str, str]:
    """This environment, where this package is found, and with ``proxy`` for every address."""
    modules = [str(Path(__file__).resolve().parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables = {"PYTHONPATH": os.pathsep.join(modules), "PYTHONUNBUFFERED": "1"}
    if proxy:
        variables |= {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""}
    return os.environ | variables
