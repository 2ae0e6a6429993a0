"""Trees of images in the layouts of AI-GenBench's origins, cut from photographs: what both sides of the race build from.

GenImage lies in its seven zips (PNG), SFHQ-T2I and COCO lie loose (JPEG). Every image is two other crops in one, turned, mirrored
and scaled by chance; each origin has a tenth more than is wanted, which is AI-GenBench's own margin.
"""

from __future__ import annotations

import io
import json
import multiprocessing
import zipfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from benchmarks.measuring import HOME, cores
from PIL import Image, ImageOps, ImageStat

GENIMAGE = {  # folder: (name of its zip, how its files are called, side in pixels)
    "ADM": ("imagenet_ai_0508_adm", "{cls}_adm_{n}", 256),
    "glide": ("imagenet_glide", "GLIDE_1000_200_03_{cls}_glide_{n:05}", 256),
    "Midjourney": ("imagenet_midjourney", "{cls}_midjourney_{n}", 512),
    "stable_diffusion_v_1_4": ("imagenet_ai_0419_sdv4", "{cls}_sdv4_{n:05}", 512),
    "stable_diffusion_v_1_5": ("imagenet_ai_0424_sdv5", "{cls}_sdv5_{n:05}", 512),
    "VQDM": ("imagenet_ai_0419_vqdm", "VQDM_1000_200_03_{cls}_vqdm_{n:05}", 256),
    "wukong": ("imagenet_ai_0424_wukong", "{cls}_wukong_{n:05}", 512),
}
SFHQ = ("FLUX1_schnell", "FLUX1_dev", "SDXL")
SPARE = 1.1  # images for each that is wanted
MIN_SIDE, MIN_CONTRAST = 800, 18  # of a photograph, in pixels; of a crop, in grey levels


def write_trees(folder: Path, photos: Path, per_generator: int) -> None:
    """GenImage, SFHQ-T2I and COCO below ``folder``, so many images of each of ten generators, and as many real ones."""
    count = round(per_generator * SPARE)
    reals = round(10 * per_generator * SPARE)
    jobs = [partial(_zip, folder / "genimage", photos, name, count) for name in GENIMAGE]
    jobs += [partial(_faces, folder / "sfhq_t2i", photos, name, count) for name in SFHQ]
    parts = [range(start, min(start + 1000, reals)) for start in range(0, reals, 1000)]
    jobs += [partial(_photographs, folder / "coco_2017/train2017", photos, part) for part in parts]
    _photographs_in(photos)  # here, and the processes have them, too
    with ProcessPoolExecutor(cores(), mp_context=multiprocessing.get_context("fork")) as pool:
        for job in [pool.submit(job) for job in jobs]:
            job.result()
    names = [f"{name}_image_{number:07}.jpg" for name in SFHQ for number in range(count)]
    rows = [f'{name},x,"A portrait, number {number}"' for number, name in enumerate(names)]
    (folder / "sfhq_t2i/SFHQ_T2I_dataset.csv").write_text("\n".join(["image_filename,model,text_prompt", *rows]) + "\n")
    images = [{"id": number, "file_name": f"{number:012}.jpg"} for number in range(reals)]
    captions = [{"id": number, "image_id": number, "caption": f"Photograph {number}."} for number in range(reals)]
    write_captions(folder / "coco_2017/captions_train2017.json", images, captions)
    write_captions(folder / "coco_2017/captions_val2017.json", [], [])
    classes = HOME / "config/lists/imagenet_classes.csv"
    (folder / "genimage/imagenet_classes.csv").write_bytes(classes.read_bytes())


def change_faces(folder: Path, photos: Path, per_generator: int, again: int = 1) -> None:
    """Give every image of one of the three generators of SFHQ-T2I another picture; with ``again=0`` the first one."""
    _faces(folder / "sfhq_t2i", photos, SFHQ[1], round(per_generator * SPARE), again)


def change_archive(folder: Path, photos: Path, per_generator: int, again: int = 1) -> None:
    """Put other images into the archive of one of the seven generators of GenImage; with ``again=0`` the first ones."""
    _zip(folder / "genimage", photos, "Midjourney", round(per_generator * SPARE), again)


def write_captions(path: Path, images: list[dict], captions: list[dict]) -> None:
    """A caption file of COCO."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": captions}), encoding="utf-8")


def _zip(folder: Path, photos: Path, name: str, count: int, again: int = 0) -> None:
    archive, pattern, side = GENIMAGE[name]
    (folder / name).mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / name / f"{archive}.zip", "w") as target:
        for number, image in enumerate(crops(photos, f"{name} {again}" if again else name, count, (side, side))):
            member = f"{archive}/train/ai/{pattern.format(cls=number % 1000, n=number)}.png"
            target.writestr(zipfile.ZipInfo(member), encoded(image, "PNG", compress_level=1))


def _faces(folder: Path, photos: Path, name: str, count: int, again: int = 0) -> None:
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number, image in enumerate(crops(photos, f"{name} {again}", count, (768, 768))):
        (folder / f"images/{name}_image_{number:07}.jpg").write_bytes(encoded(image, "JPEG", quality=95))


def _photographs(folder: Path, photos: Path, numbers: range) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, image in zip(numbers, crops(photos, f"coco {numbers.start}", len(numbers), (640, 480)), strict=True):
        (folder / f"{number:012}.jpg").write_bytes(encoded(image, "JPEG", quality=90))


def encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    """The bytes of its file."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def crops(photos: Path, seed: str, count: int, size: tuple[int, int]) -> Iterator[Image.Image]:
    """So many pictures of ``size`` pixels that are not flat, each of two crops in one: there are few photographs, and images
    of several origins that show the same would be near duplicates, which those of real origins are not."""
    random = np.random.default_rng(list(seed.encode()))
    found = 0
    while found < count:
        picture = Image.blend(_crop(photos, random, size), _crop(photos, random, size), 0.5)
        if ImageStat.Stat(picture.convert("L")).stddev[0] >= MIN_CONTRAST:
            yield picture
            found += 1


def _crop(photos: Path, random: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    photo = _photographs_in(photos)[random.integers(len(_photographs_in(photos)))]
    scale = random.uniform(1, min(photo.width / size[0], photo.height / size[1]))
    wide, high = (int(length * scale) for length in size)
    left, top = random.integers(photo.width - wide + 1), random.integers(photo.height - high + 1)
    crop = photo.resize(size, Image.Resampling.BILINEAR, (left, top, left + wide, top + high), reducing_gap=1)
    if random.integers(2):
        crop = ImageOps.mirror(crop)
    turned = random.integers(4)
    return crop.rotate(90 * turned) if crop.width == crop.height else crop.rotate(180 * (turned % 2))


@cache
def _photographs_in(photos: Path) -> list[Image.Image]:
    """Every picture below a folder that is large enough."""
    found = []
    for path in sorted(photos.rglob("*")):
        if path.suffix.lower() in (".jpg", ".jpeg", ".webp") and path.stat().st_size > 50_000:
            image = Image.open(path).convert("RGB")
            if min(image.size) >= MIN_SIDE:
                image.thumbnail((1600, 1600))
                found.append(image)
    assert found, f"no photographs below {photos}"
    return found
