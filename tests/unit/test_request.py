"""request.py, apis/: images that are paid for, of a real server that bills; nothing is paid twice, whatever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from tests.archives import archive
from tests.servers import running
from tests.services import HEALS, KEY, ImageService, picture

from touchstone.draw import PICK
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.record import TAKEN, empty_item, table_of
from touchstone.request import request_shard
from touchstone.unroll import unroll_origin

RECIPE = {"revision": 1, "provider": "openai_images", "call": "generation", "model": "tiny-image-1", "size": [64, 64]}
RECIPE |= {"reader": {"name": "table", "file": "prompts.csv", "columns": {"id": "id", "positive_prompt": "prompt"}}}
PAIRS = {"name": "pairs", "origin": "photos"}
CARD = {"title": "t", "homepage": "https://example.org", "licence": "l", "access": "open", "kind": "api"}
CARD |= {"generators": ["dall_e_3"], "examples": [{"given": {"id": "1"}, "expect": "skip"}]}
PROGRAM = """
import json, sys
from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.request import request_shard
try:
    request_shard(**json.loads(sys.argv[1]), progress=Progress("take", "x", streams=(sys.stdout,)))
except TouchstoneError as error:
    sys.exit(str(error))
"""


class Place:
    """A folder with pick lists and a card; ``ask`` makes a shard with the service."""

    def __init__(self, folder: Path, server: ImageService, progress: object):
        self.folder, self.server, self.progress = folder, server, progress
        self.service = {"url": server.url, "key": "TINY_KEY", "price": 0.01, "budget": 100, "timeout": 30}
        self.service |= {"networks": ["127.0.0.0/8"]}

    def arguments(self, prompts: list[str] | list[dict], shard: str = "shard", recipe: dict | None = None, **service) -> dict:
        rows = [
            empty_item() | {"id": f"mine/{number}", "label": 1, "rank": number} | (each if isinstance(each, dict) else {})
            | ({"positive_prompt": each} if isinstance(each, str) else {})
            for number, each in enumerate(prompts)
        ]  # fmt: skip
        picks, card = self.folder / f"{shard}-picks.parquet", self.folder / "card.yaml"
        pq.write_table(table_of(rows, PICK), picks)
        recipe = RECIPE | (recipe or {})
        card.write_text(yaml.safe_dump(CARD | {"recipe": recipe, "service": self.service | service}), encoding="utf-8")
        made = {"picks": str(picks), "card": str(card), "recipe": recipe, "shard": str(self.folder / f"{shard}.parquet")}
        return made | {"source": None, "paid": str(self.folder / "paid")}

    def ask(self, prompts: list, shard: str = "shard", source: str | None = None, **options) -> list[dict]:
        arguments = self.arguments(prompts, shard, **options) | {"source": source}
        request_shard(**arguments, progress=self.progress)
        table = pq.read_table(arguments["shard"])
        assert table.schema.remove_metadata().equals(TAKEN)
        return table.to_pylist()

    def start(self, prompts: list[str], **options) -> subprocess.Popen:
        """The same in a process of its own, as a job has it; ends with the error's message, if there is one."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(self.arguments(prompts, **options))],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def ledger(self) -> list[dict]:
        return [json.loads(line) for line in (self.folder / "paid/ledger.jsonl").read_text(encoding="utf-8").splitlines()]

    def spent(self) -> Decimal:
        """By the last line that the job said."""
        return Decimal(self.progress.streams[0].getvalue().rpartition(" of ")[0].rpartition(" ")[2])


@pytest.fixture
def server():
    with running(ImageService()) as server:
        yield server
        server.release.set()


@pytest.fixture
def place(tmp_path, server, progress, monkeypatch):
    monkeypatch.setenv("TINY_KEY", KEY)
    return Place(tmp_path, server, progress)


# -- what is asked, and what is made of the answers --------------------------------------------------


