"""containers: every kind of archive gives the same bytes, in its own order, and damage never does worse than a reason."""

from __future__ import annotations

import random
import resource

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.archives import archive, parquet, saved_dataset

from touchstone.containers import is_container, open_container
from touchstone.errors import TouchstoneError
from touchstone.images import MAX_BYTES, BadImage

ARCHIVES = [".zip", ".z01", ".zip.001", ".tar", ".tar.001", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".7z.001"]


def contents(count: int = 40) -> dict[str, bytes]:
    """Members whose order is not that of their names."""
    source = random.Random(7)  # noqa: S311
    names = [f"{number % 3}/bild {number:03} ü.png" for number in range(count)]
    source.shuffle(names)
    return {name: source.randbytes(source.randrange(1, 3000)) for name in names} | {"empty.png": b""}


@pytest.mark.parametrize("kind", ["/", *ARCHIVES])
def test_every_kind_holds_the_same(tmp_path, kind):
    members = contents()
    path = archive(tmp_path, kind, members)
    container = open_container(path)
    names = list(members)
    if kind != "/":
        assert list(container.members()) == names
    assert sorted(container.members()) == sorted(members)
    assert dict(container.read_many(list(members))) == members
    assert container.read(names[5]) == members[names[5]]
    container.close()


@pytest.mark.parametrize("kind", ["/", *ARCHIVES])
def test_what_is_wanted_comes_in_the_order_of_the_archive_each_once(tmp_path, kind):
    members = contents()
    container = open_container(archive(tmp_path, kind, members))
    order = [name for name in container.members() if members[name]]
    wanted = random.Random(3).sample(order, 15)  # noqa: S311
    found = list(container.read_many([*wanted, "nothing.png", *wanted[:3]]))
    assert [name for name, data in found if isinstance(data, bytes)] == [name for name in order if name in wanted]
    ((lost, error),) = [(name, data) for name, data in found if isinstance(data, BadImage)]
    assert (lost, error.reason) == ("nothing.png", "missing_member")
    assert list(container.read_many([])) == []


