"""files.py: files that appear whole or not at all, and one owner of a folder."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from touchstone.files import CHUNK, read_json, replacing, sha256_of, sole_owner, write_json, write_text


def test_a_file_appears_when_the_body_ends(tmp_path):
    path = tmp_path / "new" / "folder" / "a.txt"
    with replacing(path) as temporary:
        temporary.write_text("all")
        assert not path.exists()
        assert temporary.parent == path.parent  # a rename, not a copy
    assert path.read_text() == "all"
    assert list(path.parent.iterdir()) == [path]


def test_an_exception_keeps_what_was_there(tmp_path):
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="stop"), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError("stop")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_body_that_writes_nothing_makes_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), replacing(tmp_path / "a.txt"):
        pass
    assert not list(tmp_path.iterdir())


def test_temporary_names_are_hidden_and_name_the_process(tmp_path):
    with replacing(tmp_path / "a.txt") as temporary:
        temporary.touch()
        assert temporary.name.startswith(".a.txt.")
        assert f".{os.getpid()}." in temporary.name


def test_a_link_is_replaced_and_its_target_left_alone(tmp_path):
    (tmp_path / "target").write_text("theirs")
    (tmp_path / "a.txt").symlink_to(tmp_path / "target")
    write_text(tmp_path / "a.txt", "ours")
    assert ((tmp_path / "target").read_text(), (tmp_path / "a.txt").read_text()) == ("theirs", "ours")


WRITER = """
import sys
from touchstone.files import replacing
with replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    print(temporary, flush=True)
    sys.stdin.readline()
"""


def test_what_killed_writers_left_goes_with_the_next_file_and_what_others_write_stays(tmp_path):
    here, elsewhere, old = (tmp_path / name for name in (".a.mine.7.tmp", ".a.node-9.7.tmp", ".a.node-9.8.tmp"))
    for path in (here, elsewhere, old):
        path.touch()
    os.utime(old, (0, 0))
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a")]
    with (
        subprocess.Popen(command, env=environment, **streams) as killed,
        subprocess.Popen(command, env=environment, **streams) as alive,
    ):
        left, kept = killed.stdout.readline().strip(), alive.stdout.readline().strip()
        killed.kill()
        killed.wait()
        subprocess.run(command, env=environment, input="\n", text=True, stdout=subprocess.DEVNULL, check=True)
        names = {path.name for path in tmp_path.iterdir()}
        assert Path(left).name not in names
        assert names == {"a", Path(kept).name, here.name, elsewhere.name}
        alive.communicate("\n")
    assert (tmp_path / "a").read_text() == "half"


def test_json_is_the_same_whatever_the_order_of_its_keys(tmp_path):
    write_json(tmp_path / "a.json", {"b": [1, 2], "a": "ü"})
    write_json(tmp_path / "b.json", {"a": "ü", "b": [1, 2]})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    assert read_json(tmp_path / "a.json") == {"a": "ü", "b": [1, 2]}
    assert "ü" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, 2 * CHUNK + 7])
def test_sha256_is_that_of_the_bytes_and_tells_how_far_it_is(tmp_path, size):
    data = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "a").write_bytes(data[:size])
    steps: list[int] = []
    assert sha256_of(tmp_path / "a", steps.append) == hashlib.sha256(data[:size]).hexdigest() == sha256_of(tmp_path / "a")
    assert sum(steps) == size
    assert all(step <= CHUNK for step in steps)


OWNER = """
import sys
from touchstone.files import sole_owner
with sole_owner(sys.argv[1]):
    print("mine", flush=True)
    sys.stdin.readline()
"""


def owner(folder) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )


def test_a_second_owner_waits_until_the_first_is_dead(tmp_path):
    with owner(tmp_path / "scratch") as first:
        assert first.stdout.readline() == "mine\n"
        with owner(tmp_path / "scratch") as second:
            first.send_signal(signal.SIGKILL)  # the kernel lets go of the lock
            assert second.stdout.readline() == "mine\n"
            second.communicate("\n", timeout=20)
            assert second.returncode == 0
        assert first.wait() == -signal.SIGKILL


def test_an_owner_may_remove_the_folder(tmp_path):
    for _ in range(2):
        with sole_owner(tmp_path / "scratch"):
            (tmp_path / "scratch" / "lock").unlink()
            (tmp_path / "scratch").rmdir()
    assert not (tmp_path / "scratch").exists()
