"""fetch.py against a real web server on loopback that cuts, lies and refuses."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from touchstone.errors import TouchstoneError
from touchstone.fetch import download, fetch_model, fetch_origin
from touchstone.files import read_json

DATA = bytes(range(256)) * 20_000  # 5 MB
SHA = hashlib.sha256(DATA).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves ``DATA`` at every path; what it does wrong is in the path's name."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.ranges: list[str | None] = []  # of every request, in order
        self.cut_at: int | None = None  # bytes of an answer after which the connection is cut

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1]) if asked and "norange" not in self.path else 0
        if self.path.startswith("/404"):
            self.send_error(404, "Not Found")
            return
        if self.path.startswith("/garbage"):
            self.wfile.write(b"this is not HTTP\r\n\r\n")
            self.close_connection = True
            return
        if start >= len(DATA):
            self.send_response(416, "Range Not Satisfiable")
            self.send_header("Content-Range", f"bytes */{len(DATA)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(DATA) - 1}/{len(DATA)}")
        body = DATA[start:][: self.server.cut_at]
        self.close_connection = True
        if self.path.startswith("/chunked"):
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(f"{len(DATA) - start:x}\r\n".encode() + body)
            if self.server.cut_at is None:
                self.wfile.write(b"\r\n0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(DATA) - start))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """The tests look at ``Server.ranges``."""


@pytest.fixture(scope="module")
def _running() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def server(_running: Server) -> Server:
    _running.ranges, _running.cut_at = [], None
    return _running


# -- download ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["plain.zip", "chunked.zip"])
def test_a_file_arrives_whole(server, tmp_path, progress, path):
    download(server.url(path), tmp_path / "new" / "a.zip", progress)
    assert (tmp_path / "new" / "a.zip").read_bytes() == DATA
    assert [entry.name for entry in (tmp_path / "new").iterdir()] == ["a.zip"]


@pytest.mark.parametrize("path", ["plain.zip", "chunked.zip"])
def test_a_cut_download_keeps_what_came_and_goes_on_from_there(server, tmp_path, progress, path):
    server.cut_at = 3_000_000
    with pytest.raises(
        TouchstoneError, match=r"(ended after 3,000,000 of 5,120,000|broke off)[\s\S]*goes on from there"
    ) as error:
        download(server.url(path), tmp_path / "a.zip", progress)
    assert error.value.where == server.url(path)
    assert not (tmp_path / "a.zip").exists()
    have = (tmp_path / "a.zip.part").stat().st_size
    assert 0 < have <= 3_000_000
    server.cut_at = None
    download(server.url(path), tmp_path / "a.zip", progress)
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert server.ranges == [None, f"bytes={have}-"]
    assert not (tmp_path / "a.zip.part").exists()


def test_a_server_that_knows_no_ranges_starts_anew(server, tmp_path, progress):
    (tmp_path / "a.zip.part").write_bytes(DATA[:1_000_000])
    download(server.url("norange.zip"), tmp_path / "a.zip", progress)
    assert server.ranges == ["bytes=1000000-"]
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_a_run_killed_before_the_renaming_fetches_nothing_again(server, tmp_path, progress):
    (tmp_path / "a.zip.part").write_bytes(DATA)
    download(server.url("plain.zip"), tmp_path / "a.zip", progress)
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert server.ranges == [f"bytes={len(DATA)}-"]


def test_a_part_longer_than_the_file_is_dropped(server, tmp_path, progress):
    (tmp_path / "a.zip.part").write_bytes(DATA + b"more")
    with pytest.raises(TouchstoneError, match=r"416[\s\S]*run again"):
        download(server.url("plain.zip"), tmp_path / "a.zip", progress)
    assert not list(tmp_path.iterdir())
    download(server.url("plain.zip"), tmp_path / "a.zip", progress)
    assert (tmp_path / "a.zip").read_bytes() == DATA


def test_a_refusal_names_status_address_and_mend(server, tmp_path, progress):
    with pytest.raises(TouchstoneError, match="answered 404 Not Found") as error:
        download(server.url("404.zip"), tmp_path / "a.zip", progress)
    assert error.value.where == server.url("404.zip")
    assert "`source` in the card" in error.value.mend
    assert not list(tmp_path.iterdir())


def test_no_answer_is_one_clear_error(tmp_path, progress):
    url = "http://127.0.0.1:1/a.zip"
    with pytest.raises(TouchstoneError, match="broke off") as error:
        download(url, tmp_path / "a.zip", progress)
    assert (error.value.where, "internet" in error.value.mend) == (url, True)


def test_an_answer_that_is_not_http_is_one_clear_error(server, tmp_path, progress):
    with pytest.raises(TouchstoneError, match="broke off"):
        download(server.url("garbage.zip"), tmp_path / "a.zip", progress)


# -- origins -----------------------------------------------------------------------------------------


@pytest.fixture
def fetched(tmp_path, progress):
    """``fetched(*files, placed=None, ...)`` → the receipt; the card lies in ``cards/mine.yaml``."""

    def run(*files: dict, placed: Path | None = None, access: str = "open", instructions: str = "") -> dict:
        receipt = tmp_path / "receipts" / "mine.json"
        with contextlib.suppress(FileNotFoundError):
            receipt.unlink()  # as Snakemake does before it makes it
        fetch_origin(
            origin="mine",
            card=str(tmp_path / "cards" / "mine.yaml"),
            files=list(files),
            access=access,
            instructions=instructions,
            placed=str(placed) if placed else None,
            folder=str(tmp_path / "archives" / "mine"),
            receipt=str(receipt),
            progress=progress,
        )
        return read_json(receipt)

    return run


def test_the_receipt_says_what_was_fetched(server, fetched, tmp_path):
    receipt = fetched({"path": "sub/a.zip", "source": server.url("plain.zip"), "size": len(DATA), "sha256": SHA})
    path = tmp_path / "archives" / "mine" / "sub" / "a.zip"
    assert receipt == {"origin": "mine", "files": [{"name": "sub/a.zip", "path": str(path), "size": len(DATA), "sha256": SHA}]}
    assert path.read_bytes() == DATA


def test_what_is_there_is_not_fetched_again(server, fetched, tmp_path):
    file = {"path": "a.zip", "source": server.url("plain.zip")}
    first = fetched(file)
    assert fetched(file) == first
    assert server.ranges == [None]
    assert first["files"][0]["sha256"] == SHA  # though the card gives none


@pytest.mark.parametrize(
    ("claim", "message"),
    [({"size": 7}, "has 5,120,000 bytes, its card says 7"), ({"sha256": "0" * 64}, "wrong checksum: .* its card says 000")],
)
def test_a_file_that_is_not_the_cards_is_refused(server, fetched, tmp_path, claim, message):
    with pytest.raises(TouchstoneError, match=message) as error:
        fetched({"path": "a.zip", "source": server.url("plain.zip")} | claim)
    assert str(tmp_path / "cards" / "mine.yaml") in str(error.value.where)
    assert "a.zip" in str(error.value.where)
    assert "delete" in error.value.mend
    assert not (tmp_path / "receipts" / "mine.json").exists()


def test_all_files_a_person_must_get_are_named_at_once_before_anything_is_fetched(server, fetched, tmp_path):
    placed = tmp_path / "mydata"
    placed.mkdir()
    (placed / "there.zip").write_bytes(b"x")
    files = [
        {"path": "there.zip"},
        {"path": "one.zip"},
        {"path": "images/"},
        {"path": "a.zip", "source": server.url("plain.zip")},
    ]
    with pytest.raises(TouchstoneError) as error:
        fetched(*files, placed=placed, access="agreement", instructions="sign the form at https://example.org")
    message = str(error.value)
    assert "2 file(s) of origin 'mine' are not there: one.zip, images/" in message
    assert "agreement" in message
    assert "mine.yaml" in message
    assert str(placed) in message
    assert "sign the form at https://example.org" in error.value.mend
    assert "`paths` in config/config.yaml" in error.value.mend
    assert server.ranges == []


CHOICE = [{"path": "a/", "choice": True}, {"path": "a.zip", "choice": True}, {"path": "a.csv", "optional": True}]


@pytest.mark.parametrize("there", ["a/1.png", "a.zip"])
def test_of_archive_and_folder_one_is_enough(fetched, tmp_path, there):
    (tmp_path / "placed/a").mkdir(parents=True)
    (tmp_path / "placed" / there).write_bytes(b"x")
    if there == "a.zip":
        (tmp_path / "placed/a").rmdir()
    receipt = fetched(*CHOICE, placed=tmp_path / "placed")
    assert [file["name"] for file in receipt["files"]] == [there.removesuffix("1.png")]


def test_neither_archive_nor_folder_is_one_clear_error(fetched, tmp_path):
    (tmp_path / "placed").mkdir()
    (tmp_path / "placed/a.csv").write_bytes(b"x")
    with pytest.raises(TouchstoneError, match=r"1 file\(s\) of origin .* any of a/, a.zip"):
        fetched(*CHOICE, placed=tmp_path / "placed")


def test_the_users_own_folder_is_only_read(fetched, tmp_path):
    placed = tmp_path / "mydata"
    (placed / "images" / "a").mkdir(parents=True)
    (placed / "images" / "a" / "1.png").write_bytes(b"12345")
    (placed / "list.csv").write_text("id\n1\n")
    for path in sorted(placed.rglob("*"), reverse=True):
        os.utime(path, (1_000_000_000, 1_000_000_000))
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = state(placed)
    receipt = fetched({"path": "images/"}, {"path": "list.csv"}, placed=placed, access="manual")
    assert state(placed) == before
    folder = tmp_path / "archives" / "mine"
    assert receipt["files"][0] == {"name": "images/", "path": str(folder / "images"), "size": 5, "items": 1}
    assert receipt["files"][1]["sha256"] == hashlib.sha256(b"id\n1\n").hexdigest()
    assert (folder / "images" / "a" / "1.png").read_bytes() == b"12345"


def test_moving_the_users_folder_changes_no_receipt(fetched, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "a.zip").write_bytes(b"x")
    first = fetched({"path": "a.zip"}, placed=tmp_path / "one")
    shutil.move(tmp_path / "one", tmp_path / "two")
    assert fetched({"path": "a.zip"}, placed=tmp_path / "two") == first
    assert (tmp_path / "archives" / "mine" / "a.zip").resolve() == tmp_path / "two" / "a.zip"


def test_a_file_in_the_users_folder_is_preferred_to_fetching(server, fetched, tmp_path):
    (tmp_path / "mydata").mkdir()
    (tmp_path / "mydata" / "a.zip").write_bytes(DATA)
    fetched({"path": "a.zip", "source": server.url("plain.zip"), "sha256": SHA}, placed=tmp_path / "mydata")
    assert server.ranges == []


def test_a_list_beside_the_card_is_found_and_a_missing_one_is_named(fetched, tmp_path):
    (tmp_path / "cards").mkdir()
    (tmp_path / "lists").mkdir()
    with pytest.raises(TouchstoneError, match=r"not there: p\.csv[\s\S]*mine\.yaml"):
        fetched({"path": "p.csv", "source": "card:../lists/p.csv"})
    (tmp_path / "lists" / "p.csv").write_text("id\n1\n")
    fetched({"path": "p.csv", "source": "card:../lists/p.csv"})
    assert (tmp_path / "archives" / "mine" / "p.csv").read_text() == "id\n1\n"
    (tmp_path / "lists" / "p.csv").write_text("id\n2\n")
    receipt = fetched({"path": "p.csv", "source": "card:../lists/p.csv"})
    assert receipt["files"][0]["sha256"] == hashlib.sha256(b"id\n2\n").hexdigest()


def test_a_demo_collection_is_built_and_an_unknown_one_named(fetched):
    receipt = fetched({"path": "web.zip", "source": "demo:web.zip"})
    assert receipt["files"][0]["size"] > 100_000
    with pytest.raises(TouchstoneError, match=r"no demo collection 'x\.zip'[\s\S]*known: photos\.zip, web\.zip"):
        fetched({"path": "x.zip", "source": "demo:x.zip"})


def state(folder: Path) -> dict:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_mode, path.stat().st_ino) for path in [folder, *folder.rglob("*")]
    }


# -- models ------------------------------------------------------------------------------------------


@pytest.fixture
def staged(tmp_path, progress):
    """``staged(source, revision=None)`` → the receipt of model ``m``."""

    def run(source: str, revision: str | None = None, folder: str = "models/m") -> dict:
        fetch_model(
            name="m",
            source=source,
            revision=revision,
            folder=str(tmp_path / folder),
            receipt=str(tmp_path / "m.json"),
            progress=progress,
        )
        return read_json(tmp_path / "m.json")

    return run


@pytest.fixture
def model_folder(tmp_path) -> Path:
    folder = tmp_path / "elsewhere"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "unet" / "weights.safetensors").write_bytes(b"weights")
    return folder


def test_a_demo_model_is_built_and_a_second_build_is_the_same(staged):
    first, second = staged("demo:stable_diffusion"), staged("demo:stable_diffusion", folder="models/again")
    assert first["sha256"] == second["sha256"]
    assert first["files"] == second["files"]
    assert {"model_index.json", "unet/diffusion_pytorch_model.safetensors"} <= set(first["files"])
    lines = "".join(f"{value}  {key}\n" for key, value in sorted(first["files"].items()))
    assert first["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert (Path(first["path"]) / "model_index.json").exists()


def test_an_unknown_demo_model_is_named(staged):
    with pytest.raises(TouchstoneError, match=r"no demo model 'x'[\s\S]*known: stable_diffusion, image_variation"):
        staged("demo:x")


def test_a_model_on_this_machine_is_used_where_it_lies(staged, model_folder):
    before = state(model_folder)
    receipt = staged(f"path:{model_folder}")
    assert Path(receipt["path"]).resolve() == model_folder
    assert set(receipt["files"]) == {"model_index.json", "unet/weights.safetensors"}
    assert state(model_folder) == before


def test_other_weights_have_another_hash(staged, model_folder):
    first = staged(f"path:{model_folder}")
    (model_folder / "unet" / "weights.safetensors").write_bytes(b"Weights")
    assert staged(f"path:{model_folder}")["sha256"] != first["sha256"]


def test_weights_behind_a_linked_folder_are_hashed_too(staged, model_folder, tmp_path):
    first = staged(f"path:{model_folder}")
    (model_folder / "unet").rename(tmp_path / "unet")
    (model_folder / "unet").symlink_to(tmp_path / "unet")
    assert staged(f"path:{model_folder}")["sha256"] == first["sha256"]


def test_another_source_is_never_answered_with_the_old_files(staged, model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "other")
    (tmp_path / "other" / "unet" / "weights.safetensors").write_bytes(b"others")
    built = staged("demo:stable_diffusion")
    assert staged(f"path:{model_folder}")["sha256"] != built["sha256"]
    assert "unet/weights.safetensors" in staged(f"path:{tmp_path / 'other'}")["files"]
    assert staged("demo:image_variation")["sha256"] != built["sha256"]
    assert staged("demo:stable_diffusion")["sha256"] == built["sha256"]


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt", "x.PT", "y.pth", "z.pkl", "w.pickle"])
def test_pickled_weights_are_refused(staged, model_folder, name):
    (model_folder / "unet" / name).write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    with pytest.raises(TouchstoneError, match=r"pickled weights[\s\S]*safetensors") as error:
        staged(f"path:{model_folder}")
    assert name in str(error.value.where)


def test_a_folder_that_is_no_model(staged, tmp_path):
    (tmp_path / "empty").mkdir()
    for source in (f"path:{tmp_path / 'empty'}", f"path:{tmp_path / 'nothing'}"):
        with pytest.raises(TouchstoneError, match=r"no model_index\.json[\s\S]*models\.yaml"):
            staged(source)


def test_a_build_cut_short_is_not_taken_for_a_model(staged, tmp_path):
    partial = Path(staged("demo:stable_diffusion")["path"])
    whole = staged("demo:stable_diffusion")["sha256"]
    shutil.rmtree(partial / "unet")
    partial.rename(partial.with_name(partial.name + ".partial"))
    assert staged("demo:stable_diffusion")["sha256"] == whole
