"""Draw benchmarks/ratios.svg: how fast we are against peers and limits, read from RESULTS.md.

Run it from the repository's folder: ``python -m benchmarks.peers.plot``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from html import escape

from benchmarks.measuring import RESULTS

TITLE = "Our speed divided by theirs"
TARGET = RESULTS.with_name("ratios.svg")


@dataclass(frozen=True)
class Race:
    """A figure of RESULTS.md: its section, how its row begins, the row below that holds it, its cell, its aim."""

    label: str
    section: str
    row: str
    cell: int
    aim: float = 1
    below: int = 0
    inverse: bool = False


GROUPS = {
    "Against AI-GenBench's own code": [
        Race("fresh build", "ai_genbench", "fresh build", 2, aim=5, below=3),
        Race("nothing changed", "ai_genbench", "second build", 2, below=3),
        Race("one origin changed", "ai_genbench", "rebuild, one origin", 2, aim=50, below=3),
        Race("one archive replaced", "ai_genbench", "rebuild, one archive", 2, aim=50, below=3),
    ],
    "Against other peers": [
        Race("img2dataset, web with latency", "scraping", "50-200 ms | img2dataset alone", 6),
        Race("one image per call, no GPU", "generating", "batch 4, against naive", 3),
        Race("datasets, which looks at no image", "writers", "Touchstone", 3),
    ],
    "Against the limit": [
        Race("pack, against cp", "packing", "the pack step", 3, aim=0.6),
        Race("take on one core, against one decode", "taking", "the take step, 1 thread", 3, aim=0.7),
        Race("take in four jobs, against the same", "taking", "the take step, four jobs", 3),
        Race("list a zip, against zipfile", "listing", "the list step writes index.parquet", 2, aim=1 / 1.5, inverse=True),
        Race("generate, against a bare loop", "generating", "batch 16", 3, aim=0.95),
    ],
}
LEFT, WIDTH, LINE, LOW, HIGH = 300, 520, 24, 0.05, 200  # pixels, and the ends of the axis
STYLE = """\
.ground { fill: #fbfaf7 } .faster { fill: #2b5f8c } .slower { fill: #b5651d } .grid { stroke: #d5d7da } .one { stroke: #565d67 }
.aim { stroke: #22262c; stroke-width: 2.5 } text { font: 13px system-ui, "Segoe UI", "DejaVu Sans", sans-serif; fill: #22262c }
.head { font-weight: 600 } .dim { fill: #565d67 } .end { text-anchor: end } .mid { text-anchor: middle }
@media (prefers-color-scheme: dark) {
  .ground { fill: #16191e } .faster { fill: #5a9bd0 } .slower { fill: #e09a52 } .grid { stroke: #333a44 } .one { stroke: #a9b1bc }
  .aim { stroke: #e4e7eb } text { fill: #e4e7eb } .dim { fill: #a9b1bc }
}"""


def figure(race: Race, text: str) -> float:
    """The ratio that stands in RESULTS.md."""
    section = re.search(rf"<!-- {race.section} -->\n(.*?)<!-- /{race.section} -->", text, re.DOTALL)[1]
    lines = [line.strip("| ") for line in section.splitlines() if line.startswith("|")]
    found = [number for number, line in enumerate(lines) if line.startswith(race.row)]
    if not found:
        raise SystemExit(f"RESULTS.md has no row {race.row!r} in its section {race.section}")
    cells = [cell.strip() for cell in re.split(r"\s*\|\s*", lines[found[0] + race.below])]
    value = float(cells[race.cell - (race.below > 0)])
    return 1 / value if race.inverse else value


def place(value: float) -> float:
    """Pixels from the left, on an axis of logarithms."""
    share = math.log(min(max(value, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return LEFT + WIDTH * share


def bar(race: Race, value: float, top: float) -> list[str]:
    """One line of the picture: name, bar from 1 to the value, the value, and the aim."""
    left, right = sorted((place(1), place(value)))
    kind, middle = "faster" if value >= 1 else "slower", top + 12
    parts = [
        f'<text class="end" x="{LEFT - 12}" y="{middle + 4}">{escape(race.label)}</text>',
        f'<rect class="{kind}" x="{left:.1f}" y="{top + 3}" width="{max(right - left, 1):.1f}" height="{LINE - 7}"/>',
        f'<text x="{LEFT + WIDTH + 14}" y="{middle + 4}">{value:.{1 if value >= 10 else 2}f}</text>',
    ]
    if race.aim != 1:
        x = place(race.aim)
        parts.append(f'<line class="aim" x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + LINE - 1}"/>')
    return parts


def picture(text: str) -> str:
    """The figures of RESULTS.md as an SVG that is readable on light and dark ground."""
    parts, top = [], 70
    for group, races in GROUPS.items():
        parts.append(f'<text class="head" x="16" y="{top + 16}">{escape(group)}</text>')
        top += LINE
        for race in races:
            parts += bar(race, figure(race, text), top)
            top += LINE
        top += 10
    ticks = []
    for tick in (0.1, 0.5, 1, 2, 5, 10, 50, 100):
        x, kind = place(tick), "one" if tick == 1 else "grid"
        ticks.append(f'<line class="{kind}" x1="{x:.1f}" x2="{x:.1f}" y1="62" y2="{top}"/>')
        ticks.append(f'<text class="dim mid" x="{x:.1f}" y="54">{tick:g}</text>')
    size = f"{LEFT + WIDTH + 80} {top + 16}"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size}" role="img" aria-label="{TITLE}">'
    title = f'<text class="head" x="16" y="26">{TITLE}</text><text class="dim" x="16" y="54">a thick line is our aim</text>'
    ground = f'<rect class="ground" width="{LEFT + WIDTH + 80}" height="{top + 16}" rx="10"/>'
    return "\n".join([head, f"<style>{STYLE}</style>", ground, title, *ticks, *parts, "</svg>\n"])


if __name__ == "__main__":
    TARGET.write_text(picture(RESULTS.read_text(encoding="utf-8")), encoding="utf-8")
    print(TARGET)
