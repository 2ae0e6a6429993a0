"""How one host is treated: how much at once, how often, when it asked to be left alone, whether it is there."""

from __future__ import annotations

import asyncio
import time

from touchstone.web import waiting

DOWN = 8  # requests in a row that got no connection, until a host counts as down
LONGEST_WAIT = 120.0  # seconds a host may ask to wait; who asks for more is asked again by a later build


class HostDown(OSError):
    """The host is not asked any more in this pass."""


class Host:
    """The manners towards one host.

    Args:
        at_once: Requests at the same time.
        per_second: Requests in a second; 0 is no limit.
    """

    def __init__(self, at_once: int, per_second: float):
        self.slots = asyncio.Semaphore(at_once)
        self.gap = 1 / per_second if per_second else 0.0
        self.free_at = 0.0
        self.asks_to_wait = 0.0  # until this time
        self.unreached = 0
        self.robots: asyncio.Task | None = None  # its robots.txt

    async def turn(self) -> None:
        """Wait until the host may be asked.

        Raises:
            HostDown: It did not answer several times, or asks to wait too long.
        """
        if self.unreached >= DOWN:
            raise HostDown(f"{self.unreached} requests to this host went unanswered")
        start = max(time.monotonic(), self.free_at, self.asks_to_wait)
        if self.asks_to_wait - time.monotonic() > LONGEST_WAIT:
            raise HostDown(f"the host asks to wait {self.asks_to_wait - time.monotonic():.0f} s")
        self.free_at = start + self.gap
        await asyncio.sleep(start - time.monotonic())
        if self.unreached >= DOWN:
            raise HostDown(f"{self.unreached} requests to this host went unanswered")

    def heard(self, scrape: dict) -> None:
        """Learn from an answer whether the host is there."""
        if scrape["http_status"]:
            self.unreached = 0
        elif scrape["status"] in ("timed_out", "not_connected"):
            self.unreached += 1

    def wait_for(self, retry_after: str | None) -> None:
        """Heed a Retry-After header: seconds or a date (RFC 9110)."""
        if (seconds := waiting(retry_after)) is not None:
            self.asks_to_wait = max(self.asks_to_wait, time.monotonic() + seconds)
