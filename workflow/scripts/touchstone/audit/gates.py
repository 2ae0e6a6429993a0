"""Gates: what was measured on a finished dataset against the limits of its dataset file."""

from __future__ import annotations

import pyarrow as pa

from touchstone.audit.shortcuts import MENDS, SIZE
from touchstone.errors import TouchstoneError
from touchstone.files import read_json, write_json
from touchstone.progress import Progress
from touchstone.record import KEPT, REASONS, REJECTED
from touchstone.versions import read_table

PASSED, WARNED, FAILED, OFF = "passed", "warned", "failed", "off"
WHOLE = "all generators"
NAMED = 8  # of many subjects with one cause


def check_gates(
    *,
    ledger: str,
    leaks: str,
    shortcuts: str,
    pixels: str,
    limits: dict[str, dict],
    survival: dict[str, float],
    gates: str,
    progress: Progress,
) -> None:
    """Compare every measurement with its limit and write all verdicts; ``require_passed`` acts on them.

    Args:
        ledger: Table of ``record.LEDGER``.
        leaks, shortcuts, pixels: What the audit's other modules wrote.
        limits: ``{gate: {limit, action}}`` of the dataset file; the action is fail, warn or off.
        survival: Part of an origin's addresses that the dataset file expects to live; where it tells, only
            what dies beyond counts at the gate ``rejected``.
        gates: JSON to write: a list of ``{gate, subject, value, limit, verdict, what, mend}``, the
            failed first; ``cause`` and ``claim``, too, of what several generators can have in common.
    """
    progress.start(0)
    sums, leaks, shortcuts, pixels = read_table(ledger, "ledger"), read_json(leaks), read_json(shortcuts), read_json(pixels)
    measured = [*_rejected(sums), *_shortfalls(sums), *_leaks(leaks), *_probes("shortcut", shortcuts), *_probes("pixels", pixels)]
    measured += _watermarks(pixels)
    found = []
    for entry in measured:
        rule = limits[entry["gate"]]
        limit = rule["limit"]
        if entry["gate"] == "rejected" and entry["subject"] in survival:
            limit = 1 - survival[entry["subject"]] * (1 - limit)
        over = entry.pop("certain", entry["value"]) > limit + 1e-9
        verdict = {"off": OFF, "warn": WARNED, "fail": FAILED}[rule["action"]] if over else PASSED
        found.append(entry | {"limit": limit, "verdict": verdict})
    order = [FAILED, WARNED, OFF, PASSED]
    write_json(gates, sorted(found, key=lambda entry: order.index(entry["verdict"])))
    counts = {verdict: sum(entry["verdict"] == verdict for entry in found) for verdict in order}
    for entry in merged(found):
        if entry["verdict"] == WARNED:
            progress.say(f"warning: {entry['what']}; {entry['mend']}")
    progress.finish(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count))


def require_passed(gates: str, report: str, dataset_file: str) -> None:
    """Stop where a gate failed.

    Raises:
        TouchstoneError: It names all that failed, each with its mend.
    """
    failed = [entry for entry in merged(read_json(gates)) if entry["verdict"] == FAILED]
    if failed:
        raise TouchstoneError(
            "the dataset does not pass its gates\n" + "\n".join(f"  - {entry['what']}\n    {entry['mend']}" for entry in failed),
            where=f"{dataset_file}: gates; all that was measured: {report}",
            mend="mend these, or change the gate's limit or action in the dataset file; nothing is taken or made anew for that",
        )


def merged(found: list[dict]) -> list[dict]:
    """The same verdicts, with those of one gate, cause and mend as one, so that a person reads each mend once.

    What passed or is off stays as it is. The worst of the subjects stand in ``what``, and the worst value counts.
    """
    groups: dict[tuple, list[dict]] = {}
    for number, entry in enumerate(found):
        beyond = entry["verdict"] in (FAILED, WARNED) and "cause" in entry
        key = (entry["gate"], entry["verdict"], entry["cause"], entry["mend"]) if beyond else (number,)
        groups.setdefault(key, []).append(entry)
    one_each = []
    for group in groups.values():
        worst = max(group, key=lambda entry: entry["value"])
        if len(group) > 1:
            order = sorted(group, key=lambda entry: (entry["subject"] != WHOLE, -entry["value"]))
            named = ", ".join(f"{entry['subject']} ({entry['value']:.2f})" for entry in order[:NAMED])
            more = f" and {len(group) - NAMED:,} more" if len(group) > NAMED else ""
            worst = worst | {"what": f"{named}{more}: {worst['claim']}"}
        one_each.append(worst)
    return one_each


def _entry(gate: str, subject: str, value: float, what: str, mend: str) -> dict:
    return {"gate": gate, "subject": subject, "value": value, "what": what, "mend": mend}


