"""A build among strangers: with secrets in its environment, and images whose names and texts want to be more than texts."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from tests import web
from tests.archives import archive
from tests.building import Workplace
from tests.pictures import drawing, encode
from tests.servers import Hub, running

SECRETS = {
    "HF_TOKEN": "hf_QkZWb0xqRml4ZWRUb2tlbg",
    "SIGNED": "c2lnbmVkLWFkZHJlc3M",
    "KAGGLE_KEY": "a3f0c2bd95e14477kaggle",
    "MODELSCOPE_API_TOKEN": "ms-51bd3c8e-modelscope",
    "OPENAI_API_KEY": "sk-proj-Zm9yYmlkZGVu",
}
PASSWORD = "correct-horse-battery"  # noqa: S105 - of nothing
COMMIT = "0123456789abcdef" * 2 + "01234567"
ATTACK = '"><script>alert(1)</script><img src=x onerror=alert(1)> [x](javascript:alert(1)) | `x` \u202egnp.exe\n---\nlicense: mit'
NAMES = [
    "<script>alert(1)<script>",
    '"><img src=x onerror=alert(1)>',
    "=HYPERLINK('http:evil')",
    "+1-1",
    "@SUM(A1)",
    "[click](javascript:alert(1))",
    "\u202egnp.exe",
    "a,b\"c'd;e",
    "new\nline",
    "con",
    "cafe\u0301",
    "café",
    "%2e%2e%2fup",
    "{{ 7*7 }}${jndi:ldap}",
    "x" * 150,
    "tab\tand\x7fcontrol",
]


def card(**changes: object) -> dict:
    return {
        "title": ATTACK,
        "homepage": "https://example.org/<b>",
        "citation": ATTACK,
        "licence": ATTACK,
        "access": "open",
        "kind": "archive",
        "recipe": {"revision": 1, "reader": {"name": "folders"}},
        "examples": [{"given": "a.png", "expect": {"label": 0}}],
    } | changes


def images(names: list[str], start: int) -> dict[str, bytes]:
    return {f"{name}.png": encode(drawing((80, 70), seed=start + seed), "PNG") for seed, name in enumerate(names)}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The build's folder, and what it printed."""
    folder = tmp_path_factory.mktemp("hostile")
    place = Workplace(folder)
    data = {name: archive(folder, ".zip", images(NAMES, start)).read_bytes() for name, start in (("signed", 0), ("gated", 100))}
    lines = [["id", "url", "text"], *([f"p{row}", f"http://user:pw@h{row}.test/photo/{row}", ATTACK] for row in range(20))]
    with running(Hub()) as hub, web.serving() as served, pytest.MonkeyPatch.context() as environment:
        hub.push("dataset", "a/b", COMMIT, {"gated.zip": data["gated"]}, token=SECRETS["HF_TOKEN"])
        good = hub.put("signed.zip", data["signed"])
        for name, value in SECRETS.items():
            environment.setenv(name, value)
        environment.setenv("HF_ENDPOINT", hub.root)
        environment.setenv("http_proxy", served.proxy.replace("//", f"//user:{PASSWORD}@"))
        environment.setenv("no_proxy", "127.0.0.1")
        sources = {"source": f"{hub.root}/none.zip?token=${{SIGNED}}", "mirrors": [f"{good}?token=${{SIGNED}}"]}
        write(place, "origins/signed.yaml", card(files=[{"path": "signed.zip", **sources}]))
        gated = {"path": "gated.zip", "source": f"hub:a/b@{COMMIT}"}
        write(place, "origins/gated.yaml", card(files=[gated], access="account", instructions="ask"))
        listed = card(kind="urls", files=[{"path": "list.csv", "source": "card:../lists/mine.csv"}])
        listed["recipe"] = {"revision": 1, "reader": {"name": "laion"}, "retries": 0}
        write(place, "origins/listed.yaml", listed)
        with open(place.folder / "config/lists/mine.csv", "w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines)
        reals = {"signed": {"quota": 12}, "gated": {"quota": 12}, "listed": {"quota": 12}}
        content = {"title": ATTACK, "description": ATTACK, "note": ATTACK, "seed": 1, "splits": {"train": 0.5, "test": 0.5}}
        content |= {"fakes": {"demo_sd": {"quota": 8}}, "reals": reals, "screen": {"near_duplicate_bits": 0}}
        content |= {"exports": ["imagefolder", "webdataset"], "gates": {"rejected": {"limit": 0.9}}}
        write(place, "datasets/demo.yaml", content)
        said = place.run(cores=4)
        assert "none.zip" in said  # the first source failed, and was told of
        assert hub.queries.count("token=" + SECRETS["SIGNED"]) == 2
    return place, said


def write(place: Workplace, name: str, content: dict) -> None:
    (place.folder / "config" / name).write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")


def texts(path: Path) -> list[bytes]:
    """What a file holds, as it lies there and decompressed."""
    found = [path.read_bytes()]
    if path.suffix == ".parquet":
        table = pq.read_table(path)
        found += [repr(table.schema.metadata).encode(), *(repr(row).encode() for row in table.to_pylist())]
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as opened:
            found += [opened.read(name) for name in opened.namelist()]
    return found


@pytest.mark.slow
def test_no_secret_is_written_anywhere(built):
    place, said = built
    secrets = [value.encode() for value in (*SECRETS.values(), PASSWORD)]
    files = [path for path in place.work.rglob("*") if path.is_file()]
    assert len(files) > 50
    assert any(".snakemake" in path.parts for path in files)
    assert any(path.parts[-2] == "fetch_origin" for path in files)
    held = {(path, secret) for path in files for text in texts(path) for secret in secrets if secret in text}
    held |= {("the terminal", secret) for secret in secrets if secret in said.encode()}
    assert not held


class Elements(HTMLParser):
    """Start tags of a page, with their attributes."""

    def __init__(self, text: str):
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.mark.slow
def test_names_and_texts_stay_texts(built):
    place, _ = built
    results = place.work / "results/demo"
    page = Elements((results / "report.html").read_text(encoding="utf-8")).found
    assert sum(tag == "script" for tag, _ in page) == 1
    assert all(attributes["src"].startswith("data:image/") for tag, attributes in page if tag == "img")
    for _, attributes in page:
        assert not [name for name in attributes if name.startswith("on")]
        assert "javascript:" not in (attributes.get("href") or "")
    _, metadata, body = re.split("^---\n", (results / "README.md").read_text(encoding="utf-8"), maxsplit=2, flags=re.MULTILINE)
    body = re.sub("^    .*$", "", body, flags=re.MULTILINE)  # what is indented is shown as it is
    assert len(yaml.safe_load(metadata)["configs"]) == 1
    assert yaml.safe_load(metadata)["license"] == "other"
    assert not re.search(r"<(script|img)|(?<!\\)\]\(javascript", body)
    assert "\u202e" not in body
    assert json.loads((results / "croissant.json").read_text(encoding="utf-8"))["name"]


@pytest.mark.slow
def test_every_name_is_kept_as_it_is_and_none_becomes_a_place(built):
    place, _ = built
    manifest = place.table("manifest.parquet").to_pylist()
    ids = {row["id"] for row in manifest if row["origin"] == "signed"}
    assert ids <= {f"signed/{name}" for name in NAMES}
    assert len(ids) == 12
    rows = {row["id"] for row in manifest}
    exports = place.work / "results/demo/exports"
    assert {path.relative_to(exports).parts[0] for path in exports.rglob("*") if path.is_file()} == {"imagefolder", "webdataset"}
    for table in exports.rglob("metadata.csv"):
        with open(table, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                assert (table.parent / row["file_name"]).is_file()
                assert row.get("id", next(iter(rows))) in rows
