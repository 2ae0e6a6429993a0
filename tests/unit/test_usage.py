"""usage.py: which files an origin's index uses, and what its lists name in vain."""

from __future__ import annotations

import csv

import pytest
from tests.building import HOME
from tests.trees_imaginet import FILES, HOSTILE, MISSING, UNUSED, annotations, contents, pack

from touchstone.checking import load_checked
from touchstone.files import write_json
from touchstone.listing import list_origin
from touchstone.usage import list_files

GENERATORS = load_checked("generators", HOME / "config/origins/generators.yaml")


@pytest.fixture
def told(tmp_path, progress):
    """``told(names of files)`` → ``({state: {member: row}}, what was said)`` of a release in ``tmp_path``."""

    def run(*names: str) -> tuple[dict, str]:
        card = load_checked("origin", HOME / "config/origins/imaginet_release.yaml")
        receipt, index, table = (str(tmp_path / name) for name in ("receipt.json", "index.parquet", "files.csv"))
        write_json(receipt, {"files": [{"name": name, "path": str(tmp_path / name)} for name in names]})
        list_origin(
            origin="imaginet_release",
            receipt=receipt,
            recipe=card["recipe"],
            generators={key: GENERATORS[key] for key in card["generators"]},
            kind="archive",
            licence="",
            index=index,
            progress=progress,
        )
        list_files(receipt=receipt, index=index, options=card["recipe"]["reader"], table=table, progress=progress)
        found: dict = {"used": {}, "unused": {}, "missing": {}}
        with open(table, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found[row["state"]][row["member"]] = row
        return found, progress.streams[0].getvalue()

    return run


@pytest.mark.parametrize(("kind", "file"), [("/", "imaginet/"), (".7z.001", "imaginet.7z.001")])
def test_used_unused_and_missing(told, tmp_path, kind, file):
    members = contents(str.encode)
    pack(tmp_path, kind, "imaginet", members)
    annotations(tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    found, said = told(file, "annotations/test_annotations.txt", "annotations/train_annotations.txt")
    assert set(found["used"]) == set(FILES)
    assert set(found["unused"]) == {*UNUSED, *HOSTILE}
    assert set(found["missing"]) == {f"./{MISSING}", "./photozilla/dataset/food/1.jpg"}
    assert {found["unused"][member]["why"] for member in UNUSED} == {"no list names it"}
    assert all(row["why"] for state in ("unused", "missing") for row in found[state].values())
    assert all((row["bytes"] == str(len(members[name]))) == (kind == "/") for name, row in found["used"].items())
    assert f"{len(FILES)} used" in said
    assert {path: path.read_bytes() for path in before} == before


def test_of_two_copies_one_is_used(told, tmp_path):
    pack(tmp_path, "/", "imaginet", contents(str.encode))
    pack(tmp_path, ".7z.001", "imaginet", contents(str.encode))
    found, _ = told("imaginet/", "imaginet.7z.001")
    assert {row["file"] for row in found["used"].values()} == {"imaginet/"}
    assert found["unused"]["val2017/000000261535.jpg"]["why"] == "the same image lies elsewhere, too"


def test_lists_are_compared_with_their_whole(told, tmp_path):
    pack(tmp_path, "/", "imaginet", contents(str.encode))
    annotations(tmp_path)
    whole = (tmp_path / "annotations/test_annotations.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    for name, rows in {"gan": [*whole[4:6], whole[4]], "sd": [whole[0]], "midjourney": [whole[0]], "dalle3": [whole[1]]}.items():
        (tmp_path / f"annotations/test_annotations_{name}.txt").write_text("".join(rows), encoding="utf-8")
    names = [path.relative_to(tmp_path).as_posix() for path in (tmp_path / "annotations").iterdir()]
    _, said = told("imaginet/", *names)
    assert f"4 images, 4 of the {len(whole)} in annotations/test_annotations.txt" in said
    assert "(2 1 times, 2 2 times); 1 rows repeat one of their list" in said
    assert "not compared, as not there: annotations/test_all.txt" in said


def test_names_that_are_no_text_are_written_down(told, tmp_path):
    pack(tmp_path, "/", "imaginet", contents(str.encode))
    (tmp_path / "imaginet/dalle3/\udcfc.png").write_bytes(b"")
    found, _ = told("imaginet/")
    assert found["unused"]["dalle3/\\udcfc.png"]["why"] == "not a safe name"