def test_every_prompt_is_an_image_with_its_record_in_the_order_of_the_list(place, server):
    rows = place.ask([f"fine {number}" for number in range(9)], recipe={"parameters": {"quality": "low"}})
    assert [row["id"] for row in rows] == [f"mine/{number}" for number in range(9)]
    for number, row in enumerate(rows):
        assert (row["state"], row["width"], row["conditioning"]) == ("taken", 64, "text")
        assert row["image"]["bytes"] == picture(f"fine {number}")
        made = row["generation"]
        assert (made["model"], made["mode"], made["pipeline"]) == ("tiny-image-1", "generation", "openai_images")
        assert made["service"] == server.url
        assert made["revised_prompt"] == f"A picture of fine {number}"
        assert made["request_id"].startswith("req-")
    assert [call.path for call in server.billed.calls] == ["/v1/images/generations"] * 9
    call = server.billed.asked("fine 3")[0]
    assert call.fields == {"model": "tiny-image-1", "n": 1, "prompt": "fine 3", "size": "64x64", "quality": "low"}
    assert len({call.headers["idempotency-key"] for call in server.billed.calls}) == 9
    assert server.billed.most <= 4  # the default concurrency
    assert place.spent() == Decimal("0.09")
    assert KEY not in (place.folder / "paid/ledger.jsonl").read_text(encoding="utf-8") + place.progress.streams[0].getvalue()


@pytest.mark.parametrize(("call", "square"), [("edit", None), ("variation", 96)])
def test_a_real_image_goes_along_as_it_is_or_as_a_square(place, server, picture, make_zip, call, square):
    jpeg = picture("JPEG", size=(120, 90))
    archive = make_zip({"0.jpg": jpeg, "1.png": jpeg[:900], "2.tif": picture("TIFF", seed=2)})
    write_json(place.folder / "photos.json", {"files": [{"name": "photos.zip", "path": str(archive)}]})
    rows = [
        {"source_file": "photos.zip", "source_member": name, "paired_real_images": [f"photos/{name}"]}
        | {"groups": [f"photo:{name}"], "positive_prompt": "fine hills" if call == "edit" else ""}
        for name in ("0.jpg", "1.png", "2.tif")
    ]
    recipe = {"call": call, "reader": PAIRS | ({"prompt": "fine hills"} if call == "edit" else {})}
    recipe |= {"square": square} if square else {}
    made = place.ask(rows, source=str(place.folder / "photos.json"), recipe=recipe)
    assert [row["reason"] for row in made] == ["", "unusable_source", ""]
    assert [row["paired_real_images"] for row in made] == [["photos/0.jpg"], ["photos/1.png"], ["photos/2.tif"]]
    assert [row["groups"] for row in made] == [["photo:0.jpg"], ["photo:1.png"], ["photo:2.tif"]]
    assert {row["conditioning"] for row in made} == {"image"}
    sent = sorted(server.billed.calls, key=lambda call: call.fields["filename"])
    assert {each.path for each in sent} == {f"/v1/images/{call}s"}
    assert {each.fields.get("prompt") for each in sent} == ({"fine hills"} if call == "edit" else {None})
    if square:
        assert [each.image[16:24] for each in sent] == [square.to_bytes(4, "big") * 2] * 2  # IHDR: width and height
    else:
        assert [(each.fields["filename"], each.fields["type"]) for each in sent] == [
            ("image.jpg", "image/jpeg"), ("image.png", "image/png")
        ]  # fmt: skip
        assert sent[0].image == jpeg


