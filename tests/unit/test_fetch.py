"""fetch.py and transfer.py: files of origins fetched from a real server that misbehaves, built, placed and checked."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers import Hub, Served, running

from touchstone.errors import TouchstoneError
from touchstone.fetch import fetch_origin
from touchstone.files import read_json

DATA = bytes(range(256)) * 20_000  # 5 MB
SHA = hashlib.sha256(DATA).hexdigest()
MD5 = hashlib.md5(DATA, usedforsecurity=False).hexdigest()
COMMIT, LATER = "1" * 40, "2" * 40


@pytest.fixture(scope="module")
def _running() -> Iterator[Hub]:
    with running(Hub()) as server:
        yield server


@pytest.fixture
def server(_running: Hub, monkeypatch) -> Hub:
    _running.clear()
    _running.commits, _running.page = {}, 1000
    for name in ("HF_ENDPOINT", "ZENODO_ENDPOINT"):
        monkeypatch.setenv(name, _running.root)
    for name in ("HF_TOKEN", "KAGGLE_KEY"):
        monkeypatch.delenv(name, raising=False)
    return _running


def asked(server: Hub) -> list[str]:
    return [path for path, _ in server.asked]


def state(folder: Path) -> dict:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_mode, path.stat().st_ino) for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def fetched(tmp_path, progress):
    """``fetched(*files, placed=None, ...)`` → the receipt; the card lies in ``cards/mine.yaml``."""

    def run(*files: dict, placed: Path | None = None, access: str = "open", instructions: str = "", **more: object) -> dict:
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
            **more,
        )
        return read_json(receipt)

    return run


def test_the_receipt_says_what_was_fetched(server, fetched, tmp_path):
    receipt = fetched({"path": "sub/a.zip", "source": server.put("plain.zip", DATA), "size": len(DATA), "sha256": SHA})
    path = tmp_path / "archives" / "mine" / "sub" / "a.zip"
    assert receipt == {"origin": "mine", "files": [{"name": "sub/a.zip", "path": str(path), "size": len(DATA), "sha256": SHA}]}
    assert path.read_bytes() == DATA


def test_what_is_there_is_not_fetched_again(server, fetched, tmp_path):
    file = {"path": "a.zip", "source": server.put("plain.zip", DATA)}
    first = fetched(file)
    assert fetched(file) == first
    assert len(server.asked) == 1
    assert first["files"][0]["sha256"] == SHA  # though the card gives none


def test_a_file_that_is_not_the_cards_is_refused_and_kept_aside(server, fetched, tmp_path):
    for kind, wrong in (("sha256", "0" * 64), ("md5", "0" * 32), ("sha1", "0" * 40)):
        with pytest.raises(TouchstoneError, match=f"wrong checksum: the file's {kind} is .* its card says 000") as error:
            fetched({"path": "a.zip", "source": server.put("plain.zip", DATA), kind: wrong})
        assert str(tmp_path / "cards" / "mine.yaml") in str(error.value.where)
        assert "run again to have it fetched anew" in error.value.mend
        assert not (tmp_path / "receipts" / "mine.json").exists()
        assert not (tmp_path / "archives/mine/a.zip").exists()
        assert (tmp_path / "archives/mine/a.zip.refused").read_bytes() == DATA
    assert fetched({"path": "a.zip", "source": server.put("plain.zip", DATA), "md5": MD5})["files"][0]["sha256"] == SHA


def test_a_file_of_another_size_is_not_fetched(server, fetched):
    with pytest.raises(TouchstoneError, match=r"has 5,120,000 bytes on the server, its card says 7"):
        fetched({"path": "a.zip", "source": server.put("plain.zip", DATA), "size": 7})


@pytest.mark.parametrize(
    ("claim", "message"),
    [({"size": 7}, "has 5,120,000 bytes, its card says 7"), ({"md5": "0" * 32}, "wrong checksum: the file's md5 .* 000")],
)
def test_a_placed_file_that_is_not_the_cards_is_refused_and_stays(fetched, tmp_path, claim, message):
    (tmp_path / "mydata").mkdir()
    (tmp_path / "mydata/a.zip").write_bytes(DATA)
    with pytest.raises(TouchstoneError, match=message):
        fetched({"path": "a.zip"} | claim, placed=tmp_path / "mydata")
    assert (tmp_path / "mydata/a.zip").read_bytes() == DATA


# -- mirrors, and many files -------------------------------------------------------------------------


def test_mirrors_are_tried_in_order_and_the_first_good_file_is_taken(server, fetched):
    wrong = server.put("wrong.zip", DATA[::-1])
    file = {"path": "a.zip", "source": f"{server.root}/gone.zip", "mirrors": [wrong, server.put("good.zip", DATA)], "sha256": SHA}
    assert fetched(file)["files"][0]["sha256"] == SHA
    assert asked(server) == ["/gone.zip", "/wrong.zip", "/good.zip"]


def test_when_no_mirror_works_each_reason_is_told(server, fetched):
    file = {"path": "a.zip", "source": f"{server.root}/gone.zip", "mirrors": [server.put("b.zip", first=[(403, {})] * 9)]}
    with pytest.raises(TouchstoneError, match=r"none of 2 sources works: .*gone\.zip: .*404.*b\.zip: .*403"):
        fetched(file)


def test_several_files_come_at_the_same_time_and_one_line_counts_them(server, fetched, progress):
    files = [{"path": f"{k}.zip", "source": server.put(f"{k}.zip", DATA), "size": len(DATA)} for k in range(6)]
    assert len(fetched(*files)["files"]) == 6
    assert sorted(asked(server)) == sorted(f"/{k}.zip" for k in range(6))
    lines = progress.streams[0].getvalue().splitlines()
    assert len(lines) == 2
    assert "fetched 6 file(s)" in lines[0]
    assert "30.7 MB of 30.7 MB" in lines[0]


def test_the_first_failure_stops_the_rest_and_what_came_is_kept(server, fetched, tmp_path):
    files = [{"path": f"{k}.zip", "source": server.put(f"{k}.zip", DATA)} for k in range(3)]
    with pytest.raises(TouchstoneError, match=r"answered 404"):
        fetched(*files, {"path": "x.zip", "source": f"{server.root}/none"})
    names = {path.name for path in (tmp_path / "archives/mine").iterdir()}
    assert names <= {f"{k}.zip{end}" for k in (*range(3), "x") for end in ("", ".part", ".part.json")}
    server.asked.clear()
    whole = {f"/{name}" for name in names if name.endswith(".zip")}
    assert len(fetched(*files)["files"]) == 3
    assert not whole & set(asked(server))


def test_more_than_the_disk_holds_is_not_begun(server, fetched):
    files = [{"path": f"{k}.zip", "source": server.put(f"{k}.zip", DATA), "size": 10**18} for k in range(2)]
    with pytest.raises(TouchstoneError, match="2000000 TB are to be fetched"):
        fetched(*files)
    assert server.asked == []


# -- checksums are computed once ---------------------------------------------------------------------


def test_a_file_that_looks_the_same_is_not_read_again(fetched, tmp_path):
    path = tmp_path / "mydata/a.zip"
    path.parent.mkdir()
    path.write_bytes(DATA)
    first = fetched({"path": "a.zip", "sha256": SHA}, placed=path.parent)
    when = path.stat().st_mtime_ns
    with path.open("r+b") as file:  # the same size, time and inode: a glance cannot tell
        file.write(b"other")
    os.utime(path, ns=(when, when))
    assert fetched({"path": "a.zip", "sha256": SHA}, placed=path.parent) == first
    path.touch()
    with pytest.raises(TouchstoneError, match="wrong checksum"):
        fetched({"path": "a.zip", "sha256": SHA}, placed=path.parent)


def test_a_checksum_that_the_card_adds_is_checked(fetched, tmp_path):
    (tmp_path / "mydata").mkdir()
    (tmp_path / "mydata/a.zip").write_bytes(DATA)
    fetched({"path": "a.zip"}, placed=tmp_path / "mydata")
    with pytest.raises(TouchstoneError, match="wrong checksum"):
        fetched({"path": "a.zip", "md5": "0" * 32}, placed=tmp_path / "mydata")


def test_a_folder_with_too_few_files_is_refused_unless_that_is_meant(fetched, tmp_path):
    (tmp_path / "mydata/images/sub").mkdir(parents=True)
    for name in ("1.png", "sub/2.png"):
        (tmp_path / "mydata/images" / name).write_bytes(b"x")
    with pytest.raises(TouchstoneError, match="images/ holds 2 files, its card says 3"):
        fetched({"path": "images/", "items": 3}, placed=tmp_path / "mydata")
    assert fetched({"path": "images/", "items": 3}, placed=tmp_path / "mydata", incomplete=True)["files"][0]["items"] == 2
    assert fetched({"path": "images/", "items": 2}, placed=tmp_path / "mydata")["files"][0]["items"] == 2


def fetching(server: Hub, folder: Path) -> subprocess.Popen:
    """A process that fetches ``a.zip`` into ``folder``; its receipt is ``r.json``."""
    program = (
        "import sys; sys.path.append('workflow/scripts')\n"
        "from touchstone.fetch import fetch_origin\nfrom touchstone.progress import Progress\n"
        f"fetch_origin(origin='mine', card='c.yaml', files=[{{'path': 'a.zip', 'source': '{server.root}/a.zip'}}], access='open',"
        f" instructions='', placed=None, folder='{folder}', receipt='{folder}/r.json', progress=Progress('fetch'))"
    )
    home = Path(__file__).parents[2]
    return subprocess.Popen([sys.executable, "-c", program], cwd=home, stderr=subprocess.PIPE, text=True)


def test_a_fetch_that_was_killed_goes_on(server, tmp_path):
    """The process is killed with the server holding back the rest of the file; the next one asks for that only."""
    server.files["/a.zip"] = Served(DATA, cut_at=3_000_000, length=len(DATA), hold=True)
    with fetching(server, tmp_path) as first:
        assert server.held.wait(60)
        while (tmp_path / "a.zip.part").stat().st_size < 2_000_000:  # buffers of the system
            assert first.poll() is None
        first.kill()
    server.release.set()
    assert not (tmp_path / "r.json").exists()
    have = (tmp_path / "a.zip.part").stat().st_size
    server.put("a.zip", DATA)
    with fetching(server, tmp_path) as second:
        assert second.wait(60) == 0
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert server.ranges() == [None, f"bytes={have}-"]
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "r.json", ".checksums.json"}


def test_of_two_that_fetch_into_one_folder_the_second_waits_and_finds_it_there(server, tmp_path):
    server.files["/a.zip"] = Served(DATA, cut_at=3_000_000, length=len(DATA), hold=True)
    with fetching(server, tmp_path) as first:
        assert server.held.wait(60)
        with fetching(server, tmp_path) as second:
            assert "another build is at work in" in second.stderr.readline()
            server.put("a.zip", DATA)
            server.release.set()
            assert [first.wait(60), second.wait(60)] == [0, 0]
    assert server.ranges().count(None) == 1, "from its beginning once"
    assert (tmp_path / "a.zip").read_bytes() == DATA
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "r.json", ".checksums.json"}


# -- what a person places ----------------------------------------------------------------------------


def test_all_files_a_person_must_get_are_named_at_once_before_anything_is_fetched(server, fetched, tmp_path):
    placed = tmp_path / "mydata"
    placed.mkdir()
    (placed / "there.zip").write_bytes(b"x")
    files = [
        {"path": "there.zip"},
        {"path": "one.zip"},
        {"path": "images/"},
        {"path": "a.zip", "source": server.put("plain.zip", DATA)},
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
    assert server.asked == []


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
    fetched({"path": "a.zip", "source": server.put("plain.zip", DATA), "sha256": SHA}, placed=tmp_path / "mydata")
    assert server.asked == []


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


# -- the hub and Zenodo ------------------------------------------------------------------------------


FILES = {"data/train-0.parquet": DATA[:5000], "data/train-1.parquet": DATA[:7000], "data/test-0.parquet": b"t" * 300}
FILES |= {"README.md": b"# small, so git keeps it", "data/notes.txt": b"n"}


def test_a_folder_of_the_hub_comes_at_its_commit(server, fetched, tmp_path):
    server.push("dataset", "a/b", COMMIT, FILES)
    server.push("dataset", "a/b", LATER, FILES | {"data/train-0.parquet": b"changed" * 100})
    receipt = fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}", "include": ["train-*", "*.txt"], "items": 3})
    folder = tmp_path / "archives/mine/data"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "train-0.parquet": DATA[:5000],
        "train-1.parquet": DATA[:7000],
        "notes.txt": b"n",
    }
    (entry,) = receipt["files"]
    assert (entry["items"], entry["size"]) == (3, 12001)
    assert entry["contents"]["train-0.parquet"] == f"sha256:{hashlib.sha256(DATA[:5000]).hexdigest()}"
    assert entry["contents"]["notes.txt"].startswith("git:")
    server.clear()
    assert fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"}) == receipt
    assert server.asked == []


def test_another_commit_is_never_answered_with_files_of_the_old_one(server, fetched, tmp_path):
    changed = FILES | {"data/train-0.parquet": DATA[1:5001]}  # of the same size
    server.push("dataset", "a/b", COMMIT, FILES)
    server.files.pop(f"/datasets/a/b/resolve/{COMMIT}/data/test-0.parquet")
    with pytest.raises(TouchstoneError, match="404"):
        fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"})
    server.push("dataset", "a/b", LATER, changed)
    fetched({"path": "data/", "source": f"hub:a/b@{LATER}"})
    folder = tmp_path / "archives/mine/data"
    assert (folder / "train-0.parquet").read_bytes() == DATA[1:5001]
    assert [path.name for path in folder.parent.iterdir() if path.name.endswith(".partial")] == []
    server.push("dataset", "a/b", COMMIT, FILES)
    with pytest.raises(TouchstoneError, match=f"fetched from hub:a/b@{LATER}, their card now says hub:a/b@{COMMIT}") as error:
        fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"})
    assert f"delete {folder}" in error.value.mend
    shutil.rmtree(folder)
    fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"})
    assert (folder / "train-0.parquet").read_bytes() == DATA[:5000]


def test_a_folder_cannot_be_one_file(server, fetched):
    with pytest.raises(TouchstoneError, match="is one file, and cannot be the folder data/"):
        fetched({"path": "data/", "source": server.put("a.zip", DATA)})


def test_a_long_listing_comes_page_by_page(server, fetched):
    server.page = 2
    server.push("dataset", "a/b", COMMIT, {f"data/{k}.bin": bytes([k]) * 200 for k in range(5)})
    assert fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"})["files"][0]["items"] == 5


def test_one_file_of_the_hub_can_have_another_path_here(server, fetched):
    server.push("dataset", "a/b", COMMIT, FILES)
    receipt = fetched({"path": "one.parquet", "source": f"hub:a/b@{COMMIT}:data/train-1.parquet"})
    assert receipt["files"][0]["sha256"] == hashlib.sha256(DATA[:7000]).hexdigest()


def test_a_commit_or_file_that_the_hub_does_not_have(server, fetched):
    server.push("dataset", "a/b", COMMIT, FILES)
    with pytest.raises(TouchstoneError, match="did not list the repository") as error:
        fetched({"path": "data/", "source": f"hub:a/b@{LATER}"})
    assert LATER in error.value.where
    assert "correct name and commit" in error.value.mend
    with pytest.raises(TouchstoneError, match=r"holds no data/none\.zip"):
        fetched({"path": "data/none.zip", "source": f"hub:a/b@{COMMIT}"})


def test_a_gated_repository_says_how_access_is_had_and_the_token_opens_it(server, fetched, monkeypatch):
    server.push("dataset", "a/b", COMMIT, FILES, token="hf_secret")  # noqa: S106
    file = {"path": "data/", "source": f"hub:a/b@{COMMIT}"}
    with pytest.raises(TouchstoneError, match="answered 401") as error:
        fetched(file)
    assert f"ask for access on {server.root}/datasets/a/b" in error.value.mend
    assert "HF_TOKEN" in error.value.mend
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    receipt = fetched(file)
    assert receipt["files"][0]["items"] == 4
    assert "hf_secret" not in str(receipt)


def test_a_gated_origin_without_a_token_asks_no_server(server, fetched):
    with pytest.raises(TouchstoneError, match=r"not there: data/[\s\S]*needs HF_TOKEN in the environment"):
        fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"}, access="agreement", instructions="ask for access")
    assert server.asked == []


def test_a_file_that_is_not_what_the_hub_lists_is_refused(server, fetched, tmp_path):
    server.push("dataset", "a/b", COMMIT, FILES)
    server.files[f"/datasets/a/b/resolve/{COMMIT}/data/notes.txt"].data = b"m"
    with pytest.raises(TouchstoneError, match=r"wrong checksum: the file's git is .*, its publisher says"):
        fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"})
    assert not (tmp_path / "archives/mine/data").exists()
    server.push("dataset", "a/b", COMMIT, FILES)
    server.asked.clear()
    assert fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"})["files"][0]["items"] == 4
    assert len(server.asked) <= 1 + 4


def test_a_repository_cannot_write_outside_its_folder(server, fetched, tmp_path):
    server.push("dataset", "a/b", COMMIT, {"data/../../../evil.txt": b"x" * 200})
    with pytest.raises(TouchstoneError, match=r"names a file '\.\./\.\./\.\./evil\.txt'"):
        fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}"})
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_folder_has_mirrors_too(server, fetched):
    server.push("dataset", "a/b", COMMIT, FILES, first=[(403, {})] * 9)
    server.push("dataset", "c/d", LATER, FILES)
    receipt = fetched({"path": "data/", "source": f"hub:a/b@{COMMIT}", "mirrors": [f"hub:c/d@{LATER}"]})
    assert receipt["files"][0]["items"] == 4


def test_a_record_of_zenodo_is_checked_by_its_md5(server, fetched):
    link = server.put("api/records/123/files/a.zip/content", DATA)
    entry = {"key": "a.zip", "size": len(DATA), "checksum": f"md5:{MD5}", "links": {"self": link}}
    server.put("api/records/123", json.dumps({"files": [entry]}).encode())
    assert fetched({"path": "a.zip", "source": "zenodo:123"})["files"][0]["sha256"] == SHA
    server.put("api/records/124", json.dumps({"files": [entry | {"checksum": f"md5:{'0' * 32}"}]}).encode())
    with pytest.raises(TouchstoneError, match=r"the file's md5 is .* its publisher says 000"):
        fetched({"path": "b/c.zip", "source": "zenodo:124:a.zip"})
    with pytest.raises(TouchstoneError, match=r"no file 'x\.zip'[\s\S]*it has a\.zip"):
        fetched({"path": "x.zip", "source": "zenodo:124"})


def test_files_out_of_a_zip_are_copied_out_and_the_zip_comes_once(server, fetched, make_zip):
    zipped = make_zip({"in/a.json": b"[1]", "in/b.json": b"[2]", "in/huge.json": b"x" * 9}).read_bytes()
    source, md5 = server.put("all.zip", zipped), hashlib.md5(zipped, usedforsecurity=False).hexdigest()
    files = [{"path": f"{k}.json", "source": source, "out_of": {"member": f"in/{k}.json", "md5": md5}} for k in "ab"]
    receipt = fetched(*files)
    assert [Path(file["path"]).read_bytes() for file in receipt["files"]] == [b"[1]", b"[2]"]
    assert asked(server) == ["/all.zip"]
    assert fetched(*files) == receipt
    with pytest.raises(TouchstoneError, match=r"in/c\.json cannot be read"):
        fetched({"path": "c.json", "source": source, "out_of": {"member": "in/c.json"}})
    other = {"path": "d.json", "source": server.put("other.zip", zipped), "out_of": {"member": "in/a.json", "md5": "0" * 32}}
    with pytest.raises(TouchstoneError, match="wrong checksum"):
        fetched(other)


@pytest.mark.parametrize(("source", "package"), [("kaggle:a/b", "kagglehub"), ("modelscope:a/b", "modelscope")])
def test_a_client_that_is_not_installed_is_named(fetched, source, package, monkeypatch):
    monkeypatch.setenv("KAGGLE_KEY", "x")
    if importlib.util.find_spec(package):
        pytest.skip(f"{package} is installed here")
    with pytest.raises(TouchstoneError, match=f"is not installed[\\s\\S]*pip install {package}"):
        fetched({"path": "data/", "source": source})
