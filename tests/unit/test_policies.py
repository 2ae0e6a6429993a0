"""policies.py: bytes as they came, one encoding for both classes, or fakes encoded as the reals are."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import partial

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from touchstone.images import measure
from touchstone.pack import READ
from touchstone.policies import LONGEST, Policy, count_formats, longest_side, sentence
from touchstone.record import PACKED, SELECTED, empty_item, table_of


@pytest.fixture
def taken(picture):
    """``taken(count, label, kind, **options)`` → rows as pack reads them off a take shard."""
    from touchstone.shards import taken as row_of

    def make(count: int, label: int, kind: str = "PNG", size: tuple = (80, 60), **options: object) -> pa.Table:
        rows = [
            row_of(empty_item() | {"id": f"{label}/{seed}", "label": label}, picture(kind, size, seed=seed, **options))
            for seed in range(count)
        ]
        return table_of([{name: row.get(name) for name in READ.names} for row in rows], READ)

    return make


def done(policy: Policy, table: pa.Table) -> list[dict]:
    result = policy.apply(table)
    assert result.schema.equals(PACKED)
    return result.to_pylist()


def test_the_bytes_stay_unless_something_is_asked_for(taken):
    table = taken(3, 1)
    for before, after in zip(table.to_pylist(), done(Policy({"encoding": "original"}), table), strict=True):
        assert after == before | {"processing": "", "origin_sha256": "", "marks": []}


@pytest.mark.parametrize(("kind", "quality"), [("JPEG", 85), ("WEBP", 75), ("WEBP", None), ("PNG", None)])
def test_one_encoding_for_both_classes_leaves_no_trace_of_the_class(taken, kind, quality):
    images = {"encoding": kind, "square": 32} | ({"quality": quality} if quality else {})
    fakes, reals = done(Policy(images), taken(4, 1, "PNG")), done(Policy(images), taken(4, 0, "JPEG", (90, 120), quality=60))
    names = ("format", "width", "height", "mode", "jpeg_quality", "chroma_subsampling", "has_exif", "processing")
    facts = {tuple(row[name] for name in names) for row in fakes + reals}
    assert len(facts) == 1
    assert facts.pop()[:3] == (kind, 32, 32)
    for row in fakes + reals:
        assert row["sha256"] == hashlib.sha256(row["image"]["bytes"]).hexdigest() != row["origin_sha256"]
        assert row["n_bytes"] == len(row["image"]["bytes"])
        assert row["image"]["path"].endswith({"JPEG": ".jpg", "WEBP": ".webp", "PNG": ".png"}[kind])
    assert fakes[0]["processing"].startswith("centred square, 32 pixels, ")


@pytest.mark.parametrize("kind", LONGEST)
def test_the_longest_side_that_can_be_written_is_known(taken, kind):
    images = {"encoding": kind, "quality": 80}
    most = longest_side(images)
    assert done(Policy(images), taken(1, 1, size=(most, 2)))[0]["width"] == most
    with pytest.raises((OSError, ValueError)):
        Policy(images).apply(taken(1, 1, size=(most + 1, 2)))
    assert longest_side(images | {"longest": 512}) is None
    assert longest_side({"encoding": "PNG"}) is longest_side({"encoding": "original"}) is None
    assert longest_side({"encoding": "match"}) == min(LONGEST.values())


def test_what_we_encode_may_have_more_bytes_than_what_we_take(taken, monkeypatch):
    table = taken(1, 0, "JPEG", (300, 300), quality=60)
    monkeypatch.setattr("touchstone.policies.measure", partial(measure, max_bytes=50_000))  # of the origins' images
    row = done(Policy({"encoding": "PNG"}), table)[0]
    assert row["n_bytes"] == len(row["image"]["bytes"]) > 50_000


def test_longer_sides_are_shrunk_and_small_images_are_not_enlarged(taken):
    policy = Policy({"encoding": "PNG", "longest": 64})
    assert {(row["width"], row["height"]) for row in done(policy, taken(1, 0, size=(128, 50)))} == {(64, 25)}
    assert {(row["width"], row["height"]) for row in done(policy, taken(1, 0, size=(40, 50)))} == {(40, 50)}


@pytest.fixture
def formats(tmp_path, progress):
    """A table of how 100 real images are encoded: 60 JPEG 90, 30 JPEG 75, 10 PNG; fakes and spares do not count."""
    rows = [("JPEG", 90, "4:4:4")] * 60 + [("JPEG", 75, "4:2:0")] * 30 + [("PNG", None, None)] * 10
    keys = ("format", "jpeg_quality", "chroma_subsampling")
    table = [dict(zip(keys, row, strict=True)) | {"label": 0, "state": "kept"} for row in rows]
    table += [{"format": "GIF", "label": 1, "state": "kept"}, {"format": "GIF", "label": 0, "state": "rejected"}]
    pq.write_table(table_of(table, SELECTED), tmp_path / "selection.parquet")
    count_formats(selection=str(tmp_path / "selection.parquet"), formats=str(tmp_path / "formats.parquet"), progress=progress)
    return str(tmp_path / "formats.parquet")


def test_fakes_get_the_encodings_of_the_reals_in_their_proportions(taken, formats):
    policy = Policy({"encoding": "match"}, 7, formats)
    fakes = taken(1, 1)
    targets = Counter(policy.target({"label": 1, "id": f"x/{number}"}) for number in range(2000))
    shares = {target: round(count / 2000, 1) for target, count in targets.items()}
    assert shares == {("JPEG", 90, "4:4:4"): 0.6, ("JPEG", 75, "4:2:0"): 0.3, ("PNG", None, ""): 0.1}
    (row,) = done(policy, fakes)
    kind, quality, subsampling = policy.target({"label": 1, "id": row["id"]})
    assert (row["format"], row["jpeg_quality"], row["chroma_subsampling"] or "") == (kind, quality, subsampling)
    reals = taken(2, 0, "JPEG", quality=60)
    assert [row["sha256"] for row in done(policy, reals)] == reals["sha256"].to_pylist()


def test_what_is_drawn_depends_on_seed_and_id_alone(formats):
    one, same, two = (Policy({"encoding": "match"}, seed, formats) for seed in (1, 1, 2))
    ids = [{"label": 1, "id": f"x/{number}"} for number in range(300)]
    assert [one.target(row) for row in ids] == [same.target(row) for row in reversed(ids)][::-1]
    assert [one.target(row) for row in ids] != [two.target(row) for row in ids]


def test_with_a_size_reals_are_encoded_as_they_were(taken, formats):
    (row,) = done(Policy({"encoding": "match", "square": 40}, 7, formats), taken(1, 0, "JPEG", quality=63))
    assert (row["format"], row["jpeg_quality"], row["width"]) == ("JPEG", 63, 40)


def test_packing_twice_gives_the_same_bytes(taken, formats):
    table = taken(30, 1)
    policy = Policy({"encoding": "match"}, 7, formats)
    assert policy.apply(table).equals(policy.apply(table))


@pytest.mark.parametrize(
    ("images", "told"),
    [
        ({"encoding": "original"}, ""),
        ({"encoding": "match"}, "Fakes were encoded like"),
        ({"encoding": "JPEG", "quality": 90, "square": 256}, "as JPEG of quality 90, as centred squares of 256 pixels."),
        ({"encoding": "PNG", "longest": 512}, "as PNG, lossless, longer sides shrunk to 512 pixels."),
    ],
)
def test_the_policy_is_told_in_a_sentence(images, told):
    assert told in sentence(images)
    assert bool(sentence(images)) == bool(told)
