"""The report: its numbers are those of the tables, its texts stay texts, it loads nothing."""

import base64
import io
from collections import Counter
from html.parser import HTMLParser

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.finished import CARDS, CELLS, HASH, REJECTED, TEXTS, WANTED, make_dataset, manifest_schema, verdicts_of

from touchstone.audit.distributions import count_facts
from touchstone.contact_sheets import THUMBNAIL, contact_sheets
from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.record import REASONS
from touchstone.report import PICTURES, compare, matrix, write_report


class Page(HTMLParser):
    """Every element of a page: its name, attributes, text, and the attributes of the row it is in."""

    VOID = ("meta", "img", "br", "col", "link", "input")

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.open = [], []
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        row = next((element["attrs"] for element in reversed(self.open) if element["tag"] == "tr"), {})
        section = next((element["attrs"].get("id") for element in self.open if element["tag"] == "section"), None)
        element = {"tag": tag, "attrs": dict(attrs), "row": row, "section": section, "text": ""}
        self.elements.append(element)
        if tag not in self.VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop()["tag"] == tag

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data

    def cells(self, section: str, **attrs: str) -> list[dict]:
        """Table cells of a section that have these data attributes, on themselves or their row."""
        wanted = {f"data-{name}": value for name, value in attrs.items()}
        inside = [element for element in self.elements if element["section"] == section and element["tag"] == "td"]
        return [cell for cell in inside if wanted.items() <= (cell["row"] | cell["attrs"]).items()]

    def by_id(self, name: str) -> dict:
        (element,) = [element for element in self.elements if element["attrs"].get("id") == name]
        return element


def number(element: dict) -> int:
    """A number as shown, which must be the one that the page sorts by."""
    shown = int(element["text"].replace(",", "").replace("\N{EN DASH}", "0"))
    assert shown == int(element["attrs"]["data-value"])
    return shown


def written(folder, **changes: object) -> str:
    made = make_dataset(folder)
    given = {name: made[name] for name in ("manifest", "ledger", "selection")} | verdicts_of(folder) | inputs_of(folder, made)
    options = TEXTS | given | {"versions": {"Snakemake": "9.27.1"}} | changes
    write_report(**options, progress=Progress("publish"))
    return (folder / "report.html").read_text(encoding="utf-8")