@pytest.mark.parametrize("kind", ["/", *ARCHIVES])
def test_a_second_pass_finds_the_same(tmp_path, kind):
    members = contents(9)
    container = open_container(archive(tmp_path, kind, members))
    passes = [dict(container.read_many(members)) for _ in range(2)]
    assert passes == [members, members]


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind not in (".zip", ".tar")])
def test_half_an_archive_is_not_listed_as_a_whole_one(tmp_path, kind):
    path = archive(tmp_path, kind, contents(200))
    volumes = sorted(tmp_path.iterdir())
    volumes[-1].write_bytes(volumes[-1].read_bytes()[: volumes[-1].stat().st_size // 2])
    with pytest.raises(TouchstoneError) as error:
        list(open_container(path).members())
    assert "not a whole" in str(error.value)
    assert error.value.mend.startswith("fetch it again")


@pytest.mark.parametrize("kind", [".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst"])
def test_of_half_a_stream_every_wanted_member_has_its_bytes_or_a_reason(tmp_path, kind):
    members = contents(200)
    path = archive(tmp_path, kind, members)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = dict(open_container(path).read_many(members))
    assert found.keys() == members.keys()
    reasons = {data.reason for data in found.values() if isinstance(data, BadImage)}
    assert reasons == {"corrupt_member"}
    assert all(data == members[name] for name, data in found.items() if isinstance(data, bytes))


@pytest.mark.parametrize(
    ("kind", "gone"), [(".z01", ".z02"), (".zip.001", ".zip.003"), (".7z.001", ".7z.002"), (".tar.001", ".tar.002")]
)
def test_a_missing_volume_is_named_before_anything_is_read(tmp_path, kind, gone):
    path = archive(tmp_path, kind, contents())
    (tmp_path / f"files{gone}").unlink()
    with pytest.raises(TouchstoneError, match=rf"lacks 1 of its \d+ volumes: files{gone}[\s\S]*mend:.*fetch what is missing"):
        open_container(path)


@pytest.mark.parametrize("kind", [".zip.001", ".7z.001", ".tar.001"])
def test_a_missing_last_volume_is_thought_of(tmp_path, kind):
    path = archive(tmp_path, kind, contents())
    path.with_suffix(".004").unlink()
    with pytest.raises(TouchstoneError, match=r"not a whole[\s\S]*look whether a volume is missing"):
        list(open_container(path).members())


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_member_over_the_limit_is_refused_and_its_neighbours_are_read(tmp_path, kind):
    members = {"a.png": b"a", "large.png": bytes(MAX_BYTES + 1), "z.png": b"z"}
    found = dict(open_container(archive(tmp_path, kind, members)).read_many(members))
    assert (found["a.png"], found["z.png"]) == (b"a", b"z")
    assert found["large.png"].reason == "too_many_bytes"


@pytest.mark.parametrize("count", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", [".zip", ".tar", ".tar.gz", ".7z"])
def test_very_many_empty_members(tmp_path, kind, count):
    first, last = "0000007.png", f"{count - 1:07}.png"
    container = open_container(archive(tmp_path, kind, dict.fromkeys((f"{number:07}.png" for number in range(count)), b"")))
    assert sum(1 for _ in container.members()) == count
    assert dict(container.read_many([first, last])) == {first: b"", last: b""}


@pytest.mark.parametrize("kind", [".zip", ".tar", ".7z"])
def test_names_that_differ_in_case_only_are_two_members(tmp_path, kind):
    container = open_container(archive(tmp_path, kind, {"A.png": b"upper", "a.png": b"lower"}))
    assert [container.read("a.png"), container.read("A.png")] == [b"lower", b"upper"]


@pytest.mark.parametrize("kind", [kind for kind in ARCHIVES if kind != ".z01"])
def test_an_empty_archive_has_no_members(tmp_path, kind):
    assert list(open_container(archive(tmp_path, kind, {})).members()) == []


def test_archives_are_opened_by_one_of_their_volumes():
    opened = ["a.zip", "A.ZIP", "a.zip.001", "a.7z", "a.7z.001", "a.tar", "a.tar.gz", "a.TGZ", "a.tar.zst", "a/"]
    others = ["a.z01", "a.zip.002", "a.7z.002", "list.csv", "a.parquet", "a.gz", "zip", "a.tar.002"]
    assert [name for name in opened + others if is_container(name)] == opened


KINDS = [".zip", ".z01", ".tar", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".7z", ".parquet", "saved"]
CHANGE = st.tuples(st.sampled_from(["set", "cut", "insert", "delete"]), st.floats(0, 1), st.binary(min_size=1, max_size=8))


@pytest.mark.parametrize("kind", KINDS)
def test_damage_gives_bytes_a_reason_or_one_clear_error_in_bounded_memory(tmp_path_factory, kind):
    folder = tmp_path_factory.mktemp("whole")
    images = list(contents(12).values())
    if kind == ".parquet":
        path = parquet(folder / "files.parquet", images)
    elif kind == "saved":
        path = saved_dataset(folder / "saved", images) / "data-00000-of-00002.arrow"
    else:
        path = archive(folder, kind, contents(12))
    whole = path.read_bytes()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @settings(max_examples=150, deadline=None)
    @given(changes=st.lists(CHANGE, min_size=1, max_size=5))
    def damaged(changes):
        path.write_bytes(spoil(whole, changes))
        look_at(path)

    damaged()
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 300_000_000


def spoil(data: bytes, changes: list[tuple[str, float, bytes]]) -> bytes:
    for how, place, new in changes:
        at = int(place * len(data))
        end = {"set": at + len(new), "cut": len(data), "insert": at, "delete": at + len(new)}[how]
        data = data[:at] + (new if how in ("set", "insert") else b"") + data[end:]
    return data


def look_at(path) -> None:
    """Open, list and read all there is; everything wanted must be answered."""
    try:
        container = open_container(path)
        found = dict(container.read_many(["a.png"]))
        names = list(container.members())[:200]
        found |= dict(container.read_many(names))
    except TouchstoneError:
        return
    assert found.keys() == {*names, "a.png"}
    for data in found.values():
        assert isinstance(data, bytes) or data.reason in ("missing_member", "corrupt_member", "too_many_bytes")
    container.close()
