"""screen.py: what no dataset wants is rejected, what belongs together is one group, wherever it comes from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.pictures import drawing, encode

from touchstone.draw import DRAWN, rank_keys
from touchstone.errors import TouchstoneError
from touchstone.images import measure, perceptual_hash
from touchstone.record import SCREENED, empty_item, table_of
from touchstone.screen import screen
from touchstone.shards import append_rows, shard_writer, taken

LIMITS = {"min_side": 32, "near_duplicate_bits": 3, "placeholder_addresses": 3}
SEED = 7


class Place:
    """Origins drawn and taken, as the steps before leave them."""

    def __init__(self, folder: Path, progress):
        self.folder, self.progress, self.drawn, self.shards, self.takedown = folder, progress, [], [], []

    def add(self, origin: str, pictures: list, per_shard: int = 3, part: str = "painter", **columns: list) -> None:
        """An origin of these encoded pictures; None is a picture that could not be taken."""
        rows = []
        for rank, data in enumerate(pictures):
            pick = empty_item() | {"id": f"{origin}/{rank}", "origin": origin, "label": int(part != "real")}
            pick |= {name: values[rank] for name, values in columns.items()}
            rows.append(taken(pick, data or b"no picture"))
        names = [f"{part}-{rank // per_shard:05d}" for rank in range(len(rows))]
        drawn = [
            {"id": row["id"], "part": part, "rank": rank, "shard": names[rank], "row": rank % per_shard}
            for rank, row in enumerate(rows)
        ]
        self.drawn.append(str(self.folder / origin / "draw.parquet"))
        (self.folder / origin).mkdir()
        pq.write_table(table_of(drawn, DRAWN), self.drawn[-1])
        for name in dict.fromkeys(names):
            self.write(origin, name, [row for row, shard in zip(rows, names, strict=True) if shard == name])

    def write(self, origin: str, shard: str, rows: list[dict]) -> None:
        path = str(self.folder / origin / f"{shard}.parquet")
        with shard_writer(path) as writer:
            append_rows(writer, rows)
        if path not in self.shards:
            self.shards.append(path)

    def screen(self, shards: list[str] | None = None, images: dict | None = None, **limits: int) -> list[dict]:
        out = str(self.folder / "screen.parquet")
        screen(
            drawn=self.drawn,
            shards=shards or self.shards,
            takedown=[str(path) for path in self.takedown],
            limits=LIMITS | limits,
            images=images or {"encoding": "original"},
            seed=SEED,
            out=out,
            progress=self.progress,
        )
        table = pq.read_table(out)
        assert table.schema.equals(SCREENED)
        return table.to_pylist()


@pytest.fixture
def place(tmp_path, progress):
    return Place(tmp_path, progress)


def verdicts(rows: list[dict]) -> dict[str, tuple[str, str]]:
    return {row["id"]: (row["step"], row["reason"]) for row in rows if row["state"] == "rejected"}


def partition(rows: list[dict]) -> set[frozenset[str]]:
    """The groups of more than one item."""
    groups: dict[int, set[str]] = {}
    for row in rows:
        groups.setdefault(row["group"], set()).add(row["id"])
    return {frozenset(ids) for ids in groups.values() if len(ids) > 1}


def grey(value: int, size: tuple[int, int] = (40, 40)) -> bytes:
    return encode(Image.new("RGB", size, (value, value, value)), "PNG")


# -- the table ---------------------------------------------------------------------------------------


def test_every_drawn_item_is_a_row_in_the_order_of_the_draws(place, picture):
    place.add("b", [picture(seed=number) for number in range(7)])
    place.add("a", [picture(seed=10 + number) for number in range(2)], part="real")
    rows = place.screen()
    assert [row["id"] for row in rows] == [f"b/{number}" for number in range(7)] + ["a/0", "a/1"]
    assert [(row["part"], row["shard"], row["row"], row["rank"]) for row in rows[5:8]] == [
        ("painter", "painter-00001", 2, 5),
        ("painter", "painter-00002", 0, 6),
        ("real", "real-00000", 0, 0),
    ]
    assert {(row["state"], row["reason"], row["step"]) for row in rows} == {("taken", "", "")}
    facts = measure(picture(seed=6))
    assert all(rows[6][name] == facts[name] for name in ("format", "width", "height", "n_bytes", "sha256", "pixel_sha256"))


def test_what_was_rejected_at_the_take_keeps_its_reason(place, picture):
    place.add("a", [picture(seed=1), None, picture("PNG", size=(200, 200), seed=2)[:9000]])
    rows = place.screen(min_side=100)
    assert verdicts(rows) == {
        "a/0": ("screen", "too_small"),
        "a/1": ("take", "unreadable"),
        "a/2": ("take", "truncated"),
    }
    assert rows[1]["detail"]
    assert rows[1]["width"] is None


# -- verdicts ----------------------------------------------------------------------------------------


def test_blank_pictures_are_rejected_whatever_their_shade(place, picture):
    nearly = Image.new("L", (40, 40), 0)
    nearly.putpixel((20, 20), 200)
    place.add("a", [grey(0), picture(seed=1), grey(255), grey(1), encode(nearly, "PNG")])
    assert verdicts(place.screen()) == {f"a/{number}": ("screen", "blank") for number in (0, 2, 3)}


def test_the_shorter_side_decides_and_the_limit_itself_is_enough(place, picture):
    sizes = [(32, 32), (31, 500), (500, 31), (32, 33), (8, 8)]
    place.add("a", [picture(size=size, seed=number) for number, size in enumerate(sizes)])
    assert verdicts(place.screen()) == {f"a/{number}": ("screen", "too_small") for number in (1, 2, 4)}


def test_what_the_encoding_cannot_hold_is_rejected(place, picture):
    place.add("a", [picture("PNG", size=size, seed=size[1]) for size in ((16_383, 32), (33, 16_384), (34, 34))])
    assert verdicts(place.screen(images={"encoding": "WEBP"})) == {"a/1": ("screen", "too_long")}
    assert verdicts(place.screen(images={"encoding": "match"})) == {"a/1": ("screen", "too_long")}
    for images in ({"encoding": "original"}, {"encoding": "JPEG", "quality": 90}, {"encoding": "WEBP", "square": 64}):
        assert verdicts(place.screen(images=images)) == {}


def test_a_picture_that_many_addresses_give_is_a_placeholder_and_not_one_copy_is_kept(place, picture):
    def urls(text: str) -> list[str]:
        return [letter and f"http://a.test/{letter}" for letter in text.split(",")]

    place.add("a", [picture(seed=1)] * 4, part="real", source_url=urls("k,l,m,m"))  # three addresses
    place.add("b", [picture(seed=2)] * 4, part="real", source_url=urls("n,o,o,o"))  # two
    place.add("c", [picture(seed=3)] * 4, part="real", source_url=urls(",,,"))  # of an archive
    found = verdicts(place.screen())
    assert [found.get(f"a/{number}", ("", ""))[1] for number in range(4)] == ["placeholder"] * 4
    for origin in "bc":
        assert [found.get(f"{origin}/{number}", ("", ""))[1] for number in range(4)] == ["", *["exact_duplicate"] * 3]


def test_of_equal_pixels_the_earliest_is_kept_and_the_others_name_it(place, picture):
    image = drawing(seed=1)
    same = [encode(image, "PNG"), encode(image, "PNG", compress_level=0), encode(image, "WEBP", lossless=True)]
    place.add("b", [picture(seed=2), same[0], same[1]])
    place.add("a", [same[2], picture(seed=3)], part="real")
    rows = place.screen()
    assert verdicts(rows) == {"b/2": ("screen", "exact_duplicate"), "a/0": ("screen", "exact_duplicate")}
    assert [row["detail"] for row in rows] == ["", "", "b/1", "b/1", ""]
    assert frozenset({"b/1", "b/2", "a/0"}) in partition(rows)


def test_a_rejected_one_is_no_reason_to_reject_its_copies_twice(place):
    """Blank and too small come first; a copy of a rejected row has the same fault itself."""
    small = encode(drawing(size=(16, 16), seed=1), "PNG")
    place.add("a", [grey(0), grey(0), small, small])
    assert verdicts(place.screen()) == {
        "a/0": ("screen", "blank"),
        "a/1": ("screen", "blank"),
        "a/2": ("screen", "too_small"),
        "a/3": ("screen", "too_small"),
    }


# -- groups ------------------------------------------------------------------------------------------


def test_shared_keys_and_chains_of_them_are_one_group(place, picture):
    keys = [["x"], ["x", "y"], ["y"], ["z"], [], ["z", "z"], []]
    place.add("a", [picture(seed=number) for number in range(7)], groups=keys)
    assert partition(place.screen()) == {frozenset({"a/0", "a/1", "a/2"}), frozenset({"a/3", "a/5"})}


def test_pairs_are_groups_across_origins_also_where_the_real_one_was_not_drawn(place, picture):
    pairs = [["real/1"], ["real/1"], ["real/nowhere"], ["real/nowhere"], []]
    place.add("fake", [picture(seed=number) for number in range(5)], paired_real_images=pairs)
    place.add("real", [picture(seed=10 + number) for number in range(3)], part="real")
    assert partition(place.screen()) == {frozenset({"fake/0", "fake/1", "real/1"}), frozenset({"fake/2", "fake/3"})}


def test_nearly_the_same_pictures_are_one_group_within_the_bits_allowed(place):
    one, other = drawing(size=(64, 64), seed=1), drawing(size=(64, 64), seed=2)
    copies = [encode(one, "PNG"), encode(one, "JPEG", quality=60), encode(one.resize((96, 96)), "PNG"), encode(other, "PNG")]
    bits = max(distance(copies[0], copy) for copy in copies[:3])
    assert bits <= 3 < distance(copies[0], copies[3])
    place.add("a", copies)
    assert partition(place.screen()) == {frozenset({"a/0", "a/1", "a/2"})}


def distance(one: bytes, other: bytes) -> int:
    return (int(measure(one)["phash"], 16) ^ int(measure(other)["phash"], 16)).bit_count()


def test_bits_zero_means_the_same_hash(place):
    image = Image.effect_noise((64, 64), 90)
    lighter = image.point([min(value + 40, 255) for value in range(256)])
    steps = (int(perceptual_hash(image)) ^ int(perceptual_hash(lighter))).bit_count()
    assert steps > 0
    place.add("a", [encode(image, "PNG"), encode(image, "WEBP", lossless=True), encode(lighter, "PNG")])
    assert partition(place.screen(near_duplicate_bits=0)) == {frozenset({"a/0", "a/1"})}


def test_a_rejected_row_ties_together_what_it_shares_with_others(place, picture):
    place.add("a", [picture(seed=1), None, picture(seed=2)], groups=[["x"], ["x", "y"], ["y"]])
    rows = place.screen()
    assert verdicts(rows) == {"a/1": ("take", "unreadable")}
    assert partition(rows) == {frozenset({"a/0", "a/1", "a/2"})}


def test_blank_pictures_do_not_tie_together_what_they_were_made_for(place, picture):
    """A safety checker's black pictures are all alike, and no reason to put all their prompts into one group."""
    place.add(
        "a",
        [grey(0), grey(0), grey(255), picture(seed=1), picture(seed=2)],
        groups=[["one"], ["two"], ["three"], ["one"], ["two"]],
    )
    assert partition(place.screen()) == {frozenset({"a/0", "a/3"}), frozenset({"a/1", "a/4"})}


