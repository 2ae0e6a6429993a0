"""What a service was asked and what it gave, for an origin, once and for all: nothing is paid for twice, no budget exceeded.

In the origin's folder ``ledger.jsonl`` has a line before each call and one after it, and ``images`` holds what was paid
for. Both only grow, and every write is synced. One job at a time holds them. They outlive all results, so shards that
are made anew, other datasets and larger quotas cost nothing for what is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from touchstone.apis import FINAL, OUTCOMES
from touchstone.errors import TouchstoneError

ASKED = "asked"


class OutOfBudget(TouchstoneError):
    """The next call could cost more than is left."""


class Ledger:
    """The calls of one origin; to be closed.

    A call without an outcome is that of a job that died. It may have been paid for, so it gets the outcome ``unknown``.

    Args:
        folder: The origin's folder.
        service: The card's ``service`` with its defaults: ``price``, ``budget``, ``currency``.
        say: Told that another job holds the folder.

    Raises:
        TouchstoneError: The file system has no locks, without which a budget cannot be kept.
    """

    def __init__(self, folder: str | Path, service: dict, say: Callable[[str], object]):
        self.folder, self.price, self.budget = Path(folder), Decimal(str(service["price"])), Decimal(str(service["budget"]))
        self.currency = service["currency"]
        self.spent, self.calls, self.last, self.paid = Decimal(0), 0, {}, {}
        self.failures: Counter = Counter()  # answers to an item that said that nothing was made
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        self._files: dict[str, int] = {}
        try:
            self._hold(say)
            for name in ("ledger.jsonl", "images"):
                self._files[name] = os.open(self.folder / name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
            self._read()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        for file in (*self._files.values(), self._lock):
            os.close(file)

    def ask(self, key: str, item: str) -> None:
        """Note that a call is about to be sent.

        Raises:
            OutOfBudget: It could cost more than is left.
        """
        if self.spent + self.price > self.budget:
            raise OutOfBudget(
                f"the budget of {self.budget} {self.currency} is spent: {self.calls:,} calls may have cost {self.spent}",
                where=self.folder / "ledger.jsonl",
                mend="raise `budget` in the card's `service` and run again, or lower the quota; what is paid for is kept",
            )
        self._append({"key": key, "item": item, "state": ASKED, "price": str(self.price)})

    def heard(self, key: str, outcome: str, image: bytes = b"", **told: object) -> None:
        """Note what came of the call, an image first."""
        self._append({"key": key, "state": outcome} | (self._keep(image) if image else {}) | told)

    def outcome(self, key: str) -> dict | None:
        """The line that tells what became of an item's calls: a final one if there is any, else the last."""
        return self.paid.get(key) or self.last.get(key)

    def image(self, key: str) -> bytes:
        """What was paid for.

        Raises:
            TouchstoneError: It is damaged.
        """
        line = self.paid[key]
        data = os.pread(self._files["images"], line["bytes"], line["offset"])
        if hashlib.sha256(data).hexdigest() != line["sha256"]:
            raise TouchstoneError(
                "an image that was paid for is damaged",
                where=f"{self.folder / 'images'}, byte {line['offset']}",
                mend=f"bring the file back from a backup, or take the line with this key out of the ledger: {key}",
            )
        return data

    def _hold(self, say: Callable[[str], object]) -> None:
        try:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say("waits for another job that asks the same service")
                fcntl.flock(self._lock, fcntl.LOCK_EX)
        except OSError as error:
            raise TouchstoneError(
                f"no budget can be kept on a file system without locks ({error})",
                where=self.folder,
                mend="run where `resources/` lies on one that has flock, such as NFS 4 or Lustre mounted with -o flock",
            ) from None

    def _read(self) -> None:
        text = (self.folder / "ledger.jsonl").read_bytes()
        if text and not text.endswith(b"\n"):  # torn by a power cut
            os.write(self._files["ledger.jsonl"], b"\n")
        for line in text.splitlines():
            try:
                self._count(json.loads(line))
            except (ValueError, KeyError, TypeError):
                continue  # torn; a call whose line is torn was not sent, or has no outcome
        for key in [key for key, line in self.last.items() if line["state"] == ASKED]:
            self.heard(key, "unknown", message="the job ended before the answer came")

    def _append(self, line: dict) -> None:
        line |= {"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        self._write("ledger.jsonl", f"{json.dumps(line, ensure_ascii=False)}\n".encode())
        self._count(line)

    def _keep(self, image: bytes) -> dict:
        offset = os.lseek(self._files["images"], 0, os.SEEK_END)
        self._write("images", image)
        return {"offset": offset, "bytes": len(image), "sha256": hashlib.sha256(image).hexdigest()}

    def _write(self, name: str, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._files[name], view) :]
        os.fsync(self._files[name])

    def _count(self, line: dict) -> None:
        """Add up a line. A call is counted when it is sent, and forgotten if it turns out to be free."""
        key, state = line["key"], line["state"]
        before = self.last.get(key, {})
        if state == ASKED:
            self.spent, self.calls = self.spent + Decimal(line["price"]), self.calls + 1
        else:
            line["price"] = before.get("price", "0")
            if not OUTCOMES[state] and before.get("state") == ASKED:
                self.spent, self.calls = self.spent - Decimal(line["price"]), self.calls - 1
        self.failures[key] += state == "failed"
        self.last[key] = line
        if state in FINAL:
            self.paid[key] = self.paid.get(key, {}) | line
