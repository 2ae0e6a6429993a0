"""recheck.py: everything is read again and compared with the receipts."""

from __future__ import annotations

import os

import pytest

from touchstone.errors import TouchstoneError
from touchstone.fetch import fetch_origin
from touchstone.files import read_json, write_json
from touchstone.recheck import recheck
from touchstone.staging import fetch_model


@pytest.fixture
def receipts(tmp_path, progress):
    """Receipts of an origin with a file and a folder, and of a model; all lie in ``mine``."""
    mine = tmp_path / "mine"
    for name in ("images/1.png", "images/2.png", "a.zip", "model/model_index.json", "model/unet/w.safetensors"):
        (mine / name).parent.mkdir(parents=True, exist_ok=True)
        (mine / name).write_bytes(name.encode())
    write_json(mine / "model/model_index.json", {"_class_name": "StableDiffusionPipeline"})
    common = {"placed": str(mine), "folder": str(tmp_path / "kept"), "receipt": str(tmp_path / "o.json"), "progress": progress}
    files = [{"path": "a.zip"}, {"path": "images/"}]
    fetch_origin(origin="o", card="o.yaml", files=files, access="manual", instructions="get them", **common)
    model = {"placed": str(mine / "model"), "folder": str(tmp_path / "models"), "receipt": str(tmp_path / "m.json")}
    fetch_model(name="m", sources=["path:x"], files={}, progress=progress, **model)
    return [str(tmp_path / "o.json"), str(tmp_path / "m.json")]


def test_what_is_the_same_passes(receipts, progress):
    recheck(receipts=receipts, progress=progress)
    assert "4 files and folders are what they were" in progress.streams[0].getvalue()


def test_all_that_changed_is_named_even_where_a_glance_sees_nothing(receipts, progress, tmp_path):
    for name in ("a.zip", "model/unet/w.safetensors"):
        path = tmp_path / "mine" / name
        when = path.stat().st_mtime_ns
        with path.open("r+b") as file:
            file.write(b"X")
        os.utime(path, ns=(when, when))
    (tmp_path / "mine/images/2.png").unlink()
    with pytest.raises(TouchstoneError, match=r"^3 of 4 are not what they were") as error:
        recheck(receipts=receipts, progress=progress)
    assert "a.zip: its sha256 is " in error.value.what
    assert "w.safetensors: its sha256 is " in error.value.what
    assert "images holds 1 files of 12 bytes, it held 2 of 24" in error.value.what


def test_what_is_gone_is_named(receipts, progress, tmp_path):
    (tmp_path / "mine/a.zip").unlink()
    with pytest.raises(TouchstoneError, match=r"a\.zip is gone"):
        recheck(receipts=receipts, progress=progress)


def test_files_of_a_folder_whose_checksums_are_known(receipts, progress):
    receipt = read_json(receipts[0])
    receipt["files"][1]["contents"] = {"1.png": "md5:" + "0" * 32}
    write_json(receipts[0], receipt)
    with pytest.raises(TouchstoneError, match=r"1\.png: its md5 is [0-9a-f]{32}, it was 0{32}"):
        recheck(receipts=receipts, progress=progress)