def test_a_groups_key_is_the_least_hash_of_its_members(place, picture):
    place.add("a", [picture(seed=number) for number in range(4)], groups=[["x"], [], ["x"], []])
    keys = rank_keys(SEED, [f"a/{number}" for number in range(4)])
    expected = [min(keys[0], keys[2]), keys[1], min(keys[0], keys[2]), keys[3]]
    assert [row["group"] for row in place.screen()] == [int(key) for key in expected]


def test_another_origin_changes_no_group_it_has_no_part_in(place, picture):
    place.add("a", [picture(seed=number) for number in range(5)], groups=[["x"], ["x"], [], [], []])
    before = {row["id"]: row["group"] for row in place.screen()}
    place.add("b", [picture(seed=20 + number) for number in range(5)], groups=[["y"], ["y"], [], [], []])
    after = {row["id"]: row["group"] for row in place.screen()}
    assert {name: after[name] for name in before} == before


def test_groups_are_those_of_a_search_through_everything(place):
    """Against the plain definition: connect whatever shares a key, a pair or a near hash, until nothing changes."""
    chance = np.random.default_rng(3)
    images = [drawing(size=(48, 48), seed=number) for number in range(8)]
    pictures = [encode(images[chance.integers(8)], "JPEG", quality=int(chance.choice([70, 80, 95]))) for _ in range(40)]
    keys = [[f"k{key}" for key in chance.integers(60, size=chance.integers(3))] for _ in range(40)]
    pairs = [[f"a/{chance.integers(40)}"] if chance.random() < 0.1 else [] for _ in range(40)]
    place.add("a", pictures, groups=keys, paired_real_images=pairs)
    label = list(range(40))
    ties = [
        (one, other)
        for one in range(40)
        for other in range(40)
        if set(keys[one]) & set(keys[other])
        or pairs[one] == [f"a/{other}"]
        or (pairs[one] and pairs[one] == pairs[other])
        or distance(pictures[one], pictures[other]) <= 3
    ]
    while any(label[one] != label[other] for one, other in ties):
        for one, other in ties:
            label[one] = label[other] = min(label[one], label[other])
    expected = {frozenset(f"a/{row}" for row in range(40) if label[row] == name) for name in set(label)}
    assert partition(place.screen()) == {group for group in expected if len(group) > 1}


