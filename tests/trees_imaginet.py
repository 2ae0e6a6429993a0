"""Miniature trees of ImagiNet's release and sources: real naming patterns, every generator, hostile members.

``FILES`` are the images of ImagiNet's root folder; ``plant`` puts some or all of them where a card wants them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tests.archives import archive
from tests.building import HOME

U = [f"0c8f94{n:02}-5ed4-4c92-9f64-39ab1d05c7e{n % 10}" for n in range(24)]
MOJIBAKE = "joaquã\xadn-sorolla_the-net-1893"  # wrongly decoded in the release, for good
FILES = {  # path below the root: labels of the annotation list
    "imagenet/ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_00039402.JPEG": "0,0,4,8",
    "val2017/000000261535.jpg": "0,0,4,8",
    "train2017/000000000078.jpg": "0,0,4,8",
    "progan_val/diningtable/0_real/10802.png": "0,0,4,8",
    "progan_val/diningtable/1_fake/10802.png": "1,0,0,0",
    "progan_train/car/1_fake/00001.png": "1,0,0,0",
    "wikiart/Cubism/georges-braque_a-pumpkin-1944.jpg": "0,1,4,8",
    "wikiart/Expressionism/georges-braque_a-pumpkin-1944.jpg": "0,1,4,8",
    "wikiart/Contemporary_Realism/john-miller_beach(4).jpg": "0,1,4,8",
    f"wikiart/Impressionism/{MOJIBAKE}.jpg": "0,1,4,8",
    "danbooru2021/274591.jpg": "0,1,4,8",
    f"ffhq/{U[0]}.png": "0,2,4,8",
    "photozilla/dataset/nature/12221.jpg": "0,3,4,8",
    "photozilla/other_dataset/landscape/57.jpg": "0,3,4,8",
    f"imagenet_stylegan/{U[1]}.png": "1,0,0,1",
    f"ffhq_stylegan/{U[2]}.png": "1,2,0,1",
    "wikiart_stylegan/seed3941.png": "1,1,0,2",
    f"sd_photos_fake/{U[3]}.webp": "1,0,1,3",
    f"sd_paintings_fake/{U[4]}.webp": "1,1,1,3",
    f"sd_faces_fake/{U[5]}.webp": "1,2,1,3",
    f"sdxl_photos_fake/{U[6]}.webp": "1,0,1,4",
    f"sdxl_paintings_fake/{U[7]}.webp": "1,1,1,4",
    f"sdxl_faces_fake/{U[8]}.webp": "1,2,1,4",
    f"animaginexl_paintings_fake/{U[9]}.webp": "1,1,1,5",
    f"journeydb/{U[10]}.jpg": "1,3,2,6",
    f"dalle3/{U[11]}.png": "1,3,3,7",
    f"dalle3_addition/{U[12]}.png": "1,3,3,7",
    f"dalle3_addition2/{U[13]}.png": "1,3,3,7",
}
MISSING = f"journeydb/{U[20]}.jpg"  # the list names it, and it is not there
UNUSED = [f"dalle3/{U[21]}.png", "wikiart/Cubism/nobody_nothing.jpg"]  # there, and no list names them
HOSTILE = ["__MACOSX/dalle3/._1.png", "dalle3/.DS_Store", "dalle3/readme.txt", "dalle3/picture.svg", "dalle3/deep/er/1.png"]
MD5 = "b6820fccdd3cf8e3f42328380c8ec3f1"


def annotations(
    folder: Path, test: Iterable[str] = (), train: Iterable[str] = ("photozilla/dataset/food/1.jpg,0,3,4,8",)
) -> None:
    """Both annotation lists: the test list with ``FILES``, what is missing, and further rows."""
    rows = [f"./{path},{labels}\n" for path, labels in FILES.items()] + [f"./{MISSING},1,3,2,6\n"]
    (folder / "annotations").mkdir(parents=True, exist_ok=True)
    (folder / "annotations/test_annotations.txt").write_text("".join([*rows, *test]), encoding="utf-8", newline="")
    (folder / "annotations/train_annotations.txt").write_text(
        "".join(f"./{row}\n" for row in train), encoding="utf-8", newline=""
    )


def contents(image: Callable[[str], bytes], below: str = "", extra: Iterable[str] = ()) -> dict[str, bytes]:
    """Members of the release below a folder: all files, unused ones and hostile ones."""
    return {below + path: image(path) for path in [*FILES, *UNUSED, *HOSTILE, *extra]}


def pack(folder: Path, kind: str, name: str, members: Mapping[str, bytes]) -> None:
    """An archive of that kind, or a folder, under its real name."""
    work = folder / "packing"
    work.mkdir(parents=True)
    made = archive(work, kind, members)
    if kind == "/":
        made.rename(folder / name)
    else:
        for volume in sorted(work.iterdir()):
            volume.rename(folder / volume.name.replace("files", name, 1))
    work.rmdir()


def ffhq(folder: Path, image: Callable[[str], bytes]) -> None:
    """A whole FFHQ of three faces under its own names, its index and ImagiNet's map; the third is not in ImagiNet."""
    map_of = [f"drive0,{U[0]}.png,{MD5}\n", f"drive9,{U[14]}.png,{'9' * 32}\n", f"drive1,{U[15]}.png,{'2' * 32}\n"]
    (folder / "download_scripts").mkdir(parents=True)
    (folder / "download_scripts/ffhq_filenames.txt").write_text("".join(map_of), encoding="utf-8")
    index = {}
    for number, md5 in ((42, MD5), (43, "1" * 32), (1044, "2" * 32)):
        file = f"images1024x1024/{number // 1000 * 1000:05}/{number:05}.png"
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(image(file))
        url = f"https://drive.google.com/uc?id=drive{number - 42 if number < 1000 else 2}"
        about = {"license": "Public Domain Mark 1.0", "photo_url": f"https://www.flickr.com/photos/a/{number}/"}
        index[str(number)] = {"metadata": about, "image": {"file_url": url, "file_path": file, "pixel_md5": md5}}
    (folder / "ffhq-dataset-v2.json").write_text(json.dumps(index), encoding="utf-8")


def classes() -> str:
    """The words for ImageNet's classes that come with the cards."""
    return str(HOME / "config/lists/imagenet_classes.csv")
