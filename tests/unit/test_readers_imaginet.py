"""readers/imaginet.py: the release and every source, packed and unpacked, by way of their cards."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests.building import HOME
from tests.trees_imaginet import FILES, HOSTILE, MISSING, MOJIBAKE, UNUSED, U, annotations, classes, contents, ffhq, pack

from touchstone.checking import load_checked
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.listing import list_origin
from touchstone.readers import Listing, Skip, reader

CARDS = HOME / "config" / "origins"
GENERATORS = load_checked("generators", CARDS / "generators.yaml")
SOURCES = [
    *("danbooru2021", "ffhq", "imaginet_coco", "imaginet_imagenet", "imaginet_synthetic"),
    *("journeydb", "lsun_progan", "photozilla", "wikiart"),
]


def image(path: str) -> bytes:
    return path.encode()


@pytest.fixture
def listed(progress, tmp_path):
    """``listed(origin, folder)`` → ``({id: row}, what was told)`` of what lies in the folder."""

    def run(origin: str, folder: Path) -> tuple[dict[str, dict], str]:
        card = load_checked("origin", CARDS / f"{origin}.yaml")
        files = [{"name": file["path"], "path": str(folder / file["path"])} for file in card["files"]]
        files = [file for file in files if Path(file["path"]).exists()]
        if any(file["path"] == "imagenet_classes.csv" for file in card["files"]):
            files.append({"name": "imagenet_classes.csv", "path": classes()})
        write_json(tmp_path / "receipt.json", {"files": files})
        list_origin(
            origin=origin,
            receipt=str(tmp_path / "receipt.json"),
            recipe=card["recipe"],
            generators={key: GENERATORS[key] for key in card.get("generators", [])},
            kind=card["kind"],
            licence=card["licence"],
            index=str(tmp_path / "index.parquet"),
            progress=progress,
        )
        rows = pq.read_table(tmp_path / "index.parquet").to_pylist()
        return {row["id"]: row for row in rows}, progress.streams[0].getvalue()

    return run


@pytest.mark.parametrize(
    ("kind", "name", "below"),
    [("/", "imaginet", ""), ("/", "imaginet", "imaginet/"), (".7z.001", "imaginet", ""), (".7z.001", "imaginet", "imaginet/")],
)
def test_the_release_packed_in_volumes_and_unpacked_gives_the_same_items(listed, tmp_path, kind, name, below):
    pack(tmp_path, kind, name, contents(image, below))
    annotations(tmp_path)
    rows, told = listed("imaginet_release", tmp_path)
    assert set(rows) == {f"imaginet_release/{path}" for path in FILES}
    assert all(row["source_member"] == below + path.removeprefix("imaginet_release/") for path, row in rows.items())
    assert {row["source_file"] for row in rows.values()} == {"imaginet/" if kind == "/" else "imaginet.7z.001"}
    assert {row["origin_dataset"] for row in rows.values()} == {"ImagiNet_test"}
    assert f"{len(UNUSED)} skipped: no list names it" in told
    assert f"the list of the test split names it, but it is not there (first: './{MISSING}')" in told
    assert "1 skipped: the list of the train split names it, but it is not there" in told


def test_every_sort_of_image_has_its_labels(listed, tmp_path):
    pack(tmp_path, "/", "imaginet", contents(image))
    annotations(tmp_path)
    rows, _ = listed("imaginet_release", tmp_path)
    names = ["ProGAN", "StyleGAN-XL", "StyleGAN3", "Stable Diffusion 2.1", "Stable Diffusion XL 1.0"]
    names += ["Animagine XL", "Midjourney", "DALL-E 3", ""]
    for path, labels in FILES.items():
        row = rows[f"imaginet_release/{path}"]
        origin, content, _, model = map(int, labels.split(","))
        assert (row["label"], row["generator"]) == (origin, names[model]), path
        assert row["content"] == ("photos", "paintings", "faces", "uncategorized")[content], path
        assert bool(row["released"]) == bool(row["conditioning"]) == bool(origin), path


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        (
            "imagenet/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00039402.JPEG",
            {"groups": ["imagenet:ILSVRC2012_val_00039402"], "class_label": "", "description": ""},
        ),
        ("val2017/000000261535.jpg", {"groups": ["coco:261535"], "class_label": ""}),
        ("progan_val/diningtable/0_real/10802.png", {"groups": [], "class_label": "diningtable", "conditioning": ""}),
        ("progan_train/car/1_fake/00001.png", {"conditioning": "noise", "description": "car"}),
        (
            "wikiart/Cubism/georges-braque_a-pumpkin-1944.jpg",
            {"groups": ["wikiart:georges-braque_a-pumpkin-1944"], "class_label": "Cubism"},
        ),
        ("wikiart/Expressionism/georges-braque_a-pumpkin-1944.jpg", {"groups": ["wikiart:georges-braque_a-pumpkin-1944"]}),
        (
            "wikiart/Contemporary_Realism/john-miller_beach(4).jpg",
            {"groups": ["wikiart:john-miller_beach"], "description": "Contemporary Realism"},
        ),
        (f"wikiart/Impressionism/{MOJIBAKE}.jpg", {"groups": [f"wikiart:{MOJIBAKE}"]}),
        ("danbooru2021/274591.jpg", {"groups": ["danbooru:274591"]}),
        (f"ffhq/{U[0]}.png", {"groups": [f"ffhq:{U[0]}"]}),
        ("photozilla/other_dataset/landscape/57.jpg", {"groups": [], "class_label": "landscape"}),
        (f"imagenet_stylegan/{U[1]}.png", {"conditioning": "class/imagenet_unknown", "licence": "CC-BY-4.0"}),
        ("wikiart_stylegan/seed3941.png", {"conditioning": "noise"}),
        (f"sd_faces_fake/{U[5]}.webp", {"conditioning": "text", "licence": "CC-BY-4.0"}),
        (f"journeydb/{U[10]}.jpg", {"conditioning": "text", "licence": "JourneyDB terms"}),
        (f"dalle3/{U[11]}.png", {"licence": "CC0-1.0"}),
        (f"dalle3_addition2/{U[13]}.png", {"licence": "CC-BY-4.0"}),
    ],
)
def test_a_record(listed, tmp_path, path, fields):
    pack(tmp_path, "/", "imaginet", contents(image))
    row = listed("imaginet_release", tmp_path)[0][f"imaginet_release/{path}"]
    assert {key: row[key] for key in fields} == fields


def test_the_sources_share_imaginets_root_and_hold_each_image_once(listed, tmp_path):
    root = tmp_path / "root"
    for path, data in contents(image).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    annotations(root, train=["wikiart/Cubism/nobody_nothing.jpg,0,1,4,8"])
    found, said = {}, ""
    for origin in SOURCES:
        rows, told = listed(origin, root)
        assert not found.keys() & rows.keys()
        found |= rows
        assert (MISSING in told) == (MISSING in said or origin == "journeydb")  # by its own card alone
        said = told
    assert set(found) == {*FILES, "wikiart/Cubism/nobody_nothing.jpg"}
    assert all(row["source_file"] + row["source_member"] == path for path, row in found.items())
    assert found["wikiart/Cubism/nobody_nothing.jpg"]["origin_dataset"] == "ImagiNet_train"
    assert {row["generator"] for row in found.values() if row["label"]} == {
        GENERATORS[key]["name"]
        for origin in SOURCES
        for key in load_checked("origin", CARDS / f"{origin}.yaml").get("generators", [])
    }


VAL = "imagenet/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00039402.JPEG"


@pytest.mark.parametrize(
    ("origin", "kind", "name", "member", "path"),
    [
        ("danbooru2021", "/", "danbooru2021", "0591/274591.jpg", "danbooru2021/274591.jpg"),
        ("danbooru2021", "/", "danbooru2021", "original/0591/274591.jpg", "danbooru2021/274591.jpg"),
        ("danbooru2021", ".zip", "danbooru2021", "274591.jpg", "danbooru2021/274591.jpg"),
        ("imaginet_coco", ".zip", "val2017", "val2017/000000261535.jpg", "val2017/000000261535.jpg"),
        ("imaginet_imagenet", ".zip", "imagenet-object-localization-challenge", VAL.removeprefix("imagenet/"), VAL),
        ("imaginet_imagenet", ".tar", "ILSVRC2012_img_val", VAL.rpartition("/")[2], VAL),
        ("imaginet_imagenet", "/", "val", "n01440764/ILSVRC2012_val_00039402.JPEG", VAL),
        ("imaginet_imagenet", "/", "ILSVRC", VAL.removeprefix("imagenet/ILSVRC/"), VAL),
        ("imaginet_synthetic", ".7z", "synthetic", f"dalle3/{U[11]}.png", f"dalle3/{U[11]}.png"),
        ("imaginet_synthetic", ".tar.gz", "synthetic", f"fakes/dalle3/{U[11]}.png", f"dalle3/{U[11]}.png"),
        ("journeydb", ".tgz", "000", f"000/{U[10]}.jpg", f"journeydb/{U[10]}.jpg"),
        ("journeydb", "/", "000", f"{U[10]}.jpg", f"journeydb/{U[10]}.jpg"),
        ("lsun_progan", ".zip", "progan_val", "diningtable/0_real/10802.png", "progan_val/diningtable/0_real/10802.png"),
        (
            "lsun_progan",
            ".zip",
            "progan_val",
            "progan_val/diningtable/1_fake/10802.png",
            "progan_val/diningtable/1_fake/10802.png",
        ),
        ("photozilla", "/", "dataset", "nature/12221.jpg", "photozilla/dataset/nature/12221.jpg"),
        ("photozilla", ".zip", "photozilla", "other_dataset/landscape/57.jpg", "photozilla/other_dataset/landscape/57.jpg"),
        (
            "wikiart",
            ".zip",
            "wikiart",
            f"Impressionism/{MOJIBAKE}.jpg",
            f"wikiart/Impressionism/{MOJIBAKE}.jpg",
        ),
    ],
)
def test_what_a_source_lies_in_elsewhere_has_imaginets_path(listed, tmp_path, origin, kind, name, member, path):
    pack(tmp_path, ".tar.gz" if kind == ".tgz" else kind, name, {member: image(path), "notes/1.png": b""})
    if kind == ".tgz":
        (tmp_path / "000.tar.gz").rename(tmp_path / "000.tgz")
    annotations(tmp_path)
    rows, told = listed(origin, tmp_path)
    assert {key: (row["source_member"], row["origin_dataset"]) for key, row in rows.items()} == {path: (member, "ImagiNet_test")}
    assert "(first: 'notes/1.png')" in told


def test_kaggles_table_tells_the_class_of_validation_images(listed, tmp_path):
    pack(tmp_path, "/", "imagenet", {VAL.removeprefix("imagenet/"): b""})
    (tmp_path / "LOC_val_solution.csv").write_text(
        "ImageId,PredictionString\nILSVRC2012_val_00039402,n01440764 1 2 3 4 n01440764 5 6 7 8\n", encoding="utf-8"
    )
    rows, _ = listed("imaginet_imagenet", tmp_path)
    assert (rows[VAL]["class_label"], rows[VAL]["description"]) == ("n01440764", "tench, Tinca tinca")


def test_a_whole_ffhq_is_known_by_the_md5_of_its_pixels(listed, tmp_path):
    ffhq(tmp_path, image)
    annotations(tmp_path)
    rows, told = listed("ffhq", tmp_path)
    assert list(rows) == [f"ffhq/{U[0]}.png"]
    row = rows[f"ffhq/{U[0]}.png"]
    assert (row["source_file"], row["source_member"]) == ("images1024x1024/", "00000/00042.png")
    assert row["groups"] == [f"ffhq:{U[0]}", "ffhq:00042"]
    assert (row["licence"], row["source_url"]) == ("Public Domain Mark 1.0", "https://www.flickr.com/photos/a/42/")
    assert f"1 skipped: FFHQ's index has no image of these pixels (first: '{U[14]}.png')" in told
    assert f"1 skipped: FFHQ's index has other pixels at its address (first: '{U[15]}.png')" in told
    assert "2 skipped: not in a folder of ImagiNet's" in told


def test_a_whole_ffhq_without_its_index_is_refused(listed, tmp_path):
    ffhq(tmp_path, image)
    (tmp_path / "ffhq-dataset-v2.json").unlink()
    with pytest.raises(TouchstoneError, match="which images of FFHQ are in ImagiNet is not known"):
        listed("ffhq", tmp_path)


def test_rows_that_cannot_be_meant_are_skipped_with_a_reason(listed, tmp_path):
    pack(tmp_path, "/", "imaginet", contents(image))
    bad = {
        "./dalle3/x.png,1,3,3,6\n": "labels that ImagiNet does not have",
        "./dalle3/y.png,1,9,3,7\n": "labels that ImagiNet does not have",
        "./dalle3/z.png,1,3,3,²\n": "labels that ImagiNet does not have",
        "./dalle3/w.png,1,0,3,7\n": "labels that contradict the folder",
        "./../dalle3/x.png,1,3,3,7\n": "a path that ImagiNet does not have",
        "/etc/passwd,0,0,4,8\n": "a path that ImagiNet does not have",
        "./val2017/000000261535.jpg,0,0,4,8\n": "a list names it twice",
    }
    annotations(tmp_path, test=bad)
    rows, told = listed("imaginet_release", tmp_path)
    assert len(rows) == len(FILES)
    for why in bad.values():
        assert f"{sum(each == why for each in bad.values())} skipped: {why}" in told


def test_a_path_of_no_card_is_told_by_every_card(listed, tmp_path):
    pack(tmp_path, "/", "wikiart", {"Cubism/nobody_nothing.jpg": b""})
    annotations(tmp_path, train=["wikiart/Cubism/nobody_nothing.jpg,0,1,4,8", "wikiart2/Cubism/x.jpg,0,1,4,8"])
    assert "1 skipped: a path that ImagiNet does not have" in listed("wikiart", tmp_path)[1]


def test_a_name_with_a_comma_is_one_path(listed, tmp_path):
    path = "wikiart/Cubism/a_still-life,-1912.jpg"
    pack(tmp_path, "/", "imaginet", {path: b""})
    annotations(tmp_path, train=[f"{path},0,1,4,8"])
    assert list(listed("imaginet_release", tmp_path)[0]) == [f"imaginet_release/{path}"]


def test_without_lists_all_that_imaginet_could_hold_is_listed(listed, tmp_path):
    pack(tmp_path, "/", "imaginet", contents(image))
    rows, told = listed("imaginet_release", tmp_path)
    assert len(rows) == len(FILES) + len(UNUSED)
    assert {row["origin_dataset"] for row in rows.values()} == {"ImagiNet"}
    for why in ("a file of the operating system", "not the suffix of an image", "not in a folder of ImagiNet's"):
        assert why in told


def test_archive_and_folder_together_count_once(listed, tmp_path):
    pack(tmp_path, "/", "imaginet", contents(image))
    pack(tmp_path, ".7z.001", "imaginet", contents(image))
    annotations(tmp_path)
    rows, told = listed("imaginet_release", tmp_path)
    assert {row["source_file"] for row in rows.values()} == {"imaginet/"}
    assert f"{len(FILES)} skipped: the same image lies elsewhere, too" in told


NO_IMAGES = ["/etc/1.png", "../1.png", "a/../../1.png", "a\\1.png", "\udcfc.png", "__MACOSX/a/1.png", "a/._1.png", "", "a/1"]


@pytest.mark.parametrize("origin", ["imaginet_release", *SOURCES])
def test_hostile_members_are_skipped_with_a_reason(origin):
    options = load_checked("origin", CARDS / f"{origin}.yaml")["recipe"]["reader"]
    names = [*NO_IMAGES, *HOSTILE, "1.png", "über/1.png", "a/b/c/d/e/1.png"]
    members = [(file, member) for file in ("x.zip", "wikiart/", "dalle3/") for member in names]
    members = [(file, member) for file, member in members if (file, member) != ("dalle3/", "1.png")]
    found = list(reader(options["name"])(Listing(members=members), options))
    assert [item.name for item in found if isinstance(item, Skip) and item.why] == [
        member for file, member in members if (file, member, origin) not in _meant(origin)
    ]


def _meant(origin: str) -> set[tuple[str, str, str]]:
    """Names that do mean an image: a folder below a style is one, whatever it is called."""
    return {("wikiart/", "über/1.png", origin)} if origin in ("imaginet_release", "wikiart") else set()