# -- order and damage --------------------------------------------------------------------------------


def test_the_order_of_the_shards_changes_nothing(place, picture):
    for origin, start in (("a", 0), ("b", 5)):
        place.add(origin, [picture(seed=start + number) for number in range(8)], per_shard=2)
    rows = place.screen()
    assert place.screen(shards=place.shards[::-1]) == rows
    shuffled = list(np.random.default_rng(0).permutation(place.shards))
    assert place.screen(shards=[str(path) for path in shuffled]) == rows


@pytest.mark.parametrize("change", ["fewer", "more", "other", "order"])
def test_a_shard_that_does_not_hold_what_was_drawn_is_named(place, picture, change):
    place.add("a", [picture(seed=number) for number in range(6)])
    rows = [
        taken(empty_item() | {"id": f"a/{number}", "origin": "a", "label": 1}, picture(seed=number)) for number in range(3, 7)
    ]
    shard = {"fewer": rows[:2], "more": rows, "other": [*rows[:2], rows[3]], "order": [rows[1], rows[0], rows[2]]}[change]
    place.write("a", "painter-00001", shard)
    with pytest.raises(TouchstoneError, match=r"exactly the items[\s\S]*a/painter-00001\.parquet[\s\S]*--forcerun") as error:
        place.screen()
    assert error.value.where.endswith("a/painter-00001.parquet")
    assert not (place.folder / "screen.parquet").exists()


