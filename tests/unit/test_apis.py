"""apis/openai_images.py: what answers mean, and apis/ledger.py: sums that survive anything."""

from __future__ import annotations

import base64
import json
import time
from decimal import Decimal
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from touchstone.apis import DEFAULTS, OUTCOMES
from touchstone.apis.ledger import Ledger, OutOfBudget
from touchstone.apis.openai_images import verdict

WORDS = st.sampled_from(["data", "error", "usage", "url", "b64_json", "code", "message", "revised_prompt"])


def failure(status: int, code: str, message: str = "", **headers: str):
    return verdict(status, headers, json.dumps({"error": {"code": code, "type": "error", "message": message}}).encode())


@pytest.mark.parametrize(
    ("status", "code", "outcome", "mend"),
    [
        (400, "content_policy_violation", "refused", ""),
        (400, "moderation_blocked", "refused", ""),
        (403, "content_filter", "refused", ""),
        (400, "billing_hard_limit_reached", "failed", "person"),
        (429, "insufficient_quota", "failed", "person"),
        (429, "rate_limit_exceeded", "failed", "pause"),
        (400, "invalid_size", "failed", "item"),
        (401, "invalid_api_key", "failed", "person"),
        (404, "model_not_found", "failed", "person"),
        (307, "", "failed", "person"),
        (500, "server_error", "failed", "later"),
        (503, "overloaded", "failed", "later"),
        (408, "", "unknown", ""),
        (502, "", "unknown", ""),
        (504, "", "unknown", ""),
        (524, "", "unknown", ""),
        (599, "", "unknown", ""),
    ],
)
def test_every_class_of_error_has_its_outcome_and_its_mend(status, code, outcome, mend):
    found = failure(status, code)
    assert (found.outcome, found.mend) == (outcome, mend)
    assert f"HTTP {status}" in found.message and code in found.message


def test_the_pause_that_is_asked_for_is_seconds_or_a_date():
    assert failure(429, "", **{"Retry-After": "1.5"}).wait == 1.5
    date = failure(503, "", **{"Retry-After": formatdate(time.time() + 60, usegmt=True)})
    assert 50 < date.wait <= 60
    assert failure(429, "", **{"Retry-After": "soon"}).wait is None
    assert failure(429, "").wait is None


NESTED = st.recursive(st.none() | st.booleans() | st.text(), lambda below: st.lists(below) | st.dictionaries(WORDS, below))


@given(st.integers(200, 599), st.binary() | NESTED.map(json.dumps).map(str.encode))
def test_no_answer_breaks_it_and_without_an_image_none_is_one(status, body):
    found = verdict(status, {}, body)
    assert found.outcome in OUTCOMES
    assert found.outcome != "paid" or found.url or found.image


def test_an_image_comes_as_it_was_sent():
    body = {"data": [{"b64_json": base64.b64encode(b"image").decode(), "revised_prompt": "p"}], "usage": {"total_tokens": 3}}
    found = verdict(200, {"x-request-id": "r"}, json.dumps(body).encode())
    assert (found.outcome, found.image) == ("paid", b"image")
    assert found.told == {"status": 200, "request_id": "r", "usage": {"total_tokens": 3}, "revised_prompt": "p"}


@pytest.fixture
def ledger(tmp_path):
    opened = []

    def opens(price: float = 0.1, budget: float = 0.3) -> Ledger:
        for each in opened:
            each.close()
        opened[:] = [Ledger(tmp_path, DEFAULTS | {"price": price, "budget": budget}, lambda text: None)]
        return opened[0]

    yield opens
    opened[0].close()


def test_sums_are_exact_and_the_last_call_that_fits_is_sent(ledger):
    book = ledger()
    for number in range(3):
        book.ask(str(number), "item")
        book.heard(str(number), "refused")
    assert book.spent == Decimal("0.3")  # which 0.1 + 0.1 + 0.1 as floats is not
    with pytest.raises(OutOfBudget, match=r"3 calls may have cost 0\.3"):
        book.ask("3", "item")


def test_what_was_free_is_given_back_and_what_nobody_knows_is_not(ledger):
    book = ledger()
    for outcome in ("failed", "unsent", "failed", "unknown", "spoiled"):
        book.ask("a", "item")
        book.heard("a", outcome)
    book.ask("b", "item")
    assert (book.spent, book.failures["a"]) == (Decimal("0.3"), 2)
    book = ledger(price=5)
    assert (book.spent, book.calls) == (Decimal("0.3"), 3)  # at the price of their time
    assert book.outcome("b")["state"] == "unknown"
    assert book.outcome("a")["state"] == "spoiled"


def test_images_lie_one_behind_the_other_and_come_back_whole(ledger):
    book = ledger()
    for key, image in (("a", b"first"), ("b", b"second")):
        book.ask(key, "item")
        book.heard(key, "paid", image)
    book = ledger()
    assert [book.image(key) for key in "ab"] == [b"first", b"second"]