def inputs_of(folder, made: dict) -> dict:
    """The report's outputs, and the thumbnails that it is given."""
    thumbnails = str(folder / "thumbnails.parquet")
    contact_sheets(
        manifest=made["manifest"], folder=str(folder), sheets=str(folder / "sheets"), thumbnails=thumbnails, per_generator=3,
        progress=Progress("publish"),
    )  # fmt: skip
    named = {"report": "report.html", "distributions": "distributions.csv", "oddities": "oddities.csv"}
    return {"thumbnails": thumbnails} | {key: str(folder / name) for key, name in named.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    written(folder)
    return folder


@pytest.fixture(scope="module")
def page(folder) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def manifest(folder) -> list[dict]:
    return pq.read_table(folder / "manifest.parquet").to_pylist()


def test_counts_are_those_of_the_manifest(page, manifest):
    counts = Counter((row["origin"], row["generator"], row["split"]) for row in manifest)
    assert counts == CELLS
    for (origin, generator, split), count in counts.items():
        (cell,) = page.cells("counts", origin=origin, generator=generator, split=split)
        assert number(cell) == count
    for origin, generator in {(origin, generator) for origin, generator, _ in counts}:
        (cell,) = page.cells("counts", origin=origin, generator=generator, split="")
        assert number(cell) == sum(row["origin"] == origin and row["generator"] == generator for row in manifest)
    for word, labels in {"real": [0], "fake": [1], "all": [0, 1]}.items():
        for split in ("train", "test", ""):
            (cell,) = page.cells("counts", total=word, split=split)
            assert number(cell) == sum(
                row["label"] in labels and row["split"] in (split or ("train", "test")) for row in manifest
            )
    assert number(page.by_id("images")) == len(manifest)
    assert number(page.by_id("real")) == sum(row["label"] == 0 for row in manifest)
    assert int(page.by_id("bytes")["attrs"]["data-value"]) == sum(row["n_bytes"] for row in manifest)
    assert page.by_id("root_hash")["text"] == HASH


def test_the_ledger_closes_on_the_page(page):
    assert number(page.by_id("drawn")) == number(page.by_id("kept")) + number(page.by_id("rejected")) == 44
    for (origin, _, generator, _, reason), items in REJECTED.items():
        (cell,) = page.cells("ledger", origin=origin, generator=generator, reason=reason)
        assert number(cell) == items
    for generator, wanted in WANTED.items():
        shown = [number(cell) for cell in page.cells("ledger", generator=generator)[3:]]
        drawn, kept, missing = shown[1:4]
        assert shown[0] == wanted
        assert drawn == kept + sum(shown[4:])
        assert missing == wanted - kept


def test_gates_are_shown_with_verdict_and_mend(page):
    for verdict in ("failed", "warned", "off", "passed"):
        word, _, what, value, limit = page.cells("gates", gate=f"gate_{verdict}")
        assert word["text"] == verdict
        assert f"it {verdict}" in what["text"]
        assert ("mend <it>" in what["text"]) == (verdict in ("failed", "warned"))
        assert (value["attrs"]["data-value"], limit["attrs"]["data-value"]) == ("0.5", "0.25")


def test_facts_that_give_the_label_away_are_shown(page):
    (value, _) = page.cells("gates", fact="format")
    assert value["text"] == "0.90"
    assert not page.cells("gates", fact="width")  # as good as chance


def test_reasons_are_explained(page):
    for reason, step, items in [("spare", "split", 9), ("truncated", "take", 2), ("exact_duplicate", "screen", 1)]:
        meaning, at, blame, count = page.cells("ledger", reason=reason, step=step)
        assert (meaning["text"], at["text"], blame["text"]) == (REASONS[reason][1], step, REASONS[reason][0])
        assert number(count) == items


def shown(page: Page, name: str) -> dict:
    """``{bin: (real, fake)}`` of a property's chart."""
    start = next(i for i, element in enumerate(page.elements) if element["attrs"].get("data-property") == name)
    inside = page.elements[start + 1 :]
    end = next((i for i, element in enumerate(inside) if element["tag"] == "svg"), len(inside))
    rows = [element["attrs"] for element in inside[:end] if "data-bin" in element["attrs"]]
    return {row["data-bin"]: (int(row["data-real"]), int(row["data-fake"])) for row in rows}


def test_properties_are_counted_by_class(page, manifest):
    def counted(value) -> dict:
        counts = Counter((value(row), row["label"]) for row in manifest)
        return {name: (counts[name, 0], counts[name, 1]) for name, _ in counts}

    assert shown(page, "format") == counted(lambda row: row["format"])
    assert shown(page, "size") == counted(lambda row: f"{row['width']} x {row['height']}")
    assert shown(page, "jpeg_quality") == {"75-79": (8, 0), "80-84": (0, 0), "85-89": (0, 0), "90-94": (8, 0)}
    assert shown(page, "width") == {"below 64": (0, 2), "64-127": (16, 14)}
    assert sum(real + fake for real, fake in shown(page, "bytes_per_pixel").values()) == len(manifest)
    assert float(page.by_id("guess_format")["attrs"]["data-value"]) == 1
    assert shown(page, "tables") == {"standard": (3, 2), "own": (1, 0)}


def test_bars_are_as_long_as_their_shares(page, manifest):
    """Against the longest bar of the chart, which is 23 % of its width."""
    (chart,) = [i for i, element in enumerate(page.elements) if element["attrs"].get("data-property") == "size"][:1]
    bars = [element["attrs"] for element in page.elements[chart:] if element["tag"] == "rect"][: 2 * len(shown(page, "size"))]
    totals = [sum(row["label"] == value for row in manifest) for value in (0, 1)]
    shares = [count / totals[side] for pair in shown(page, "size").values() for side, count in enumerate(pair)]
    assert [float(bar["width"].rstrip("%")) for bar in bars] == pytest.approx(
        [23 * share / max(shares) for share in shares], abs=0.01
    )


def test_groups_are_those_of_the_manifest(page, manifest):
    (images, _, *shares) = page.cells("comparison", by="generator", group="Painter 1.5")[2:7]
    mine = [row for row in manifest if row["generator"] == "Painter 1.5"]
    assert number(images) == len(mine)
    counts = Counter(row["format"] for row in mine)
    names = list(shown(page, "format"))
    assert [float(cell["attrs"]["data-value"]) for cell in shares] == [counts[name] / len(mine) for name in names]
    assert {cell["row"]["data-group"] for cell in page.cells("comparison", by="split")} == {"train", "test"}
    assert {cell["row"]["data-group"] for cell in page.cells("comparison", by="origin")} == {"photos", "painter"}


def test_the_matrix_says_what_each_generator_differs_in(page):
    (cell,) = page.cells("comparison", generator="Painter XL", property="format")
    assert (cell["text"], float(cell["attrs"]["data-value"])) == ("100", 1)
    (cell,) = page.cells("comparison", generator="Painter XL", property="mode")
    assert cell["text"] == "50"


def table_with(folder, rows: list[dict]) -> str:
    whole = {"format": "PNG", "width": 512, "height": 512, "n_bytes": 262144, "jpeg_quality": None, "frames": 1, "bit_depth": 8}
    whole |= {"origin": "o", "split": "train", "mode": "RGB"}
    made = [whole | {"generator": "G" * row["label"]} | row for row in rows]
    pq.write_table(pa.Table.from_pylist(made, manifest_schema()), folder / "manifest.parquet")
    return str(folder / "manifest.parquet")


def compared(folder, rows: list[dict]) -> dict:
    return {entry["key"]: entry for entry in compare(count_facts(table_with(folder, rows)))}


def test_guess_is_the_best_balanced_accuracy(tmp_path):
    real = [{"label": 0, "format": name} for name in ("JPEG", "JPEG", "PNG", "PNG")]
    fake = [{"label": 1, "format": name} for name in ("JPEG", "PNG", "PNG", "PNG")]
    made = compared(tmp_path, real + fake)
    # Best rule: JPEG is real (2 of 4 right), PNG is fake (3 of 4 right).
    assert made["format"]["guess"] == pytest.approx((2 / 4 + 3 / 4) / 2)
    assert made["width"]["guess"] == 0.5
    assert [bin["name"] for bin in made["width"]["bins"]] == ["512-1023"]
    assert [bin["name"] for bin in made["bytes_per_pixel"]["bins"]] == ["1-2"]
    (row,) = matrix(list(made.values()))
    assert (row["generator"], row["images"], row["worst"]) == ("G", 4, made["format"]["guess"])


def test_no_guess_without_two_classes(tmp_path):
    made = compared(tmp_path, [{"label": 1}, {"label": 1}])
    assert {entry["guess"] for entry in made.values()} == {None}
    assert made["jpeg_quality"]["bins"] == []


def test_odd_pictures_are_counted_with_examples(page, manifest):
    tiny = [row for row in manifest if min(row["width"], row["height"]) < 64]
    for generator in {row["generator"] for row in tiny}:
        *_, images, examples = page.cells("odd", kind="tiny", generator=generator)
        assert number(images) == sum(row["generator"] == generator for row in tiny)
        assert "48 \N{MULTIPLICATION SIGN} 128" in examples["text"]
    *_, images, examples = page.cells("odd", kind="truncated")
    assert number(images) == 2
    assert examples["text"] == "photos/truncated-1 why truncated; photos/truncated-0 why truncated"  # by rank
    assert not page.cells("odd", kind="spare")  # a choice


def test_pictures_are_in_the_page(page, folder):
    sheets = [element for element in page.elements if element["attrs"].get("class") == "sheet"]
    assert len(sheets) == 3
    images = [element["attrs"] for element in page.elements if element["tag"] == "img"]
    assert {image["title"] for image in images} <= {row["id"] for row in pq.read_table(folder / "manifest.parquet").to_pylist()}
    for image in images:
        Image.open(io.BytesIO(base64.b64decode(image["src"].split("base64,")[1]))).load()


def test_pictures_of_many_generators_are_fewer(tmp_path, folder):
    big = b"x" * (PICTURES // 60)
    rows = [
        {"label": 1, "origin": "painter", "generator": f"G{n}", "id": f"{n} {k}", "webp": big}
        for n in range(20)
        for k in range(9)
    ]
    pq.write_table(pa.Table.from_pylist(rows, THUMBNAIL), tmp_path / "many.parquet")
    page = Page(written(tmp_path, thumbnails=str(tmp_path / "many.parquet")))
    images = Counter(element["attrs"]["title"].split()[0] for element in page.elements if element["tag"] == "img")
    assert images == {str(n): 2 for n in range(20)}


def test_the_page_loads_nothing(page):
    assert not {"link", "iframe", "object", "embed", "base", "form", "video", "audio"} & {
        element["tag"] for element in page.elements
    }
    for element in page.elements:
        for name, value in element["attrs"].items():
            assert not name.startswith("on")
            if name in ("src", "srcset", "data", "poster"):
                assert value.startswith("data:image/")
    targets = [element["attrs"]["href"] for element in page.elements if "href" in element["attrs"]]
    assert {target for target in targets if not target.startswith("#")} == {card["homepage"] for card in CARDS.values()}
    (style,) = [element["text"] for element in page.elements if element["tag"] == "style"]
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_texts_stay_texts(tmp_path):
    attack = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    card = {
        "title": attack,
        "homepage": "javascript:alert(1)",
        "licence": attack,
        "access": "open",
        "kind": "urls",
        "citation": attack,
    }
    text = written(
        tmp_path, title=attack, description=attack, note=attack, cards=CARDS | {"photos": card}, versions={attack: attack}
    )
    page = Page(text)
    assert [element["text"] for element in page.elements if element["tag"] == "h1"] == [attack]
    assert sum(element["tag"] == "script" for element in page.elements) == 1
    assert all(element["attrs"]["src"].startswith("data:image/webp") for element in page.elements if element["tag"] == "img")
    assert not [element for element in page.elements if element["attrs"].get("href", "").startswith("javascript")]
    assert "<script>alert(1)" not in text


def test_the_same_tables_give_the_same_page(tmp_path, folder):
    assert written(tmp_path) == (folder / "report.html").read_text(encoding="utf-8")


def test_a_ledger_that_disagrees_is_an_error(tmp_path, folder):
    table = pq.read_table(folder / "ledger.parquet")
    pq.write_table(table.slice(1), tmp_path / "ledger.parquet")
    with pytest.raises(TouchstoneError, match="ledger keeps 0 images but the manifest holds 12"):
        written(tmp_path / "again", ledger=str(tmp_path / "ledger.parquet"))
