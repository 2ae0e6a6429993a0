"""ImagiNet's release in 7z volumes and one of its sources in a tgz, with their annotation lists, built by the real Snakemake."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image
from tests.archives import archive
from tests.building import Workplace
from tests.pictures import drawing, encode

pytestmark = pytest.mark.slow

FOLDERS = {  # of the release: labels of the annotation list, suffix and number of images
    "val2017": ("0,0,4,8", "jpg", 5),
    "wikiart/Cubism": ("0,1,4,8", "jpg", 5),
    "ffhq": ("0,2,4,8", "png", 5),
    "photozilla/dataset/food": ("0,3,4,8", "jpg", 5),
    "progan_val/car/1_fake": ("1,0,0,0", "png", 2),
    "ffhq_stylegan": ("1,2,0,1", "png", 2),
    "wikiart_stylegan": ("1,1,0,2", "png", 2),
    "sd_faces_fake": ("1,2,1,3", "webp", 2),
    "sdxl_photos_fake": ("1,0,1,4", "webp", 2),
    "animaginexl_paintings_fake": ("1,1,1,5", "webp", 2),
    "dalle3": ("1,3,3,7", "png", 2),
}
FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}


def picture(number: int, suffix: str) -> bytes:
    return encode(drawing((96, 80), "RGB", number), FORMATS[suffix])


def without_checks(place: Workplace, origin: str) -> None:
    """The card as it is, but with lists of this test in place of the published ones."""
    path = place.folder / "config/origins" / f"{origin}.yaml"
    card = yaml.safe_load(path.read_text(encoding="utf-8"))
    for file in card["files"]:
        if file["path"].startswith("annotations/"):
            file.pop("source"), file.pop("size", None), file.pop("sha256", None)
            file["optional"] = True
    path.write_text(yaml.safe_dump(card, sort_keys=False), encoding="utf-8")


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> tuple[Workplace, Path, dict[str, bytes]]:
    """The finished build, the user's folder, and what was in it when the build began."""
    folder = tmp_path_factory.mktemp("imaginet")
    shelf = folder / "shelf"
    (shelf / "annotations").mkdir(parents=True)
    members, rows, number = {}, {"test": [], "train": []}, 0
    for name, (labels, suffix, count) in FOLDERS.items():
        for each in range(count):
            number += 1
            path = f"{name}/{number:012}.{suffix}"
            members[path] = picture(number, suffix)
            rows["test" if each % 2 else "train"].append(f"./{path},{labels}\n")
    members["dalle3/unused.png"] = picture(900, "png")
    rows["test"].append("./dalle3/missing.png,1,3,3,7\n")
    midjourney = {f"000/{number:012}.jpg": picture(number, "jpg") for number in range(500, 506)}
    rows["train"] += [f"./journeydb/{path[4:]},1,3,2,6\n" for path in list(midjourney)[:4]]
    for split, lines in rows.items():
        (shelf / f"annotations/{split}_annotations.txt").write_text("".join(lines), encoding="utf-8", newline="")
    for volume in sorted(archive(shelf, ".7z.001", members).parent.glob("files.7z.*")):
        volume.rename(shelf / volume.name.replace("files", "imaginet"))
    archive(shelf, ".tar.gz", midjourney).rename(shelf / "000.tgz")

    place = Workplace(folder / "place")
    for origin in ("imaginet_release", "journeydb"):
        without_checks(place, origin)
    names = ["progan", "stylegan_xl", "stylegan3", "stable_diffusion_2_1", "stable_diffusion_xl_1_0", "animagine_xl", "dall_e_3"]
    dataset = {
        "title": "ImagiNet",
        "seed": 7,
        "splits": {"train": 0.5, "test": 0.5},
        "fakes": {
            "imaginet_release": {"quota": dict.fromkeys(names, 2), "margin": 1},
            "journeydb": {"quota": 4, "margin": 1},
        },
        "reals": {"imaginet_release": {"share": 1, "margin": 1.1}},
    }
    (place.folder / "config/datasets/demo.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    place.edit("config.yaml", paths={"imaginet_release": str(shelf), "journeydb": str(shelf)})
    before = {path.name: path.read_bytes() for path in shelf.rglob("*") if path.is_file()}
    place.run()
    place.run("results/origins/imaginet_release/files.csv", "results/origins/journeydb/files.csv")
    return place, shelf, {"before": before, "members": members, "midjourney": midjourney}


def packed(place: Workplace) -> list[dict]:
    return [row for path in (place.work / "results/demo/data").rglob("*.parquet") for row in pq.read_table(path).to_pylist()]


def test_images_of_every_generator_are_in_it_with_their_labels(built):
    rows = packed(built[0])
    assert sum(row["label"] for row in rows) == 18
    assert len(rows) == 36
    assert {row["generator"] for row in rows} == {
        *("", "ProGAN", "StyleGAN-XL", "StyleGAN3", "Stable Diffusion 2.1", "Stable Diffusion XL 1.0"),
        *("Animagine XL", "Midjourney", "DALL-E 3"),
    }
    contents = {row["id"].split("/")[1]: row["content"] for row in rows if row["origin"] == "imaginet_release"}
    assert contents["val2017"] == contents["sdxl_photos_fake"] == "photos"
    assert contents["wikiart"] == contents["wikiart_stylegan"] == "paintings"
    assert {row["origin_dataset"] for row in rows} == {"ImagiNet_test", "ImagiNet_train"}


def test_the_bytes_are_those_of_the_archives(built):
    place, _, had = built
    for row in packed(place):
        path = row["id"].removeprefix("imaginet_release/")
        data = had["members"].get(path) or had["midjourney"][path.replace("journeydb/", "000/")]
        assert row["image"]["bytes"] == data
        assert Image.open(io.BytesIO(data)).format == row["format"]


def test_the_reports_name_what_is_unused_and_missing_and_nothing_is_deleted(built):
    place, shelf, had = built
    found: dict = {}
    for origin in ("imaginet_release", "journeydb"):
        with open(place.work / f"results/origins/{origin}/files.csv", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                found.setdefault((origin, row["state"]), []).append(row["member"])
    assert found["imaginet_release", "unused"] == ["dalle3/unused.png"]
    assert "./dalle3/missing.png" in found["imaginet_release", "missing"]
    assert len(found["imaginet_release", "used"]) == len(had["members"]) - 1
    assert found["journeydb", "unused"] == ["000/000000000504.jpg", "000/000000000505.jpg"]
    assert {path.name: path.read_bytes() for path in shelf.rglob("*") if path.is_file()} == had["before"]
    log = (place.work / "logs/list_origin/imaginet_release.log").read_text(encoding="utf-8")
    assert "1 skipped: no list names it (first: 'dalle3/unused.png')" in log
    assert "the list of the test split names it, but it is not there (first: './dalle3/missing.png')" in log


def test_nothing_to_do_after_that(built):
    assert not built[0].dry_run()