def test_photographs_in_one_stream_are_read_from_what_was_unrolled(place, server, picture, tmp_path):
    members = {f"{number}.png": picture("PNG", seed=number) for number in range(3)}
    shelf = archive(tmp_path, ".tar.gz", members)
    write_json(place.folder / "photos.json", {"files": [{"name": "photos.tar.gz", "path": str(shelf)}]})
    rows = [{"source_file": "photos.tar.gz", "source_member": name} for name in members]
    arguments = place.arguments(rows, recipe={"call": "variation", "reader": PAIRS})
    arguments |= {"source": str(place.folder / "photos.json"), "unrolled": str(place.folder / "unrolled.zip")}
    unroll_origin(
        picks=[arguments["picks"]], receipt=arguments["source"], unrolled=arguments["unrolled"], progress=place.progress
    )
    shelf.unlink()
    request_shard(**arguments, progress=place.progress)
    assert pq.read_table(arguments["shard"])["state"].to_pylist() == ["taken"] * 3
    assert sorted(call.image for call in server.billed.calls) == sorted(members.values())


HOSTILE = {
    "policy x": "refused",
    "long x": "service_error",
    "malformed x": "service_error",
    "empty x": "service_error",
    "deep x": "service_error",
    "garbled x": "service_error",
    "page x": "unreadable",
    "cut x": "truncated",
    "small x": "wrong_size",
    "private x": "refused_address",
    "file x": "refused_address",
    "moved x": "refused_address",
    "gone x": "http_error",
    "gateway x": "unknown_outcome",
    "reset x": "unknown_outcome",
    "url x": "",
    "fine x": "",
}
FREE = ["long x"]  # the service says that it made nothing


def test_what_is_no_image_is_rejected_with_its_reason_and_counted_unless_it_was_free(place, server):
    rows = place.ask(list(HOSTILE))
    assert {prompt: row["reason"] for prompt, row in zip(HOSTILE, rows, strict=True)} == HOSTILE
    assert "safety system" in rows[0]["detail"]
    assert rows[-2]["image"]["bytes"] == picture("/made/fine/5")
    assert place.spent() == Decimal("0.01") * (len(HOSTILE) - len(FREE))
    calls = len(server.billed.calls)
    assert calls == len(HOSTILE)  # none of them was asked twice
    again = place.ask(list(HOSTILE), "again")
    assert [row["reason"] for row in again] == list(HOSTILE.values())
    assert len(server.billed.calls) == calls + len(FREE)
    assert place.spent() == Decimal("0.01") * (len(HOSTILE) - len(FREE))


def test_what_gets_well_is_asked_again_after_the_pause_that_the_service_asks_for(place, server):
    begun = time.monotonic()
    rows = place.ask(["busy x", "ill x", "fine x"])
    assert [row["reason"] for row in rows] == [""] * 3
    assert [len(server.billed.asked(f"{word} x")) for word in ("busy", "ill", "fine")] == [HEALS + 1, HEALS + 1, 1]
    assert time.monotonic() - begun >= HEALS
    assert place.spent() == Decimal("0.03")  # failures are free
    keys = [call.headers["idempotency-key"] for call in server.billed.asked("ill x")]
    assert len(set(keys)) == len(keys)  # a server that remembers its failure must not repeat it


def test_a_slow_answer_is_not_paid_for_twice_unless_the_card_says_so(place, server):
    rows = place.ask(["slow x", "fine x"], timeout=0.5)
    assert [row["reason"] for row in rows] == ["unknown_outcome", ""]
    assert (len(server.billed.asked("slow x")), place.spent()) == (1, Decimal("0.02"))
    server.well = True
    assert place.ask(["slow x", "fine x"])[0]["reason"] == "unknown_outcome"
    assert len(server.billed.asked("slow x")) == 1
    assert place.ask(["slow x", "fine x"], unknown="again")[0]["reason"] == ""
    first, second = server.billed.asked("slow x")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert place.spent() == Decimal("0.03")  # it may have been paid for twice, and so it counts


# -- money -------------------------------------------------------------------------------------------


