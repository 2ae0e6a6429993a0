"""file_ids.py: every id of AI-GenBench's published lists leads to its image, and the image back to its id."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

import pytest
from tests.building import HOME

from touchstone import tables
from touchstone.checking import load_checked
from touchstone.errors import TouchstoneError
from touchstone.file_ids import Place, locate
from touchstone.listing import complete
from touchstone.readers import Listing, Skip, reader

CARDS = HOME / "config" / "origins"
SUFFIX = {"artifact": ".jpg", "coco_2017": ".jpg", "sfhq_t2i": ".jpg"}
EXPECTED = HOME / "tests" / "expected" / "ai_genbench_counts.csv"


def read_ids(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").split("\n")[:-1]


@cache
def card(origin: str) -> dict:
    return load_checked("origin", CARDS / f"{origin}.yaml")


def rows_of(origin: str, listing: Listing) -> list[dict]:
    """Rows of the index that the origin's card makes of what is listed."""
    generators = load_checked("generators", CARDS / "generators.yaml")
    known = {key: generators[key] for key in card(origin).get("generators", [])}
    options = card(origin)["recipe"]["reader"]
    found = reader(options["name"])(listing, options)
    items = [item for item in found if not isinstance(item, Skip)]
    return [complete(item, origin, known, card(origin)["kind"], "", options.get("prefix")) for item in items]


def listing_of(origin: str, places: list[Place], polardiffshield: Path) -> Listing:
    """What a reader would see of an origin that holds images at these places."""
    members = [(place.file, place.member + SUFFIX.get(origin, ".png")) for place in places]
    document = {"annotations": []}
    if origin == "artifact":
        paths = defaultdict(list)
        for file, member in members:
            paths[f"{file}metadata.csv"].append({"image_path": member, "target": "1"})
        return Listing(files=list(paths), table=lambda name, columns: paths[name])
    if origin == "raise":
        return Listing(table=lambda name, columns: ({"TIFF": f"http://host/TIFF/{place.member}.TIF"} for place in places))
    if origin == "laion_400m":
        rows = [{"id": place.member, "url": "http://host/a.jpg", "original_prompt": ""} for place in places]
        return Listing(tables=["data/train-0.parquet"], columns=lambda name: [*rows[0]], table=lambda name, columns: rows)
    if origin == "polardiffshield":
        return Listing(table=lambda name, columns: tables.rows(polardiffshield, columns))
    return Listing(members=members, table=lambda name, columns: [], document=lambda name: document)


@pytest.fixture(scope="module")
def lists(shared_data) -> dict[str, list[str]]:
    names = ("train_real", "validation_real", "validation_fake")
    return {name: read_ids(shared_data / "lists" / f"{name}_file_ids.txt") for name in names}


@pytest.fixture(scope="module")
def listed(lists, shared_data) -> dict[str, dict]:
    """The row of every id, by way of its place; ELSA's are below."""
    places = defaultdict(list)
    for name in lists.values():
        for file_id in name:
            place = locate(file_id)
            places[place.origin].append(place)
    database = shared_data / "lists" / "polardiffshield_database.csv"
    found = {}
    for origin in places:
        if origin != "elsa_d3":
            rows = rows_of(origin, listing_of(origin, places[origin], database))
            assert len(rows) == len({row["id"] for row in rows})
            found |= {row["id"]: row for row in rows}
    return found


def test_all_ids_are_there(lists):
    assert {name: len(ids) for name, ids in lists.items()} == {
        "train_real": 144_000,
        "validation_real": 36_000,
        "validation_fake": 36_000,
    }
    assert len({file_id for ids in lists.values() for file_id in ids}) == 216_000


def test_every_id_leads_to_a_place_and_back(lists, listed):
    ids = {file_id for name in lists.values() for file_id in name if not file_id.startswith("ELSA_D3/")}
    assert len(ids) == 216_000 - 2_264
    assert ids - listed.keys() == set()
    others = {file_id for file_id in listed.keys() - ids if not file_id.startswith("Polardiffshield/")}
    assert others == set()  # of PolarDiffShield the whole table was listed
    assert sum(file_id.startswith("Polardiffshield/") for file_id in listed) == 8_000


def test_elsa_counts_rows_through_the_files_of_a_split(lists):
    ids = [file_id for file_id in lists["validation_fake"] if file_id.startswith("ELSA_D3/")]
    assert len(ids) == 2_264
    row = dict.fromkeys(["url", "original_prompt", "positive_prompt", "negative_prompt"], "") | {"id": "1"}
    sizes = {"train-00000-of-00002": 1_100_000, "train-00001-of-00002": 1_200_000, "val-0": 6_629, "validation-0": 4_800}
    sizes = {f"data/{stem}.parquet": size for stem, size in sizes.items()}
    columns = defaultdict(set)  # of the rows that are named
    for place in map(locate, ids):
        number, column = place.member.split("/")
        columns[f"{place.split}/row{number}/"].add(column)
    options = card("elsa_d3")["recipe"]["reader"]
    listing = Listing(tables=list(sizes), table=lambda name, columns: (row for _ in range(sizes[name])))
    first_rows = dict(zip(sizes, (0, 1_100_000, 2_300_000, 0), strict=True))
    count, found = 0, set()
    for item in reader("elsa_d3")(listing, {**options, "generators": {"image_gen0": "deepfloyd_if"}}):  # all four: a minute
        count += 1
        if (beginning := item["id"].removesuffix("image_gen0")) in columns:
            found |= {f"ELSA_D3/{beginning}{column}" for column in columns[beginning] if column in options["generators"]}
            place = int(item["source_member"].split("/")[0])
            assert beginning.endswith(f"/row{first_rows[item['source_file']] + place}/")
    assert count == 2_306_629 + 4_800
    assert found == set(ids)


