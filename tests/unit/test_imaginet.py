"""imaginet.py: every row of the published lists leads to its image and back, and the lists' defects are found."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest
from tests.building import HOME

from touchstone import lists
from touchstone.checking import load_checked
from touchstone.errors import TouchstoneError
from touchstone.ffhq import MAP
from touchstone.file_ids import Place
from touchstone.files import sha256_of
from touchstone.imaginet import FIELDS, Labels, labels_of, locate, overlap, source_of
from touchstone.listing import complete
from touchstone.readers import Listing, Skip, reader

CARDS = HOME / "config" / "origins"
PARTS = {"gan": 15_000, "sd": 15_000, "midjourney": 5_000, "dalle3": 5_000}
COUNTS = {  # generator, content: images of the test part
    **{("", "photos"): 6_000, ("", "paintings"): 4_500, ("", "faces"): 4_500, ("", "uncategorized"): 5_000},
    **{("progan", "photos"): 1_500, ("stylegan_xl", "photos"): 1_500, ("stylegan_xl", "faces"): 2_250},
    **{("stylegan3", "paintings"): 2_250, ("animagine_xl", "paintings"): 1_125},
    **{("stable_diffusion_2_1", "photos"): 1_521, ("stable_diffusion_2_1", "paintings"): 548},
    **{("stable_diffusion_2_1", "faces"): 1_128, ("stable_diffusion_xl_1_0", "photos"): 1_479},
    **{("stable_diffusion_xl_1_0", "paintings"): 577, ("stable_diffusion_xl_1_0", "faces"): 1_122},
    **{("midjourney", "uncategorized"): 2_500, ("dall_e_3", "uncategorized"): 2_500},
}
ORIGINS = {  # origin, its own split: images of the test part
    **{("imaginet_imagenet", "val"): 1_500, ("imaginet_coco", "val2017"): 3_000, ("lsun_progan", "val"): 3_000},
    **{("wikiart", ""): 2_250, ("danbooru2021", ""): 2_250, ("ffhq", ""): 4_500, ("photozilla", ""): 5_000},
    **{("journeydb", ""): 2_500, ("imaginet_synthetic", ""): 16_000},
}


def read(shared_data, name: str, fields=FIELDS) -> list[dict]:
    return list(lists.rows(shared_data / "lists/imaginet" / name, fields))


@pytest.fixture(scope="module")
def rows(shared_data) -> list[dict]:
    return read(shared_data, "test_annotations.txt")


@pytest.mark.parametrize("origin", ["imaginet_release", *sorted({origin for origin, _ in ORIGINS})])
def test_the_cards_know_the_published_lists(shared_data, origin):
    checked = 0
    for file in load_checked("origin", CARDS / f"{origin}.yaml")["files"]:
        path = shared_data / "lists/imaginet" / file["path"].rpartition("/")[2]
        if "sha256" in file:
            assert (file["size"], file["sha256"]) == (path.stat().st_size, sha256_of(path))
            assert file["source"].endswith(f"/d87b53a03466a68f5e1910d75c7909b8ba596f99/{file['path']}")
            checked += 1
    assert checked == {"imaginet_release": 7, "ffhq": 2}.get(origin, 1)


def test_every_row_leads_to_a_place_and_back(rows):
    places = [locate(row["path"]) for row in rows]
    assert len({place[2:] for place in places}) == len(rows) == 40_000
    assert [f"./{place.file}{place.member}" for place in places] == [row["path"] for row in rows]
    assert Counter(place[:2] for place in places) == ORIGINS
    files = {
        origin: [file["path"] for file in load_checked("origin", CARDS / f"{origin}.yaml")["files"]] for origin, _ in ORIGINS
    }
    assert all(place.file in files[place.origin] for place in places)


def test_folder_and_labels_of_every_row_agree_and_are_as_many_as_published(rows):
    labels = [labels_of(row) for row in rows]
    assert [source_of(row["path"][2:])[0].labels for row in rows] == labels
    assert Counter((each.generator, each.content) for each in labels) == COUNTS
    assert Counter(each.group for each in labels) == {
        **{"real": 20_000, "gan": 7_500, "sd": 7_500, "midjourney": 2_500, "dalle3": 2_500}
    }


@pytest.mark.parametrize("packed", [False, True], ids=["sources", "release"])
def test_the_readers_list_every_row_under_its_own_path(rows, packed):
    generators = load_checked("generators", CARDS / "generators.yaml")
    members = defaultdict(list)
    for place in (locate(row["path"]) for row in rows):
        if packed:
            members["imaginet_release"].append(("imaginet.7z.001", place.file + place.member))
        else:
            members[place.origin].append((place.file, place.member))
    found = {}
    for origin, lie in members.items():
        card = load_checked("origin", CARDS / f"{origin}.yaml")
        options = card["recipe"]["reader"]
        listing = Listing(
            files=["annotations/test_annotations.txt"], members=lie, table=lambda *_: rows, document=lambda name: {}
        )
        items = list(reader("imaginet")(listing, options))
        assert not [item for item in items if isinstance(item, Skip)]
        known = {key: generators[key] for key in card.get("generators", [])}
        for item in items:
            row = complete(item, origin, known, "archive", card["licence"], options.get("prefix"))
            found[f"./{row['id'].removeprefix('imaginet_release/')}"] = row
    assert found.keys() == {row["path"] for row in rows}
    assert {row["origin_dataset"] for row in found.values()} == {"ImagiNet_test"}
    names = {key: value["name"] for key, value in generators.items()} | {"": ""}
    assert Counter((row["generator"], row["content"]) for row in found.values()) == {
        (names[key], content): count for (key, content), count in COUNTS.items()
    }


def test_the_groups_are_no_partition_of_the_list(shared_data, rows):
    parts = {name: [row["path"] for row in read(shared_data, f"test_annotations_{name}.txt")] for name in PARTS}
    assert {name: len(paths) for name, paths in parts.items()} == PARTS
    found = overlap([row["path"] for row in rows], parts)
    assert Counter(locate(path).origin for path in found.nowhere) == {"photozilla": 1_674, "wikiart": 2, "danbooru2021": 2}
    assert not found.elsewhere
    assert found.times == {1: 37_175, 2: 754, 3: 272, 4: 108, 5: 10, 6: 2, 7: 1}
    assert found.within == {"gan": 29, "sd": 20, "midjourney": 0, "dalle3": 6}


def test_images_that_detectors_are_calibrated_on_are_scored(shared_data):
    scored = [row["path"] for row in read(shared_data, "test_all.txt")]
    calibration = read(shared_data, "test_calibration.txt")
    found = overlap(scored, {"calibration": [row["path"] for row in calibration]})
    assert (len(scored), found.times, found.elsewhere) == (40_000, {1: 80}, [])
    assert Counter(labels_of(row).group == "real" for row in calibration) == {True: 40, False: 40}


def test_every_face_of_the_list_is_in_the_map(shared_data, rows):
    faces = read(shared_data, "ffhq_filenames.txt", MAP)
    assert [len({row[field] for row in faces}) for field in MAP] == [22_500] * 3
    assert {row["path"] for row in rows if row["path"].startswith("./ffhq/")} <= {f"./ffhq/{row['name']}" for row in faces}


def test_a_whole_ffhq_gives_every_face_of_the_list(shared_data, rows):
    faces = read(shared_data, "ffhq_filenames.txt", MAP)
    index = {
        str(number): {
            "metadata": {},
            "image": {
                "file_url": f"https://drive.google.com/uc?id={row['drive']}",
                "file_path": f"images1024x1024/{number // 1000 * 1000:05}/{number:05}.png",
                "pixel_md5": row["pixel_md5"],
            },
        }
        for number, row in enumerate(faces)
    }
    options = load_checked("origin", CARDS / "ffhq.yaml")["recipe"]["reader"]
    files = {"annotations/test_annotations.txt": rows, options["faces"]["map"]: faces}
    listing = Listing(
        files=[*files, options["faces"]["index"], "images1024x1024/"],
        members=[("images1024x1024/", entry["image"]["file_path"].partition("/")[2]) for entry in index.values()],
        table=lambda name, columns: files[name],
        document=lambda name: index,
    )
    found = [item for item in reader("imaginet")(listing, options) if not isinstance(item, Skip)]
    assert {f"./{item['id']}" for item in found} == {row["path"] for row in rows if row["path"].startswith("./ffhq/")}
    member = {row["name"]: index[str(number)]["image"]["file_path"] for number, row in enumerate(faces)}
    assert all(item["source_file"] + item["source_member"] == member[item["id"].removeprefix("ffhq/")] for item in found)


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("./val2017/000000261535.jpg", Place("imaginet_coco", "val2017", "val2017/", "000000261535.jpg")),
        ("./progan_train/car/0_real/1.png", Place("lsun_progan", "train", "progan_train/", "car/0_real/1.png")),
        ("./wikiart/Cubism/a_b,-c.jpg", Place("wikiart", "", "wikiart/", "Cubism/a_b,-c.jpg")),
        ("./dalle3_addition2/x.png", Place("imaginet_synthetic", "", "dalle3_addition2/", "x.png")),
    ],
)
def test_a_place(path, place):
    assert locate(path) == place


@pytest.mark.parametrize(
    "path", ["", "./", "./dalle3", "./dalle3/a/b.png", "./dalle4/a.png", "./../dalle3/a.png", "/dalle3/a.png"]
)
def test_other_paths_are_refused(path):
    with pytest.raises(TouchstoneError, match="is not a path of ImagiNet"):
        locate(path)


@pytest.mark.parametrize(
    ("numbers", "labels"),
    [
        ("0,0,4,8", Labels("photos", "real", "")),
        ("1,3,3,7", Labels("uncategorized", "dalle3", "dall_e_3")),
        ("0,0,3,7", None),  # real, and made by a generator
        ("1,0,4,8", None),
        ("1,0,0,3", None),  # a GAN's group and a diffusion model
        ("1,4,0,0", None),
        ("1,0,0,9", None),
        ("1,0,0,", None),
        ("-1,0,0,0", None),
        ("1,0,0,\u0660", None),
        pytest.param(f"1,{'9' * 5000},0,0", None, id="5,000 digits"),
    ],
)
def test_labels_that_contradict_each_other_are_none(numbers, labels):
    assert labels_of(dict(zip(FIELDS, ["x", *numbers.split(",")], strict=True))) == labels


def test_an_overlap_is_counted():
    found = overlap("abcd", {"one": "aab", "two": "bx"})
    assert found == (["c", "d"], ["x"], {2: 2, 1: 1}, {"one": 1, "two": 0})
