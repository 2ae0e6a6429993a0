"""placing.py: what a glance tells of files that are there, could be had, or must be got by a person."""

from __future__ import annotations

import os
import time

import pytest

from touchstone.placing import COUNTED, Found, complaint, count, in_the_way, look, look_at_model, unneeded

COMMIT = "1" * 40


@pytest.fixture
def glance(tmp_path, monkeypatch):
    """``glance(path="a.zip", **entry)`` → ``Found``; the user's files lie in ``mine``, the card in ``cards``."""
    for name in ("HF_TOKEN", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()

    def run(path: str = "a.zip", access: str = "open", incomplete: bool = False, **entry: object) -> Found:
        return look(
            {"path": path} | entry,
            card=str(tmp_path / "cards/x.yaml"),
            access=access,
            placed=str(tmp_path / "mine"),
            folder=tmp_path / "kept",
            incomplete=incomplete,
        )

    return run


def test_where_a_file_is_looked_for(glance, tmp_path):
    assert glance().state == "missing"
    for folder, source in (("kept", None), ("cards", "card:a.zip"), ("mine", "card:a.zip")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "a.zip").write_bytes(b"x")
        assert glance(**({"source": source} if source else {})).path == tmp_path / folder / "a.zip"


@pytest.mark.parametrize(
    ("source", "state"),
    [
        ("https://example.org/a.zip", "remote"),
        ("zenodo:123", "remote"),
        (f"hub:a/b@{COMMIT}", "remote"),
        ("demo:photos.zip", "made"),
        ("card:a.zip", "missing"),
        ("kaggle:a/b", "locked"),
    ],
)
def test_what_is_not_there_may_be_had(glance, source, state):
    assert glance(source=source).state == state


def test_a_token_opens_what_needs_one(glance, monkeypatch, tmp_path):
    source = f"hub:a/b@{COMMIT}"
    locked = glance(source=source, access="agreement")
    assert (locked.state, "HF_TOKEN" in locked.why) == ("locked", True)
    assert glance(source=source, access="agreement", mirrors=["https://example.org/a.zip"]).state == "remote"
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    found = glance(source=source, access="agreement")
    assert found.state == "remote"
    assert "hf_secret" not in str(found)
    (tmp_path / ".kaggle").mkdir()
    (tmp_path / ".kaggle/kaggle.json").touch()
    assert glance(source="kaggle:a/b", access="account").state == "remote"


def test_faults_that_a_glance_sees(glance, tmp_path):
    mine = tmp_path / "mine"
    (mine / "a.zip").touch()
    assert glance().why == "is empty"
    (mine / "a.zip").write_bytes(b"123")
    assert glance().state == glance(size=3).state == "there"
    assert glance(size=4).why == "has 3 bytes, its card says 4"
    (mine / "images").mkdir()
    assert glance("images/").why == "is empty"
    assert glance("images").why == "is a folder, and should be a file"
    assert glance("a.zip/").why == "is a file, and should be a folder"
    (mine / "images/sub").mkdir()
    (mine / "images/sub/1.png").write_bytes(b"x")
    assert glance("images/").state == glance("images/", items=1).state == "there"
    assert glance("images/", items=2).why == "holds 1 files, its card says 2"
    assert glance("images/", items=2, incomplete=True).state == "there"
    (mine / "gone.zip").symlink_to(tmp_path / "nowhere.zip")
    assert "nowhere.zip, which is not there" in glance("gone.zip", source="https://example.org/gone.zip").why


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(glance, tmp_path):
    (tmp_path / "mine/a.zip").write_bytes(b"x")
    (tmp_path / "mine/a.zip").chmod(0)
    assert glance().why == "may not be read"


def test_a_huge_folder_is_counted_until_enough_was_seen(glance, tmp_path):
    (tmp_path / "files").mkdir()
    for name in range(500):
        (tmp_path / "files" / f"{name}.png").touch()
    (tmp_path / "mine/images").mkdir()
    for number in range(50):  # 25,000 files, seen through links
        (tmp_path / "mine/images" / str(number)).symlink_to(tmp_path / "files")
    begin = time.process_time()
    found = glance("images/", items=10_000_000)
    assert time.process_time() - begin < 2
    assert found.state == "there", "a glance cannot know better"
    assert count(tmp_path / "mine/images", COUNTED) == COUNTED


def test_links_that_go_round_end(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/round").symlink_to(tmp_path / "a")
    assert count(tmp_path / "a", 100) == 0


# -- what is in the way ------------------------------------------------------------------------------


def names(found: list[Found]) -> list[str]:
    return [each.name for each in found]


def test_what_a_build_can_do_without(tmp_path):
    there, missing = Found("a", "there"), Found("b", "missing")
    assert names(in_the_way([there, missing])) == ["b"]
    spare = Found("b", "missing", optional=True)
    assert in_the_way([there, spare]) == []
    assert names(in_the_way([spare])) == ["b"], "an origin with nothing is of no use"
    assert names(in_the_way([there, Found("c", "wrong", optional=True)])) == ["c"]


def test_one_of_a_choice_is_enough():
    captions, folder, archive = (
        Found("captions", "there"),
        Found("t/", "missing", choice=True),
        Found("t.zip", "missing", choice=True),
    )
    assert names(in_the_way([captions, folder, archive])) == ["t/", "t.zip"]
    error = complaint("x", [captions, folder, archive], card="x.yaml", access="manual", instructions="", lies="here")
    assert error.what == "1 file(s) of origin 'x' are not there: any of t/, t.zip"
    assert in_the_way([captions, folder, Found("t.zip", "there", choice=True)]) == []
    assert in_the_way([captions, folder, Found("t.zip", "remote", choice=True)]) == []
    assert names(unneeded([Found("t/", "there", choice=True), Found("t.zip", "remote", choice=True)])) == ["t.zip"]
    assert names(unneeded([folder, Found("t.zip", "remote", choice=True)])) == ["t/"]


def test_the_complaint_names_everything():
    found = [Found("a", "missing"), Found("b/", "wrong", why="is empty"), Found("c", "locked", why="needs HF_TOKEN")]
    error = complaint("x", [*found, Found("d", "remote")], card="x.yaml", access="agreement", instructions="sign", lies="/data")
    assert error.what == "2 file(s) of origin 'x' are not there: a, c; b/ is empty"
    assert error.where == "/data (card x.yaml, access: agreement)"
    assert error.mend.startswith("sign; or needs HF_TOKEN; or name another folder")
    assert complaint("x", [Found("d", "remote")], card="", access="open", instructions="", lies="") is None


# -- models ------------------------------------------------------------------------------------------


def test_a_model_is_there_can_be_had_or_is_missing(tmp_path):
    def state(*sources: str, placed: str | None = None) -> str:
        return look_at_model(list(sources), placed=placed, folder=tmp_path / "kept").state

    hub = f"hub:a/b@{COMMIT}"
    assert state(hub) == state(f"path:{tmp_path}/none", hub) == "remote"
    assert state("demo:x") == "made"
    assert state(f"path:{tmp_path}/none") == state(hub, placed=f"{tmp_path}/none") == "missing"
    kept = tmp_path / f"kept/hub_a_b_{COMMIT}"
    kept.mkdir(parents=True)
    assert state(hub) == "wrong"
    (kept / "model_index.json").touch()
    assert state(hub) == state(hub, placed=str(kept)) == "there"
