"""How time and memory of a whole build grow with its images, its shards and its origins.

Run it from the repository's folder: ``PYTHONPATH=workflow/scripts python -m benchmarks.peers.growth [--write]``.
"""

from __future__ import annotations

import tempfile
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import yaml
from benchmarks.archives import PHOTOS
from benchmarks.measuring import Spent, cores, machine, main, spent_by
from benchmarks.peers.trees import encoded
from PIL import Image
from skimage import data
from tests.building import Workplace

IMAGES, SHARD, SIDE = 2_000, 500, 128
GENERATORS = ("biggan", "stylegan1", "stylegan2", "stylegan3", "progan", "cyclegan", "gaugan", "crn", "imle", "stargan")
WORKS = {  # (images, items in a shard, origins)
    "a build": (IMAGES, SHARD, 1),
    "10 x images": (10 * IMAGES, 10 * SHARD, 1),
    "10 x images, 10 x shards": (10 * IMAGES, SHARD, 1),
    "10 x shards": (IMAGES, SHARD // 10, 1),
    "10 x origins": (IMAGES, SHARD, 10),
}
ABOUT = """\
`python -m benchmarks.peers.growth`, {date}, on {machine}: `snakemake` with all cores, from nothing to the manifest, one run each.
Images are JPEG of {side} x {side} pixels out of zips, all of them wanted. *Memory* is what all processes held together.
*Ratio* is to the first row, of wall time, CPU and memory.
"""


def write_images(path: Path, seed: int, count: int) -> None:
    """A zip of so many crops, all different."""
    random, photos = np.random.default_rng(seed), [Image.fromarray(getattr(data, name)()) for name in PHOTOS]
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            photo = photos[number % len(photos)]
            side = int(random.integers(SIDE, min(photo.size)))
            left, top = (int(random.integers(length - side + 1)) for length in photo.size)
            crop = photo.resize((SIDE, SIDE), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
            name = f"pictures/{number:06}.jpg"
            archive.writestr(zipfile.ZipInfo(name), encoded(crop.rotate(90 * int(random.integers(4))), "JPEG", quality=90))


def prepare(folder: Path, images: int, shard: int, origins: int) -> Workplace:
    """A folder to build in: so many origins of one zip and one generator each, of which all images are wanted."""
    place = Workplace(folder)
    quotas, paths = {}, {}
    for number, generator in enumerate(GENERATORS[:origins]):
        origin, count = f"growth_{generator}", images // origins
        quotas[origin], paths[origin] = {"quota": count}, str(folder / origin)
        (folder / origin).mkdir()
        write_images(folder / origin / "images.zip", number, count)
        card = {"title": origin, "homepage": "https://example.org", "licence": "none", "access": "manual", "kind": "archive"}
        card |= {"instructions": "it is there", "files": [{"path": "images.zip"}], "generators": [generator]}
        card |= {"recipe": {"revision": 1, "reader": {"name": "folders", "generators": {"pictures": generator}}}}
        card["examples"] = [{"given": "pictures/000000.jpg", "expect": {"id": f"{origin}/pictures/000000"}}]
        (folder / f"config/origins/{origin}.yaml").write_text(yaml.safe_dump(card), encoding="utf-8")
    dataset = {"title": "Growth", "seed": 1, "splits": {"train": 1}, "margin": 1, "fakes": quotas, "shard_items": shard}
    dataset |= {"pack_items": shard, "gates": {"rejected": {"limit": 0.5}, "shortfall": {"limit": 0.5}}}
    (folder / "config/datasets/growth.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    place.edit("config.yaml", dataset="growth", paths=paths)
    return place


def build(place: Workplace) -> tuple[Spent, int, int]:
    """What a build took, how many images it kept, and of how many take shards."""
    command = place.command("results/growth/manifest.parquet", "--quiet", "all")
    spent = spent_by([*command, "--cores", str(cores())], place.folder / "log")
    results = place.work / "results/growth"
    shards = len(list(results.glob("origins/*/*-[0-9]*.parquet")))
    return spent, pq.read_metadata(results / "manifest.parquet").num_rows, shards


def results() -> str:
    """Measure everything; a Markdown section."""
    lines = ["| | images kept | shards | origins | wall | CPU | memory | ratio |", "|---|--:|--:|--:|--:|--:|--:|--:|"]
    first = None
    for name, work in WORKS.items():
        with tempfile.TemporaryDirectory() as folder:
            spent, images, shards = build(prepare(Path(folder), *work))
        first = first or spent
        ratios = spent.seconds / first.seconds, spent.cpu / first.cpu, spent.n_bytes / first.n_bytes
        cells = f"{spent.seconds:.1f} s | {spent.cpu:.1f} s | {spent.n_bytes / 1e6:,.0f} MB"
        lines.append(f"| {name} | {images:,} | {shards} | {work[2]} | {cells} | {', '.join(f'{each:.1f}' for each in ratios)} |")
        print(lines[-1], flush=True)
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), side=SIDE), *lines])


if __name__ == "__main__":
    main("growth", __doc__, results)