def test_the_budget_is_kept_over_shards_and_a_larger_one_goes_on(place, server):
    with pytest.raises(TouchstoneError, match=r"budget of 0\.05 USD is spent: 5 calls may have cost 0\.05[\s\S]*raise `budget`"):
        place.ask([f"fine {number}" for number in range(9)], budget=0.05)
    assert len(server.billed.calls) == 5
    assert not (place.folder / "shard.parquet").exists()
    with pytest.raises(TouchstoneError, match="is spent"):
        place.ask([{"id": "other/1", "positive_prompt": "fine other"}], "other", budget=0.05)
    assert len(server.billed.calls) == 5
    rows = place.ask([f"fine {number}" for number in range(9)], budget=0.09)
    assert [row["reason"] for row in rows] == [""] * 9
    assert set(server.billed.made.values()) == {1}
    assert len(server.billed.calls) == 9


def test_what_is_paid_for_is_taken_from_the_ledger_by_other_shards_and_asked_anew_for_another_recipe(place, server):
    first = place.ask(["fine 0", "fine 1", "url 2"])
    (place.folder / "shard.parquet").unlink()
    assert place.ask(["fine 0", "fine 1", "url 2"]) == first
    assert place.ask(["fine 0"], "larger", per_minute=1000, budget=5) == first[:1]
    assert len(server.billed.calls) == 3
    place.ask(["fine 0"], recipe={"parameters": {"quality": "high"}})
    place.ask(["fine 0"], recipe={"revision": 2})
    assert len(server.billed.calls) == 5


def test_calls_keep_the_pace_and_the_number_at_once(place, server):
    begun = time.monotonic()
    place.ask([f"fine {number}" for number in range(6)], per_minute=600, concurrency=2)
    assert time.monotonic() - begun >= 0.5  # five gaps of a tenth of a second
    assert server.billed.most <= 2


@pytest.mark.parametrize(
    ("prompts", "told"),
    [
        (["poor x"], "exceeded your current quota"),
        (["patience x"], "asks to wait 86400 s"),
        (["elsewhere x"], "HTTP 307"),
        ([f"long {number}" for number in range(12)], "failed 10 items in a row: HTTP 400: string_above_max_length"),
    ],
)
def test_what_only_a_person_can_mend_stops_the_job(place, server, prompts, told):
    with pytest.raises(TouchstoneError, match=told):
        place.ask(prompts, concurrency=1)
    assert len(server.billed.calls) == min(len(prompts), 10)
    assert not (place.folder / "shard.parquet").exists()


def test_a_wrong_key_is_not_told_to_anyone(place, monkeypatch):
    monkeypatch.setenv("TINY_KEY", "sk-wrong")
    with pytest.raises(TouchstoneError, match="HTTP 401") as error:
        place.ask(["fine x"])
    told = str(error.value) + (place.folder / "paid/ledger.jsonl").read_text(encoding="utf-8")
    assert "sk-wrong" not in told
    assert "Bearer ***" in told


def test_a_missing_key_is_named_before_anything_is_sent(place, server, monkeypatch):
    monkeypatch.delenv("TINY_KEY")
    with pytest.raises(TouchstoneError, match=r"needs TINY_KEY in the environment[\s\S]*export TINY_KEY="):
        place.ask(["fine x"])
    with pytest.raises(TouchstoneError, match="never write the key itself") as error:
        place.ask(["fine x"], key="sk-mine")
    assert "sk-mine" not in str(error.value)
    with pytest.raises(TouchstoneError, match="unencrypted"):
        place.ask(["fine x"], url="http://api.example.org/v1")
    assert not server.billed.calls


def test_nobody_there_is_nobody_paid(place, server):
    server.shutdown()
    server.server_close()
    with pytest.raises(TouchstoneError, match=r"1 of 1 images could not be had for now[\s\S]*run again"):
        place.ask(["fine x"], tries=1)
    assert [line["state"] for line in place.ledger()] == ["asked", "unsent"]


# -- what dies on the way ----------------------------------------------------------------------------


