"""The protocol of OpenAI's Images API, which many other services and local servers speak, too.

Sources: developers.openai.com/api/reference (images; errors), and the public client libraries. ``variation`` was retired
with dall-e-2 in May 2026; compatible servers still have it.
"""

from __future__ import annotations

import base64
import binascii
import email.utils
import json
import time
from collections.abc import Mapping

from touchstone.apis import Request, Verdict

CALLS = {"generation": False, "edit": True, "variation": True}
PATHS = {"generation": "images/generations", "edit": "images/edits", "variation": "images/variations"}
# Words in `code`, `type` or the message of an error: the content policy; and an account that has no money left.
POLICY = ("content_policy", "content policy", "moderation", "content_filter", "safety system", "responsibleaipolicy")
NO_MONEY = ("insufficient_quota", "billing_hard_limit", "billing_not_active", "insufficient_balance", "insufficient credit")
GATEWAY = {408, 502, 504, *range(520, 528)}  # who answers so did not see the end of the call
LATER = {409, 425, 500, 503, 529}
PERSON = {401, 402, 403, 404, 405, 407}


def request(row: dict, recipe: dict) -> Request:
    """One image for the item's prompt; of ``variation`` for its real image alone."""
    fields = {"model": recipe["model"], "n": 1}
    if recipe["call"] != "variation":
        fields["prompt"] = row["positive_prompt"]
    if "size" in recipe:
        fields["size"] = "{}x{}".format(*recipe["size"])
    return Request(PATHS[recipe["call"]], fields | recipe.get("parameters", {}))


def verdict(status: int, headers: Mapping[str, str], body: bytes) -> Verdict:
    """What the answer means; see ``Verdict``."""
    told = {"status": status}
    if identifier := headers.get("x-request-id"):
        told["request_id"] = identifier[:100]
    if 200 <= status < 300:
        return _image(body, told)
    message = _message(body)
    text = f"HTTP {status}: {message}" if message else f"HTTP {status}"
    lower = message.lower()
    if any(word in lower for word in NO_MONEY):
        return Verdict("failed", text, "person", told=told)
    if status in (400, 403, 422, 451) and any(word in lower for word in POLICY):
        return Verdict("refused", text, told=told)
    if status in GATEWAY:
        return Verdict("unknown", text, told=told)
    if status == 429:
        return Verdict("failed", text, "pause", _retry_after(headers), told=told)
    if status in LATER:
        return Verdict("failed", text, "later", _retry_after(headers), told=told)
    if status in PERSON or status < 400:  # a redirect, too: the key goes nowhere else
        return Verdict("failed", text, "person", told=told)
    return Verdict("failed" if status < 500 else "unknown", text, "item" if status < 500 else "", told=told)


def _image(body: bytes, told: dict) -> Verdict:
    try:
        answer = json.loads(body)
        first = answer["data"][0]
        if isinstance(answer.get("usage"), dict):
            told["usage"] = {key: value for key, value in answer["usage"].items() if isinstance(value, int)}
        if isinstance(first.get("revised_prompt"), str):
            told["revised_prompt"] = first["revised_prompt"]
        if image := base64.b64decode(first.get("b64_json") or "", validate=True):
            return Verdict("paid", image=image, told=told)
        if isinstance(first.get("url"), str) and first["url"]:
            return Verdict("paid", url=first["url"], told=told)
        return Verdict("spoiled", "an answer without an image", told=told)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, binascii.Error) as error:
        return Verdict("spoiled", f"an answer that makes no sense ({type(error).__name__})", told=told)


def _message(body: bytes) -> str:
    """Code, type and message of an error; empty where there is none to be read."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    if not isinstance(error, dict):
        return str(error)[:300]
    parts = dict.fromkeys(str(error[name]) for name in ("code", "type", "message") if error.get(name))
    return " ".join(": ".join(parts).split())[:300]


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that ``Retry-After`` asks for: a number or a date (RFC 9110, section 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None
