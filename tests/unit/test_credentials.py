"""credentials.py: secrets in addresses are named, filled in where they are sent, and shown nowhere."""

from __future__ import annotations

import pytest
from tests.servers import Server, running

from touchstone.credentials import bare, check_no_secrets, filled, named
from touchstone.download import Meter, download
from touchstone.errors import TouchstoneError
from touchstone.placing import lacking

SECRET = "c2lnbmVk/+=&x"  # noqa: S105 - of nothing


@pytest.fixture
def server():
    with running(Server()) as server:
        yield server


def test_a_variable_is_filled_in(monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "abc")
    address = "https://example.org/a.zip?token=${MY_TOKEN}&n=$1"
    assert named(address) == ["MY_TOKEN"]
    assert filled(address) == "https://example.org/a.zip?token=abc&n=$1"
    assert lacking(address, "open") == ""
    monkeypatch.delenv("MY_TOKEN")
    assert lacking(address, "open") == "needs MY_TOKEN in the environment"
    with pytest.raises(TouchstoneError, match="MY_TOKEN is not in the environment"):
        filled(address)


@pytest.mark.parametrize(
    "address",
    [
        "https://me:secret@example.org/a.zip",
        "https://example.org/a.zip?token=secret",
        "https://example.org/a.zip?a=1&X-Amz-Signature=secret",
        "https://example.org/a.zip?access_token=secret",
        "https://example.org/a.zip?sv=1&sig=secret",
        "https://example.org/a.zip?API-KEY=secret",
    ],
)
def test_a_secret_in_a_card_is_refused_and_not_told(address):
    for file in ({"path": "a", "source": address}, {"path": "a", "source": "https://a.org/", "mirrors": [address]}):
        with pytest.raises(TouchstoneError, match=r"write \$\{NAME\}") as error:
            check_no_secrets({"files": [file]}, "card.yaml")
        assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    ["https://example.org/a.zip?id=1&export=download&rlkey=x", "https://example.org/a.zip?token=${A}", "hub:a/b@" + "0" * 40],
)
def test_other_addresses_are_fine(address):
    check_no_secrets({"files": [{"path": "a", "source": address}]}, "card.yaml")


def test_what_is_shown_has_no_user_and_no_query():
    assert bare("https://me:pw@example.org:80/a/b?x=1#f") == "https://example.org:80/a/b?..."


@pytest.mark.parametrize("wrong", ["gone", "elsewhere", "long", "blank", "endless"])
def test_no_error_of_a_download_holds_it(server, tmp_path, progress, monkeypatch, wrong):
    monkeypatch.setenv("MY_TOKEN", SECRET + (" x" if wrong == "blank" else ""))
    address = server.put("a", b"data" * 100, **({"redirect": f"file:///etc/passwd?t={SECRET}"} if wrong == "elsewhere" else {}))
    address = f"{server.root}/none" if wrong == "gone" else address
    sizes = {"long": {"n_bytes": 10}, "endless": {"n_bytes": 10}}
    if wrong == "endless":
        server.files["/a"].chunked = True
    with pytest.raises(TouchstoneError) as error:
        download(f"{address}?token=${{MY_TOKEN}}", tmp_path / "a", Meter(progress), tries=1, **sizes.get(wrong, {}))
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    for text in (str(error.value), progress.streams[0].getvalue(), written):
        assert SECRET not in text
    if wrong in ("gone", "long"):
        assert server.queries == [f"token={SECRET}"]
