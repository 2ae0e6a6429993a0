"""The items of a shard on their way to an image or a reason: what is asked of a service, again or not at all.

What an answer means is the business of a provider, what was asked and paid for that of the ledger.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import signal
import threading
import time
from collections.abc import Iterator

from touchstone.apis import FINAL, Request, Verdict, provider_of
from touchstone.apis.ledger import Ledger
from touchstone.apis.service import CutOff, Pace, Service, Unsent, rest
from touchstone.errors import TouchstoneError
from touchstone.images import BadImage
from touchstone.painting.reals import Originals, as_sent
from touchstone.progress import Progress
from touchstone.scraping.client import Failure
from touchstone.scraping.verdicts import PASSING, STATUS, is_network

LONGEST = 900  # seconds; a service that asks for more is asked again by the next build
PAUSE = 1.0  # seconds before a call is sent again, doubled for every further one up to the next number
LONGEST_PAUSE = 60.0
BRAKE = 10  # items in a row that the service failed, without an image between them: nothing more is asked
GO_ON = "run again; what is paid for is kept, and only the others are asked for"
TO_FINISH = 60.0  # seconds of a Slurm job kept for making the shard


class Asking:
    """Settles the items of one shard: afterwards each is in ``rejected``, or the ledger has an image under its key in ``keys``.

    Args:
        wanted: Rows of the pick list.
        recipe, service: Of the card, the service with its defaults.
        key: Of the service.
        originals: The real images, for calls that take them.
        ledger: Of the origin.
        progress: Counts items.
    """

    def __init__(
        self,
        wanted: list[dict],
        recipe: dict,
        service: dict,
        key: str,
        originals: Originals | None,
        ledger: Ledger,
        progress: Progress,
    ):
        self.wanted, self.recipe, self.service, self.key, self.ledger = wanted, recipe, service, key, ledger
        self.originals, self.progress, self.provider = originals, progress, provider_of(recipe)
        self.pace = Pace(service["per_minute"])
        self.keys: dict[int, str] = {}
        self.rejected: dict[int, BadImage] = {}
        self.failed: dict[int, Verdict] = {}  # to the end, for now
        self.stop: TouchstoneError | OSError | None = None
        self.in_a_row = 0

    async def run(self) -> None:
        """Settle every item; once the service fails, the budget is spent or a signal comes, only calls at hand are heard out.

        Raises:
            TouchstoneError: Not all items are settled.
        """
        self.stopping = asyncio.Event()
        if threading.current_thread() is threading.main_thread():
            for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):  # calls at hand are paid for, so they are heard out
                asyncio.get_running_loop().add_signal_handler(ending, self._told_to_stop, ending)
        self.progress.start(len(self.wanted), "images")
        items = iter(range(len(self.wanted)))
        async with Service(self.service, self.key) as self.client:
            await asyncio.gather(*(self._serve(items) for _ in range(self.service["concurrency"])))
        if self.stop:
            raise self.stop
        self._judge_failures()

    async def _serve(self, items: Iterator[int]) -> None:
        for number in items:
            if self.stopping.is_set() or self._time_is_up():
                return
            try:
                already = await self._settle(number)
            except (TouchstoneError, OSError) as error:  # others finish the call that they have in hand
                self._end(error)
                return
            (self.progress.found if already else self.progress.advance)(1)

    async def _settle(self, number: int) -> bool:
        """Have an image of one item, or why there is none; whether that was known already."""
        pick, image = self.wanted[number], None
        if self.originals:
            try:
                data = self.originals.read(pick)
                image = as_sent(data, self.recipe.get("square"))
            except BadImage as error:
                self.rejected[number] = BadImage("unusable_source", str(error))
                return True
        request = self.provider.request(pick, self.recipe)
        # Of a real image the bytes that it came with: what goes along may be encoded anew.
        told = [self.recipe["provider"], self.recipe["revision"], self.recipe.get("square"), pick["id"]]
        told += [request.path, request.fields, hashlib.sha256(data).hexdigest() if image else ""]
        key = self.keys[number] = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]
        known = self.ledger.outcome(key) or {}
        if known.get("state") in FINAL or (known.get("state") == "unknown" and self.service["unknown"] == "reject"):
            await self._finish(number, Verdict(known["state"], known.get("message", ""), url=known.get("url", "")))
            return True
        if verdict := await self._ask(key, pick, request, image):
            await self._finish(number, verdict)
        return False

    async def _ask(self, key: str, pick: dict, request: Request, image: tuple | None) -> Verdict | None:
        """The last verdict of as many calls as it takes; None if there shall be no more."""
        for attempt in range(self.service["tries"]):
            await self.pace.turn(self.stopping)
            if self.stopping.is_set():
                return None
            self.ledger.ask(key, pick["id"])
            verdict = await self._call(request, image, f"{key}-{self.ledger.failures[key]}")
            kept = {"message": verdict.message} if verdict.message else {"url": verdict.url} if verdict.url else {}
            self.ledger.heard(key, verdict.outcome, verdict.image, **kept, **verdict.told)
            if verdict.outcome in FINAL or verdict.mend == "item":
                return verdict
            if verdict.outcome == "unknown" and self.service["unknown"] == "reject":
                return verdict
            wait = min(PAUSE * 2**attempt, LONGEST_PAUSE) if verdict.wait is None else verdict.wait
            if verdict.mend == "person" or wait > LONGEST:
                asks = f"; it asks to wait {wait:.0f} s" if wait > LONGEST else ""
                mend = "mend what it says and run again; what is paid for is kept"
                raise TouchstoneError(f"the service does not work for us: {verdict.message}{asks}", self.service["url"], mend)
            if attempt + 1 < self.service["tries"]:
                if verdict.mend == "pause":
                    self.pace.pause(wait)
                else:
                    await rest(wait, self.stopping)
        return verdict

    async def _call(self, request: Request, image: tuple | None, once: str) -> Verdict:
        try:
            verdict = self.provider.verdict(*await self.client.post(request, image, once))
        except Unsent as error:
            verdict = Verdict("unsent", str(error), "pause")
        except CutOff as error:
            verdict = Verdict("unknown", str(error))
        verdict.message = self.client.hidden(verdict.message)
        return verdict

    async def _finish(self, number: int, verdict: Verdict) -> None:
        """Draw the conclusion of an item's last verdict."""
        if verdict.outcome == "paid":
            self.in_a_row = 0
            if verdict.url and "sha256" not in self.ledger.outcome(self.keys[number]):
                await self._fetch(number, verdict.url)
            return
        reason = {"refused": "refused", "unknown": "unknown_outcome"}.get(verdict.outcome, "service_error")
        self.rejected[number] = BadImage(reason, verdict.message)
        if verdict.outcome in ("failed", "unsent"):
            if verdict.mend != "item":
                self.failed[number] = verdict
            self.in_a_row += 1
            if self.in_a_row >= BRAKE:
                raise TouchstoneError(
                    f"the service failed {BRAKE} items in a row: {verdict.message}",
                    where=self.service["url"],
                    mend="mend what it says in the card's recipe or service and run again; what is paid for is kept",
                )

    async def _fetch(self, number: int, url: str) -> None:
        """Fetch an image that is paid for from where the answer said that it lies."""
        for attempt in range(self.service["tries"]):
            told = {"http_status": None}
            try:
                self.ledger.heard(self.keys[number], "paid", await self.client.get(url, told))
                return
            except Failure as error:
                status, message = error.status, str(error)
            except TimeoutError:
                status, message = "timed_out", "not done in time"
            passing = is_network({"status": status}) or told["http_status"] in PASSING
            if not passing or self.stopping.is_set():
                break
            await rest(PAUSE * 2**attempt, self.stopping)
        self.rejected[number] = BadImage(STATUS[status], message)
        if passing:
            self.failed[number] = Verdict("paid", message)

    def _judge_failures(self) -> None:
        """Items that failed to the end are rejected if most others did not.

        Raises:
            TouchstoneError: So it is not, or the service only asks to be asked later.
        """
        hopeful = [each for each in self.failed.values() if each.mend == "pause" or each.outcome == "paid"]
        if hopeful or len(self.failed) > len(self.wanted) / 2:
            first = (hopeful or list(self.failed.values()))[0]
            raise TouchstoneError(
                f"{len(self.failed):,} of {len(self.wanted):,} images could not be had for now: {first.message}",
                where=self.service["url"],
                mend=GO_ON,
            )

    def _told_to_stop(self, number: int) -> None:
        self._end(TouchstoneError(f"the job was told to stop ({signal.Signals(number).name})", mend=GO_ON))
        self.progress.say("told to stop; it hears out the calls at hand, which are paid for")

    def _time_is_up(self) -> bool:
        """Near the end of a Slurm job no call is begun that might not be heard out."""
        end = os.environ.get("SLURM_JOB_END_TIME", "")
        if end.isdigit() and time.time() + self.service["timeout"] + TO_FINISH > int(end):
            self._end(TouchstoneError("the end of the job's time is near", mend=GO_ON))
        return self.stopping.is_set()

    def _end(self, error: TouchstoneError | OSError) -> None:
        self.stop = self.stop or error
        self.stopping.set()