def test_a_missing_and_a_damaged_shard_are_named(place, picture):
    place.add("a", [picture(seed=number) for number in range(6)])
    second = Path(place.shards[1])
    group = pq.read_metadata(second).row_group(0)
    columns = {group.column(number).path_in_schema: group.column(number) for number in range(group.num_columns)}
    data = bytearray(second.read_bytes())
    data[columns["phash"].data_page_offset + columns["phash"].total_compressed_size // 2] ^= 1
    second.write_bytes(data)
    with pytest.raises(TouchstoneError, match=r"damaged[\s\S]*painter-00001"):
        place.screen()
    second.unlink()
    with pytest.raises(TouchstoneError, match=r"missing[\s\S]*painter-00001"):
        place.screen()


def test_an_item_of_which_nothing_could_be_taken_alone(place):
    place.add("a", [None, None])
    rows = place.screen()
    assert verdicts(rows) == {"a/0": ("take", "unreadable"), "a/1": ("take", "unreadable")}
    assert len({row["group"] for row in rows}) == 2
    assert pa.types.is_uint64(pq.read_schema(place.folder / "screen.parquet").field("group").type)


# -- takedown ----------------------------------------------------------------------------------------


def test_what_is_on_a_list_is_taken_down_by_any_of_its_columns(place, tmp_path):
    urls = [f"https://example.org/{number}" for number in range(6)]
    place.add("a", [encode(drawing(seed=number), "PNG") for number in range(6)], source_url=urls)
    rows = place.screen()
    (tmp_path / "ids.txt").write_text("a/1\na/99\n", encoding="utf-8")
    (tmp_path / "hashes.csv").write_text(f"sha256\n{rows[3]['sha256']}\n", encoding="utf-8")
    (tmp_path / "urls.csv").write_text("source_url\nhttps://example.org/4\n\n", encoding="utf-8")
    place.takedown = [tmp_path / name for name in ("ids.txt", "hashes.csv", "urls.csv")]
    rows = place.screen()
    assert verdicts(rows) == {f"a/{number}": ("screen", "taken_down") for number in (1, 3, 4)}
    assert {row["id"]: row["detail"] for row in rows if row["reason"]} == {
        "a/1": "ids.txt",
        "a/3": "hashes.csv",
        "a/4": "urls.csv",
    }


def test_a_takedown_list_that_cannot_be_read_stops_the_step(place, tmp_path):
    place.add("a", [encode(drawing(), "PNG")])
    place.takedown = [tmp_path / "gone.csv"]
    with pytest.raises(TouchstoneError, match=r"cannot be read[\s\S]*gone\.csv"):
        place.screen()