def test_the_fakes_are_as_many_as_published_of_every_generator_and_origin(lists, listed):
    columns = card("elsa_d3")["recipe"]["reader"]["generators"]
    names = load_checked("generators", CARDS / "generators.yaml")
    found = Counter()
    for file_id in lists["validation_fake"]:
        place = locate(file_id)
        if place.origin == "elsa_d3":
            key = (names[columns[place.member.split("/")[1]]]["name"], f"ELSA_D3/{place.split[:5]}")
        else:
            key = (listed[file_id]["generator"], listed[file_id]["origin_dataset"])
        found[key[0], "GenImage/*" if key[1].startswith("GenImage/") else key[1]] += 1
    with open(EXPECTED, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert found == {(row["generator"], row["origin_dataset"]): int(row["validation"]) for row in rows}
    assert sum(int(row["total"]) for row in rows) == 180_000


def test_the_reals_are_as_many_as_published_of_every_origin(lists, listed):
    for name, expected in {
        "train_real": {"COCO2017_train": 79_288, "LAION-400M": 55_618, "RAISE": 5_298, "COCO2017_val": 3_796},
        "validation_real": {"LAION-400M": 23_862, "COCO2017_train": 12_006, "COCO2017_val": 68, "RAISE": 64},
    }.items():
        assert Counter(listed[file_id]["origin_dataset"] for file_id in lists[name]) == expected
        assert {listed[file_id]["label"] for file_id in lists[name]} == {0}


def test_polardiffshield_has_as_many_images_of_every_version_as_its_table_says(listed):
    found = Counter(row["generator"] for row in listed.values() if row["origin"] == "polardiffshield")
    expected = dict.fromkeys(("DALL-E 2", "DALL-E 3", "Glide", "Stable Diffusion 2.1", "Stable Diffusion XL 1.0"), 1000)
    expected |= {"Firefly 1": 504, "Firefly 2": 496, "Midjourney 5": 354, "Midjourney 5.1": 345, "Midjourney 5.2": 301}
    expected |= {f"Stable Diffusion 1.{n}": count for n, count in ((1, 250), (2, 242), (3, 268), (4, 240))}
    assert found == expected


def test_no_look_up_that_failed_left_a_text(listed):
    assert not any("None" in str(value) for row in listed.values() for value in row.values() if value is not None)


def test_pairs_are_ids_of_real_images(listed):
    pairs = [pair for row in listed.values() for pair in row["paired_real_images"]]
    assert len(pairs) > 1_500
    assert {locate(pair).origin for pair in pairs} == {"coco_2017", "raise"}


@pytest.mark.parametrize(
    ("file_id", "place"),
    [
        ("Artifact/cips/cips/cips-ffhq/img000104", Place("artifact", "", "cips/", "cips/cips-ffhq/img000104")),
        ("COCO2017_val/139", Place("coco_2017", "val2017", "val2017.zip", "val2017/000000000139")),
        ("ELSA_D3/validation/row478/image_gen0", Place("elsa_d3", "validation", "", "478/image_gen0")),
        ("Forensynths/progan_valid/car/1_fake/1", Place("forensynths", "valid", "progan_val/", "car/1_fake/1")),
        (
            "GenImage/Stable Diffusion 1.4/val/ai/010_sdv4_00020",
            Place(
                "genimage",
                "val",
                "stable_diffusion_v_1_4/imagenet_ai_0419_sdv4.zip",
                "imagenet_ai_0419_sdv4/val/ai/010_sdv4_00020",
            ),
        ),
        ("ILSVRC2012_train/n01440764/x_1", Place("imagenet_2012", "train", "train/", "n01440764/x_1")),
    ],
)
def test_a_place(file_id, place):
    assert locate(file_id) == place


def test_every_place_is_in_a_card():
    drct = "DRCT/sd-turbo/train2017/000000000078"
    for file_id in ("Aeroblade/a/1", "DMimageDetection/test/a/1", "DMimageDetection/train/a/1", "GenImage/Glide/val/ai/1", drct):
        place = locate(file_id)
        assert place.file in [file["path"] for file in card(place.origin)["files"]]


@pytest.mark.parametrize(
    "file_id", ["", "Imaginet", "Imaginet/dalle3", "Imaginet/a/b/c", "COCO2017_val/None", "LAION-400M/x", "Other/1"]
)
def test_other_texts_are_refused(file_id):
    with pytest.raises(TouchstoneError, match="is not an id of AI-GenBench"):
        locate(file_id)
