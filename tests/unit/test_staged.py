"""staged.py: what a receipt names is there, or the file that is not is named."""

from __future__ import annotations

import json

import pytest

from touchstone.errors import TouchstoneError
from touchstone.staged import require_staged


@pytest.fixture
def origin(tmp_path):
    file = tmp_path / "photos.zip"
    file.write_bytes(b"12345")
    receipt = tmp_path / "photos.json"
    receipt.write_text(json.dumps({"origin": "photos", "files": [{"name": "photos.zip", "path": str(file), "size": 5}]}))
    return receipt, file


@pytest.fixture
def model(tmp_path):
    file = tmp_path / "weights/unet/model.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"12345")
    receipt = tmp_path / "tiny.json"
    receipt.write_text(json.dumps({"model": "tiny", "path": str(tmp_path / "weights"), "files": {"unet/model.safetensors": "0"}}))
    return receipt, file


@pytest.mark.parametrize("kind", ["origin", "model"])
def test_what_is_there_passes_and_a_file_that_is_gone_is_named(kind, request):
    receipt, file = request.getfixturevalue(kind)
    require_staged(str(receipt))
    require_staged.cache_clear()
    file.unlink()
    with pytest.raises(TouchstoneError, match="gone") as error:
        require_staged(str(receipt))
    assert error.value.where == file
    assert f"delete {receipt}" in error.value.mend


def test_a_link_that_leads_nowhere_is_gone(origin):
    receipt, file = origin
    file.unlink()
    file.symlink_to(file.parent / "elsewhere.zip")
    with pytest.raises(TouchstoneError, match="gone"):
        require_staged(str(receipt))


def test_a_file_of_another_size_is_told(origin):
    receipt, file = origin
    file.write_bytes(b"123")
    with pytest.raises(TouchstoneError, match="another size"):
        require_staged(str(receipt))


def test_a_receipt_that_is_still_to_come_is_no_fault(tmp_path):
    require_staged(str(tmp_path / "none.json"))


def test_files_that_were_moved_to_where_the_configuration_says_are_no_fault(origin, tmp_path):
    receipt, file = origin
    (tmp_path / "new").mkdir()
    with pytest.raises(TouchstoneError, match="gone"):
        file.rename(tmp_path / "elsewhere.zip")
        require_staged(str(receipt), str(tmp_path / "new"))
    (tmp_path / "elsewhere.zip").rename(tmp_path / "new/photos.zip")
    require_staged.cache_clear()
    require_staged(str(receipt), str(tmp_path / "new"))
