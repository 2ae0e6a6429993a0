"""audit/gates.py: every measurement meets its limit, and all that is wrong is named at once with its mend."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from touchstone.audit.gates import check_gates, merged, require_passed
from touchstone.checking import SCHEMAS, load_checked
from touchstone.errors import TouchstoneError
from touchstone.record import LEDGER, table_of

NO_LEAKS = {"images": 1000, "bits": 3, "torn_groups": 0, "photographs": {}, "against": {}} | {
    key: {"images": 0, "examples": []} for key in ("same_pixels", "near", "mirrored")
}
NO_SHORTCUTS = {"overall": None, "generators": {}, "without": {}, "facts": []}
NO_TRACES = {"overall": None, "generators": {}, "watermarks": {}, "sampled": 0}
DATASET = "title: x\nseed: 1\nsplits: {train: 1}\nreals: {a: {quota: 1}}\n"


def count(state: str, items: int, origin: str = "a", part: str = "real", reason: str = "", split: str = "") -> dict:
    row = {"origin": origin, "part": part, "generator": "" if part == "real" else part.title(), "wanted": 10, "state": state}
    return row | {"step": "take" if reason else "", "reason": reason, "split": split, "items": items}


GOOD = [count("kept", 8, split="train"), count("kept", 2, split="test"), count("rejected", 2, reason="truncated")]


class Place:
    def __init__(self, folder: Path, progress):
        self.folder, self.progress = folder, progress

    def limits(self, text: str) -> dict:
        """The limits of a dataset file with these gates, defaults filled in."""
        path = self.folder / "mine.yaml"
        path.write_text(DATASET + f"gates: {text}\n", encoding="utf-8")
        return load_checked("dataset", path)["gates"]

    def gates(self, ledger=GOOD, leaks=NO_LEAKS, shortcuts=NO_SHORTCUTS, pixels=NO_TRACES, limits: str = "{}") -> list[dict]:
        pq.write_table(table_of(ledger, LEDGER), self.folder / "ledger.parquet")
        named = {"leaks": leaks, "shortcuts": shortcuts, "pixels": pixels}
        for name, value in named.items():
            (self.folder / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
        check_gates(
            ledger=str(self.folder / "ledger.parquet"),
            **{name: str(self.folder / f"{name}.json") for name in named},
            limits=self.limits(limits),
            survival={"old_list": 0.5},
            gates=str(self.folder / "gates.json"),
            progress=self.progress,
        )
        return json.loads((self.folder / "gates.json").read_text(encoding="utf-8"))

    def refusal(self, *arguments, **options) -> str:
        self.gates(*arguments, **options)
        with pytest.raises(TouchstoneError) as error:
            require_passed(str(self.folder / "gates.json"), "report.html", "mine.yaml")
        assert "mine.yaml" in error.value.where
        assert "report.html" in error.value.where
        return error.value.what


@pytest.fixture
def place(tmp_path, progress):
    return Place(tmp_path, progress)


def verdicts(found: list[dict]) -> dict:
    return {(entry["gate"], entry["subject"]): entry["verdict"] for entry in found}


def test_a_good_dataset_passes(place):
    found = place.gates()
    assert set(verdicts(found).values()) == {"passed"}
    rejected = next(entry for entry in found if entry["gate"] == "rejected")
    assert (rejected["subject"], rejected["value"], rejected["limit"]) == ("a", 2 / 12, 0.2)
    assert "2 truncated (the image ends before its last pixel)" in rejected["what"]
    require_passed(str(place.folder / "gates.json"), "r", "d")


def test_items_that_the_dataset_chose_to_leave_out_are_no_fault(place):
    choices = [count("rejected", 90, reason=reason) for reason in ("spare", "too_small", "exact_duplicate", "taken_down")]
    found = place.gates([*GOOD[:2], *choices])
    assert next(entry for entry in found if entry["gate"] == "rejected")["value"] == 0


def test_the_limits_themselves_pass(place):
    found = place.gates(
        [count("kept", 8, split="train"), count("rejected", 2, reason="blank")], limits="{shortfall: {limit: 0.2}}"
    )
    assert set(verdicts(found).values()) == {"passed"}


def test_too_many_rejected_items_are_named_with_their_reasons(place):
    text = place.refusal(
        [*GOOD, count("rejected", 1234, reason="http_error"), count("rejected", 5, part="p", reason="truncated")]
    )
    assert "a: 1,241 of 1,251 items are rejected for a fault" in text
    assert "1,234 http_error (the server answered with an error status)" in text
    assert "7 truncated (the image ends before its last pixel)" in text


def test_links_that_were_expected_to_be_dead_are_no_reason_to_stop(place):
    rows = [count("kept", 45, origin="old_list", split="train")]
    rows += [count("rejected", 55, "old_list", reason="http_error")]
    assert set(verdicts(place.gates(rows)).values()) == {"passed"}
    text = place.refusal([*rows, count("rejected", 20, "old_list", reason="not_reached")])
    assert "old_list: 75 of 120 items are rejected" in text


def test_a_shortfall_is_named_with_its_part_and_the_mend(place):
    text = place.refusal([*GOOD, count("kept", 7, part="painter", split="train")])
    assert "a painter: 3 of 10 images are missing\n    raise its margin, or lower its quota" in text
    assert "a real" not in text


def test_a_part_of_which_nothing_is_kept_is_missing_as_a_whole(place):
    assert "a painter: 10 of 10 images are missing" in place.refusal(
        [*GOOD, count("rejected", 1, part="painter", reason="spare")]
    )


def test_a_torn_group_fails_whatever_other_gates_say(place):
    off = "{" + ", ".join(f"{name}: {{action: off}}" for name in gate_names() if name != "torn_groups") + "}"
    assert "2 groups are torn between splits" in place.refusal(leaks=NO_LEAKS | {"torn_groups": 2}, limits=off)


def test_published_splits_are_told_of_but_may_leak(place):
    shown = {"photographs": {"validation drct_2m Stable Diffusion 2.1": {"fakes": 215, "leaked": 140}}, "torn_groups": 3}
    found = place.gates(leaks=NO_LEAKS | shown, limits="{torn_groups: {action: warn}}")
    told = [entry["what"] for entry in found if entry["verdict"] == "warned"]
    assert "3 groups are torn between splits" in told
    assert any("of 215 fakes 140 show a photograph that is a real image of another split" in what for what in told)


def test_leaks_are_counted_with_examples(place):
    leaks = NO_LEAKS | {"near": {"images": 3, "examples": [["a/1", "b/2"], ["a/3", "b/4"]]}}
    assert "3 images are within 3 bits of one in another split, such as a/1 = b/2; a/3 = b/4" in place.refusal(leaks=leaks)
    found = place.gates(leaks=leaks, limits="{leaks: {limit: 0.003}}")
    assert verdicts(found)["leaks", "near duplicates"] == "passed"


def test_what_is_in_a_foreign_list_fails_and_names_the_list(place):
    entry = {"rows": 5, "matched": {"id": 2}, "images": 2, "examples": ["a/1", "a/2"]}
    text = place.refusal(leaks=NO_LEAKS | {"against": {"lists/theirs.txt": entry}})
    assert "2 images are also in lists/theirs.txt, such as a/1; a/2" in text
    assert "takedown" in text


PROBE = {"auroc": 0.9, "low": 0.85, "high": 0.95, "images": 100}
SHORTCUTS = NO_SHORTCUTS | {
    "overall": PROBE,
    "generators": {"Painter": PROBE | {"fact": "format", "fact_auroc": 0.88}, "Sculptor": None},
    "without": {"encoding": PROBE | {"auroc": 0.51}, "size": None},
}


def test_a_shortcut_warns_with_the_fact_and_what_its_mend_would_leave(place):
    found = place.gates(shortcuts=SHORTCUTS)
    assert verdicts(found)["shortcut", "Painter"] == "warned"
    assert ("shortcut", "Sculptor") not in verdicts(found)
    said = place.progress.streams[0].getvalue()
    assert "format alone with 0.88" in said
    assert "one encoding for both classes would leave 0.51" in said
    assert "one size" not in said


def test_a_shortcut_fails_where_the_dataset_says_so(place):
    assert "Painter: the files' facts alone" in place.refusal(shortcuts=SHORTCUTS, limits="{shortcut: {action: fail}}")


def test_a_probe_counts_with_the_lower_end_of_its_interval(place):
    unsure = NO_SHORTCUTS | {"overall": PROBE | {"auroc": 0.7, "low": 0.59}}
    assert verdicts(place.gates(shortcuts=unsure))["shortcut", "all generators"] == "passed"
    sure = NO_SHORTCUTS | {"overall": PROBE | {"auroc": 0.7, "low": 0.61}}
    assert verdicts(place.gates(shortcuts=sure))["shortcut", "all generators"] == "warned"


def test_pixels_and_watermarks(place):
    marks = {"Painter": {"looked_at": 100, "marks": {"SDXL": 40}}, "real": {"looked_at": 100, "marks": {}}}
    found = place.gates(pixels=NO_TRACES | {"overall": PROBE | {"low": 0.95}, "watermarks": marks})
    assert verdicts(found)["pixels", "all generators"] == "off"
    assert verdicts(found)["watermark", "Painter"] == "warned"
    assert verdicts(found)["watermark", "real"] == "passed"


def test_all_that_is_wrong_is_named_at_once_and_first(place):
    ledger = [count("kept", 1, split="train"), count("rejected", 9, reason="truncated")]
    ledger += [count("rejected", 9, origin="b", part="painter", reason="not_reached")]
    text = place.refusal(ledger, NO_LEAKS | {"torn_groups": 1})
    lines = [line.split(":")[0] for line in text.splitlines()[1:] if line.startswith("  - ")]
    assert lines == ["  - a", "  - b", "  - a real", "  - b painter", "  - 1 groups are torn between splits"]
    found = json.loads((place.folder / "gates.json").read_text(encoding="utf-8"))
    assert [entry["verdict"] for entry in found] == ["failed"] * 5 + ["passed"] * (len(found) - 5)


def gate_names() -> list[str]:
    schema = yaml.safe_load((SCHEMAS / "dataset.schema.yaml").read_text(encoding="utf-8"))
    return list(schema["properties"]["gates"]["properties"])


def test_every_gate_of_the_schema_has_a_limit_and_an_action(place):
    limits = place.limits("{}")
    assert list(limits) == gate_names()
    assert all(set(limit) == {"limit", "action"} for limit in limits.values())


@pytest.mark.parametrize("text", ["{shortcut: {action: stop}}", "{shortcut: {limit: 2}}", "{shortcuts: {limit: 0.5}}"])
def test_a_wrong_gate_is_refused(place, text):
    with pytest.raises(TouchstoneError, match="gates"):
        place.limits(text)


def test_many_generators_with_one_cause_are_one_warning(place):
    facts = {"A": "format", "B": "jpeg_quality", "C": "width", "D": "format"}
    probes = {
        name: PROBE | {"auroc": 0.8 + number / 20, "fact": fact, "fact_auroc": 0.8}
        for number, (name, fact) in enumerate(facts.items())
    }
    found = place.gates(shortcuts=SHORTCUTS | {"overall": None, "generators": probes})
    assert sum(entry["verdict"] == "warned" for entry in found) == 4
    told = [entry["what"] for entry in merged(found) if entry["verdict"] == "warned"]
    assert len(told) == 2
    assert told[0].startswith("D (0.95), B (0.85), A (0.80): the files' facts alone tell fake from real")
    assert told[0].endswith("their encoding")
    assert told[1].startswith("C: ")
    assert "D (0.95), B (0.85), A (0.80)" in place.refusal(
        shortcuts=SHORTCUTS | {"overall": None, "generators": probes}, limits="{shortcut: {action: fail}}"
    )


def test_of_very_many_generators_the_worst_are_named(place):
    probes = {f"G{number}": PROBE | {"auroc": 0.8 + number / 1000, "fact": "format", "fact_auroc": 0.8} for number in range(100)}
    found = place.gates(shortcuts=SHORTCUTS | {"overall": None, "generators": probes})
    (told,) = [entry for entry in merged(found) if entry["verdict"] == "warned"]
    assert told["what"].startswith("G99 (0.90), G98 (0.90)")
    assert "and 92 more" in told["what"]
    assert told["value"] == 0.899