def _rejected(sums: pa.Table) -> list[dict]:
    """Per origin: the share of its drawn items that were rejected for a fault."""
    origins: dict[str, dict] = {}
    for row in sums.to_pylist():
        entry = origins.setdefault(row["origin"], {"drawn": 0, "reasons": {}})
        entry["drawn"] += row["items"]
        if row["state"] == REJECTED and REASONS[row["reason"]][0] == "fault":
            entry["reasons"][row["reason"]] = entry["reasons"].get(row["reason"], 0) + row["items"]
    found = []
    for origin, entry in origins.items():
        faulty = sum(entry["reasons"].values())
        reasons = ", ".join(f"{count:,} {reason} ({REASONS[reason][1]})" for reason, count in entry["reasons"].items())
        what = f"{origin}: {faulty:,} of {entry['drawn']:,} items are rejected for a fault" + (f": {reasons}" if reasons else "")
        found.append(_entry("rejected", origin, faulty / entry["drawn"], what, "mend the origin's files or list"))
    return found


def _shortfalls(sums: pa.Table) -> list[dict]:
    """Per part: the share of its quota that is missing."""
    parts: dict[str, dict] = {}
    for row in sums.to_pylist():
        entry = parts.setdefault(f"{row['origin']} {row['part']}", {"wanted": row["wanted"], "kept": 0})
        entry["kept"] += row["items"] if row["state"] == KEPT else 0
    return [
        _entry(
            "shortfall",
            name,
            1 - entry["kept"] / entry["wanted"] if entry["wanted"] else 0,
            f"{name}: {entry['wanted'] - entry['kept']:,} of {entry['wanted']:,} images are missing",
            "raise its margin, or lower its quota",
        )
        for name, entry in parts.items()
    ]


def _leaks(leaks: dict) -> list[dict]:
    images = max(leaks["images"], 1)

    def share(gate: str, subject: str, found: dict, what: str, mend: str) -> dict:
        examples = "; ".join(" = ".join(pair) if isinstance(pair, list) else pair for pair in found["examples"][:3])
        return _entry(
            gate,
            subject,
            found["images"] / images,
            f"{found['images']:,} {what}" + (f", such as {examples}" if examples else ""),
            mend,
        )

    groups = "name what belongs together in the origin's `groups`, or raise screen.near_duplicate_bits"
    torn = _entry(
        "torn_groups",
        "",
        leaks["torn_groups"],
        f"{leaks['torn_groups']:,} groups are torn between splits",
        "report this, it is a defect of Touchstone",
    )
    shown = [
        _entry(
            "torn_groups",
            name,
            found["leaked"],
            f"{name}: of {found['fakes']:,} fakes {found['leaked']:,} show a photograph that is a real image of another split",
            "split them yourself; a published split cannot be mended",
        )
        for name, found in leaks["photographs"].items()
    ]
    return [
        torn,
        *shown,
        share("leaks", "same pixels", leaks["same_pixels"], "images have the same pixels as one in another split", groups),
        share(
            "leaks", "near duplicates", leaks["near"], f"images are within {leaks['bits']} bits of one in another split", groups
        ),
        share("mirrored", "", leaks["mirrored"], "images are nearly the mirror image of one in another split", groups),
        *(
            share("listed", path, found, f"images are also in {path}", "drop them: name the list under `takedown`")
            for path, found in leaks["against"].items()
        ),
    ]


def _probes(gate: str, measured: dict) -> list[dict]:
    """The overall probe and those of the generators; only what exceeds the limit beyond chance counts."""
    seen = {"shortcut": "the files' facts alone", "pixels": "low-level traces of the pixels alone"}[gate]
    left = measured.get("without", {})
    mends = " and ".join(f"{mend} would leave {left[policy]['auroc']:.2f}" for policy, mend in MENDS.items() if left.get(policy))
    found = []
    whole = measured["overall"]
    if whole and measured.get("facts"):
        whole = whole | {"fact": measured["facts"][0]["fact"], "fact_auroc": measured["facts"][0]["auroc"]}
    for name, probe in [(WHOLE, whole), *measured["generators"].items()]:
        if probe:
            what = (
                f"{name}: {seen} tell fake from real with AUROC {probe['auroc']:.2f} ({probe['low']:.2f} to {probe['high']:.2f})"
            )
            if "fact" in probe:
                what += f", {probe['fact']} alone with {probe['fact_auroc']:.2f}"
            mend = f"set `images` in the dataset file: {mends}" if mends else "encode and resize both classes by one chain"
            cause = ("size" if probe["fact"] in SIZE else "encoding") if "fact" in probe else ""
            claim = f"{seen} tell fake from real (AUROC)" + (f", most of all their {cause}" if cause else "")
            found.append(
                _entry(gate, name, probe["auroc"], what, mend) | {"certain": probe["low"], "cause": cause, "claim": claim}
            )
    return found


def _watermarks(pixels: dict) -> list[dict]:
    found = []
    for name, entry in pixels["watermarks"].items():
        marked, looked = sum(entry["marks"].values()), max(entry["looked_at"], 1)
        marks = " and ".join(entry["marks"])
        what = f"{name}: {marked:,} of {looked:,} pictures looked at carry an invisible watermark" + (
            f" ({marks})" if marks else ""
        )
        found.append(
            _entry(
                "watermark",
                name,
                marked / looked,
                what,
                "generate without it, or leave the generator out: a detector would learn the mark",
            )
            | {"cause": marks, "claim": f"of the pictures looked at so many carry an invisible watermark ({marks})"}
        )
    return found