def test_killed_with_calls_in_hand_nothing_is_paid_twice(place, server):
    """Two calls are in hand when it is killed: they may be paid for, so they count, and are not sent again."""
    prompts = ["fine 0", "fine 1", "hold 2", "hold 3", "fine 4"]
    process = place.start(prompts, concurrency=2)
    for _ in range(2):
        assert server.held.acquire(timeout=60)
    process.kill()
    process.communicate()
    server.release.set()
    calls = len(server.billed.calls)
    assert [line["state"] for line in place.ledger()].count("paid") == 2
    rows = place.ask(prompts)
    assert [row["reason"] for row in rows] == ["", "", "unknown_outcome", "unknown_outcome", ""]
    assert "killed" in rows[2]["detail"] or "ended before" in rows[2]["detail"]
    assert len(server.billed.calls) == calls + 1
    assert set(server.billed.made.values()) == {1}
    assert place.spent() == Decimal("0.05")


def test_killed_between_payment_and_download_it_only_downloads(place, server):
    process = place.start(["late 0"])
    assert server.held.acquire(timeout=60)
    process.kill()
    process.communicate()
    server.release.set()
    assert [row["reason"] for row in place.ask(["late 0"])] == [""]
    assert len(server.billed.calls) == 1


@pytest.mark.slow
def test_killed_again_and_again_every_image_is_paid_once_and_the_books_are_never_too_low(place, server):
    prompts = [f"{'url' if number % 5 == 0 else 'fine'} {number}" for number in range(40)]
    for calls in (1, 3, 6, 9):
        process = place.start(prompts)
        for _ in range(calls):
            assert server.came.acquire(timeout=60)
        process.kill()
        process.communicate()
    rows = place.ask(prompts)
    assert {row["reason"] for row in rows} <= {"", "unknown_outcome"}
    assert sum(row["reason"] == "" for row in rows) >= 40 - 4 * 4  # four calls at once, killed four times
    assert set(server.billed.made.values()) == {1}
    assert place.spent() == Decimal("0.01") * 40 >= Decimal("0.01") * server.billed.made.total()


@pytest.mark.slow
def test_told_to_stop_it_hears_out_what_it_has_paid_for(place, server):
    process = place.start(["hold 0", "hold 1", "fine 2", "fine 3"], concurrency=2)
    for _ in range(2):
        assert server.held.acquire(timeout=60)
    process.send_signal(signal.SIGTERM)
    assert any("told to stop" in line for line in process.stdout)  # it has noticed, and its requests are still held
    server.release.set()
    _, error = process.communicate(timeout=60)
    assert (process.returncode, "told to stop (SIGTERM)" in error) == (1, True)
    assert [line["state"] for line in place.ledger()] == ["asked", "asked", "paid", "paid"]
    assert [row["reason"] for row in place.ask(["hold 0", "hold 1", "fine 2", "fine 3"])] == [""] * 4
    assert set(server.billed.made.values()) == {1}


@pytest.mark.slow
def test_two_jobs_at_once_share_ledger_and_budget(place, server):
    prompts = [f"fine {number}" for number in range(8)]
    processes = [place.start(prompts, shard=name, budget=0.08) for name in ("one", "two")]
    assert [process.communicate(timeout=100)[1] for process in processes] == ["", ""]
    assert len(server.billed.calls) == 8
    assert pq.read_table(place.folder / "one.parquet").equals(pq.read_table(place.folder / "two.parquet"))


def test_a_torn_line_and_a_damaged_image_are_noticed(place, server):
    place.ask(["fine 0"])
    with open(place.folder / "paid/ledger.jsonl", "a", encoding="utf-8") as file:
        file.write('{"key": "abc", "sta')
    place.ask(["fine 0", "fine 1"])
    assert len(server.billed.calls) == 2
    with open(place.folder / "paid/images", "r+b") as file:
        file.write(b"damaged")
    with pytest.raises(TouchstoneError, match="paid for is damaged"):
        place.ask(["fine 0", "fine 1"])
