"""inventory.py: one table of what is there, and one error that names all that is missing."""

from __future__ import annotations

import pytest
import yaml
from tests.building import HOME
from tests.unit.test_plan import CONFIG, FILES

from touchstone.catalogue import Catalogue
from touchstone.errors import TouchstoneError
from touchstone.inventory import check_origins, require, stock, table


@pytest.fixture
def load(tmp_path, monkeypatch):
    """``load({"cards/a.yaml": {...}}, paths={...})`` → the catalogue with these keys changed; it runs in ``work``."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")

    def run(changes: dict | None = None, **config: object) -> Catalogue:
        for name, content in FILES.items():
            path = tmp_path / "home" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(yaml.safe_dump(content | (changes or {}).get(name, {})), encoding="utf-8")
        for name in ("list.csv", "prompts.csv"):
            (tmp_path / "home/cards" / name).write_text("id\n1\n", encoding="utf-8")
        return Catalogue(CONFIG | config, home=tmp_path / "home")

    return run


MANUAL = {
    "cards/photos.yaml": {"access": "agreement", "instructions": "sign the form", "files": [{"path": "a.zip"}, {"path": "b/"}]},
    "cards/urls.yaml": {"access": "manual", "instructions": "ask Bob", "files": [{"path": "list.csv", "size": 9}]},
}


def test_every_origin_and_model_has_a_line(load):
    lines = table(stock(load()), "mine: Mine").splitlines()
    assert lines[0] == "mine: Mine"
    assert lines[2].split() == ["origin", "kind", "access", "there", "to", "fetch", "missing", "size", "lies", "in"]
    cells = {line.split("  ")[0]: line.split() for line in lines[4:8]}
    assert cells["photos"][1:] == ["archive", "open", "0", "of", "2", "1", "1", "5.0", "MB", "resources/archives/photos"]
    assert cells["painter"][1:6] == ["generate", "open", "1", "of", "1"]
    assert "1" in cells["model tiny"]
    assert lines[-2].startswith("to fetch: 1 file(s) and folders, 4.0 MB; free here: ")
    assert lines[-1] == "in the way: 1 origin(s)"


def test_all_that_is_missing_is_named_in_one_go(load, tmp_path):
    models = {"cards/models.yaml": {"tiny": {"sources": [f"path:{tmp_path}/m"], "generator": "tiny_sd", "licence": "MIT"}}}
    with pytest.raises(TouchstoneError) as error:
        require(load(MANUAL | models), ["photos", "urls", "painter", "model tiny"])
    text = str(error.value)
    assert text.startswith("3 origins and models cannot be used yet")
    for said in ("not there: a.zip, b/", "sign the form", "not there: list.csv", "ask Bob", f"there is no folder {tmp_path}/m"):
        assert said in text
    assert "snakemake check_origins" in error.value.mend


def test_what_is_not_needed_now_is_not_asked_for(load):
    catalogue = load(MANUAL)
    require(catalogue, ["painter"])
    with pytest.raises(TouchstoneError, match=r"^1 file\(s\) of origin 'urls' are not there: list.csv"):
        require(catalogue, ["urls", "painter"])


def test_placed_files_count_and_short_ones_do_not(load, tmp_path):
    (tmp_path / "mine/b").mkdir(parents=True)
    (tmp_path / "mine/a.zip").write_bytes(b"x")
    (tmp_path / "mine/b/1.png").write_bytes(b"x")
    changes = {"cards/photos.yaml": MANUAL["cards/photos.yaml"] | {"files": [{"path": "a.zip"}, {"path": "b/", "items": 2}]}}
    paths = {"photos": str(tmp_path / "mine")}
    with pytest.raises(TouchstoneError, match="'photos': b/ holds 1 files, its card says 2"):
        require(load(changes, paths=paths), ["photos"])
    require(load(changes, paths=paths, incomplete=["photos"]), ["photos"])


def test_the_check_prints_its_table_writes_its_log_and_fails(load, tmp_path, capsys):
    with pytest.raises(TouchstoneError, match="2 origins"):
        check_origins(load(MANUAL), "logs/check.txt")
    printed = capsys.readouterr().out
    assert printed == (tmp_path / "work/logs/check.txt").read_text(encoding="utf-8")
    (tmp_path / "work/resources/archives/photos/b").mkdir(parents=True)
    for name in ("photos/a.zip", "photos/b/1.png"):
        (tmp_path / "work/resources/archives" / name).write_bytes(b"x")
    (tmp_path / "work/resources/archives/urls").mkdir()
    (tmp_path / "work/resources/archives/urls/list.csv").write_bytes(b"id,url\n1,")
    check_origins(load(MANUAL), "logs/check.txt")
    assert "nothing is in the way of a build" in capsys.readouterr().out


def test_a_service_needs_its_key_and_a_budget_that_is_enough(monkeypatch):
    config = yaml.safe_load((HOME / "config/config.yaml").read_text(encoding="utf-8")) | {"dataset": "coco_gpt_image_2"}
    catalogue, name = Catalogue(config, HOME), "service coco_gpt_image_2"
    service = catalogue.card("coco_gpt_image_2")["service"]
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(TouchstoneError, match=r"needs OPENAI_API_KEY in the environment[\s\S]*then export OPENAI_API_KEY="):
        require(catalogue, [name])
    monkeypatch.setenv("OPENAI_API_KEY", "sk-mine")
    require(catalogue, [name])
    service["budget"] = 1200 * service["price"]
    require(catalogue, [name])
    service["budget"] -= service["price"]
    with pytest.raises(TouchstoneError, match=r"1,200 calls at 0\.007 are more than the budget"):
        require(catalogue, [name])
    service |= {"key": "sk-mine", "budget": 10}
    with pytest.raises(TouchstoneError, match="never write the key itself") as error:
        require(catalogue, [name])
    assert "sk-mine" not in str(error.value) + table(stock(catalogue, names=[name]), "")
