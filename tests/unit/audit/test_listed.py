"""audit/listed.py: what a published list gives away, by its names alone or by the files it names."""

from __future__ import annotations

import json

import pytest
from tests.pictures import drawing, encode

from touchstone.audit.listed import audit_list, main
from touchstone.errors import TouchstoneError

IMAGINET = ["path", "label", "content", "type", "model"]


def test_imaginets_published_test_list_gives_away_78_75_per_cent(shared_data, progress):
    """Real images are 14,000 jpg and 6,000 png, fakes 10,000 png, 7,500 webp and 2,500 jpg."""
    path = str(shared_data / "lists/imaginet/test_annotations.txt")
    found = audit_list(path, fields=IMAGINET, columns=("path", "label", "model"), progress=progress)
    assert (found["rows"], found["reals"]) == (40_000, 20_000)
    assert found["extensions"] == {"jpg": [14_000, 2_500], "png": [6_000, 10_000], "webp": [0, 7_500]}
    assert found["guess"] == 0.7875
    # By hand, ties counted half: webp above all, then png, then jpg.
    above = (7_500 * 20_000 + 10_000 * 14_000 + (10_000 * 6_000 + 2_500 * 14_000) / 2) / 20_000**2
    assert found["overall"]["low"] < above < found["overall"]["high"]
    assert found["generators"]["3"]["auroc"] == 1  # all of it are webp


def test_the_published_perturbed_list_gives_nothing_away(shared_data, progress):
    found = audit_list(str(shared_data / "lists/imaginet/test_all.txt"), fields=IMAGINET, progress=progress)
    assert (found["guess"], found["overall"]["auroc"]) == (0.5, 0.5)


def test_published_pictures_are_measured_where_they_lie(shared_data, progress):
    found = audit_list(
        str(shared_data / "images.csv"),
        columns=("file", "label", "generator"),
        folder=str(shared_data / "images"),
        progress=progress,
    )
    assert (found["rows"], found["reals"], found["rejected"]) == (35, 14, {})
    assert found["overall"]["images"] == 35
    assert {fact["fact"] for fact in found["facts"]} >= {"extension", "format", "width", "jpeg_quality"}


@pytest.fixture
def folder(tmp_path):
    """30 reals and 30 fakes, all called jpg; the fakes are of another quality. One is missing, one is no image."""
    lines = ["name,kind"]
    for number in range(60):
        fake = number % 2
        (tmp_path / f"{number}.jpg").write_bytes(encode(drawing(seed=number), "JPEG", quality=60 if fake else 90))
        lines.append(f"./{number}.jpg,{'generated' if fake else 'Real'}")
    (tmp_path / "3.jpg").unlink()
    (tmp_path / "4.jpg").write_bytes(b"no image")
    (tmp_path / "list.csv").write_text("\n".join([*lines, "../list.csv,real", ""]), encoding="utf-8")
    return tmp_path


def test_what_names_hide_the_files_tell(folder, progress):
    path, columns = str(folder / "list.csv"), ("name", "kind", "")
    blind = audit_list(path, columns=columns, progress=progress)
    assert blind["guess"] < 0.52
    seen = audit_list(path, columns=columns, folder=str(folder), progress=progress)
    assert seen["overall"]["auroc"] > 0.99
    assert seen["overall"]["images"] == 58
    assert seen["rejected"] == {"missing": 1, "unreadable": 1, "refused_path": 1}


def test_the_command_prints_and_writes(folder, capsys):
    arguments = [str(folder / "list.csv"), "--path", "name", "--label", "kind", "--folder", str(folder)]
    assert main([*arguments, "--out", str(folder / "found.json")]) == 0
    told = capsys.readouterr().out
    assert "61 images: 31 real, 30 fake" in told
    assert "jpeg_quality alone" in told
    assert "1 missing" in told
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    assert f"{found['overall']['auroc']:.3f}" in told


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"columns": ("name", "label", "")}, "no column 'label'"),
        ({"columns": ("name", "kind", ""), "real": {"photograph"}}, "all 61 rows are fake"),
        ({"columns": ("path", "kind", ""), "fields": ["name", "kind"]}, "no field is called path"),
        ({"columns": ("name", "kind", ""), "folder": "/nowhere"}, "none of 61 files is an image"),
    ],
)
def test_what_cannot_be_audited_is_refused(folder, progress, options, said):
    with pytest.raises(TouchstoneError, match=said):
        audit_list(str(folder / "list.csv"), progress=progress, **options)


def test_a_list_that_is_not_there_is_one_message(tmp_path, capsys):
    assert main([str(tmp_path / "gone.csv")]) == 2
    assert main([str(tmp_path / "gone.txt"), "--fields", "path,label"]) == 2
    told = capsys.readouterr().err
    assert "gone.csv" in told
    assert "gone.txt" in told
    assert "Traceback" not in told


def test_a_list_without_rows_is_one_message(tmp_path, capsys):
    (tmp_path / "empty.txt").touch()
    assert main([str(tmp_path / "empty.txt"), "--fields", "path,label"]) == 2
    assert "the list holds no row" in capsys.readouterr().err
