"""A build by Touchstone and by AI-GenBench's own code, of the same trees of images.

``PYTHONPATH=workflow/scripts python -m benchmarks.peers.ai_genbench --checkout DIR --python PATH --photos DIR [--write]``,
from the repository's folder. What each of them is stands in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import astuple
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import yaml
from benchmarks.measuring import Spent, cores, machine, spent_by, write
from benchmarks.peers.trees import GENIMAGE, SFHQ, SPARE, change_archive, change_faces, write_trees
from tests.building import Workplace

NAMES = {
    "genimage_feature": ["ADM", "Glide", "Midjourney", "Stable Diffusion 1.4", "Stable Diffusion 1.5", "VQ-Diffusion", "Wukong"]
}
NAMES |= {"sfhq_t2i_feature": ["FLUX 1 Schnell", "FLUX 1 Dev", "Stable Diffusion XL 1.0"]}
GENERATORS = len(GENIMAGE) + len(SFHQ)
PROCESSES = 8  # of AI-GenBench, as its entry point has it
RACES = ("fresh build", "second build, nothing changed", "rebuild, one origin changed", "rebuild, one archive replaced")
CHANGES = {RACES[2]: change_faces, RACES[3]: change_archive}
ABOUT = """\
`python -m benchmarks.peers.ai_genbench`, {date}, on {machine}; AI-GenBench with its {processes} processes, one run each.
{images:,} images, half of them fakes of ten generators: GenImage in its seven zips (PNG), SFHQ-T2I and COCO loose (JPEG), each
of two crops of photographs, {size:.1f} GB with a tenth more of each than is kept, all of it read once before each build.
*Memory* is what all processes held together, *written* what went to the disk, deleted files included. *Ratio* is AI-GenBench
to Touchstone's dataset: above 1 Touchstone needs less.
"""
DIFFERS = """
Both keep as many images of each generator and of COCO, in a split of 80 to 20, and end in a dataset that `datasets` opens without
their code. For it Touchstone starts Snakemake, decodes and hashes every image, looks for duplicates, keeps groups in one split
and writes a manifest; the row below has what AI-GenBench has nothing like: audits of leaks and shortcuts, report, dataset card.
AI-GenBench decodes the fakes, encodes those from zips anew, and reads no more than the headers of the real images, which it
takes from a list it is given. Its stages took, in the fresh build: {stages}. One origin changed: a third of SFHQ-T2I is other
images; one archive replaced: so are those of one of GenImage's seven zips. AI-GenBench has no command for that; its folders of
that origin, of the merged fakes and of the reals are deleted, and it is run again. Its finished dataset is deleted before each
build: while it exists, AI-GenBench does not start. Touchstone is told by raising `revision` in SFHQ-T2I's card, whose files lie
in a folder without checksums, and by `--forcerun` with GenImage's receipt.
"""


def prepare_ours(folder: Path, trees: Path, count: int) -> Workplace:
    """A folder to build in, whose cards are those of the catalogue without the checksums of the real files."""
    place = Workplace(folder)
    place.edit("config.yaml", dataset="race", paths={name: str(trees / name) for name in ("genimage", "sfhq_t2i", "coco_2017")})
    place.edit("origins/sfhq_t2i.yaml", files=[{"path": "images/"}, {"path": "SFHQ_T2I_dataset.csv"}])
    files = [{"path": name} for name in ("train2017/", "captions_train2017.json", "captions_val2017.json")]
    place.edit("origins/coco_2017.yaml", files=files)
    keys = ("adm", "glide", "midjourney", "stable_diffusion_1_4", "stable_diffusion_1_5", "vq_diffusion", "wukong")
    dataset = {"title": "Race", "seed": 1234, "splits": {"train": 0.8, "validation": 0.2}, "margin": SPARE}
    dataset["fakes"] = {
        "genimage": {"quota": dict.fromkeys(keys, count)},
        "sfhq_t2i": {"quota": dict.fromkeys(("flux_1_schnell", "flux_1_dev", "stable_diffusion_xl_1_0"), count)},
    }
    dataset |= {"reals": {"coco_2017": {"share": 1}}, "screen": {"min_side": 200}, "shard_items": max(1000, 2 * count)}
    (folder / "config/datasets/race.yaml").write_text(yaml.safe_dump(dataset), encoding="utf-8")
    return place


def build_ours(place: Workplace, target: str = "results/race/manifest.parquet", again: str = "") -> Spent:
    """One call of the workflow with all cores; the file ``again`` is made anew."""
    forced = ["--forcerun", again] if again else []
    return spent_by([*place.command(target, "--quiet", "all", *forced), "--cores", str(cores())], place.folder / "log")


def prepare_theirs(folder: Path, trees: Path, count: int) -> Path:
    """A folder for AI-GenBench, its settings in it."""
    folder.mkdir()
    reals = [f"COCO2017_train/{number}" for number in range(GENERATORS * count)]
    cut = len(reals) * 4 // 5
    lists = {"train": reals[:cut], "validation": reals[cut:]}
    for split, ids in lists.items():
        (folder / f"{split}.txt").write_text("\n".join(ids) + "\n")
    paths = {"genimage": trees / "genimage", "sfhq-t2i": trees / "sfhq_t2i", "coco": trees / "coco_2017"}
    paths |= {
        "intermediate_outputs_path": folder / "intermediate",
        "tmp_cache_dir": folder / "cache",
        "output_path": folder / "out",
    }
    settings = {"paths": {name: str(path) for name, path in paths.items()}, "processes": PROCESSES, "per_generator": count}
    settings["generators"] = {file: dict.fromkeys(names, count) for file, names in NAMES.items()}
    settings["reals"] = {split: str(folder / f"{split}.txt") for split in lists}
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder


def build_theirs(folder: Path, python: Path, checkout: Path) -> Spent:
    """AI-GenBench's build; the finished folder is deleted before, as it cannot be written over."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    environment = os.environ | {"PYTHONPATH": str(checkout / "dataset_creation"), "HF_DATASETS_OFFLINE": "1"}
    environment |= {"HF_HOME": str(folder / "hub"), "TMPDIR": str(folder)}
    command = [str(python), str(Path(__file__).with_name("their_build.py")), str(folder)]
    return spent_by(command, folder / "log", environment=environment)


def change_theirs(folder: Path, race: str) -> None:
    """Delete what holds images of the changed origin."""
    origin = "SFHQ-T2I" if race == RACES[2] else "GenImage"
    for path in [*folder.glob(f"intermediate/{origin}"), *folder.glob("intermediate/*_complete_*")]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def read_all(trees: Path) -> int:
    """Read every file, so that whoever builds first finds them in the page cache as well; the bytes."""
    return sum(len(path.read_bytes()) for path in trees.rglob("*") if path.is_file())


def stages(folder: Path) -> dict:
    """Seconds of its stages, and the rows it wrote."""
    return json.loads((folder / "stages.json").read_text())


def race(options: argparse.Namespace, folder: Path) -> str:
    """Both sides in turns; a Markdown section."""
    count = options.images // (2 * GENERATORS)
    trees = options.trees or folder / "trees"
    if trees.exists():
        for change in CHANGES.values():
            change(trees, options.photos, count, again=0)  # an earlier race left others
    else:
        write_trees(trees, options.photos, count)
    size = read_all(trees) / 1e9
    ours, theirs = prepare_ours(folder / "ours", trees, count), prepare_theirs(folder / "theirs", trees, count)
    lines = ["| | | wall | CPU | memory | written |", "|---|---|--:|--:|--:|--:|"]
    for name in RACES:
        if name in CHANGES:
            CHANGES[name](trees, options.photos, count)
            change_theirs(theirs, name)
        if name == RACES[2]:
            ours.edit("origins/sfhq_t2i.yaml", recipe__revision=2)
        read_all(trees)
        again = "resources/receipts/genimage.json" if name == RACES[3] else ""
        spent = {"Touchstone, dataset": build_ours(ours, again=again), "Touchstone, audits and report": build_ours(ours, "all")}
        read_all(trees)
        spent["AI-GenBench"] = build_theirs(theirs, options.python, options.checkout)
        if name == RACES[0]:
            took = ", ".join(f"{stage} {seconds:.0f} s" for stage, seconds in stages(theirs).items() if stage != "rows")
        rows = pq.read_metadata(ours.work / "results/race/manifest.parquet").num_rows, stages(theirs)["rows"]
        assert rows == (2 * GENERATORS * count,) * 2, rows
        lines += [f"| {name} | {side} | {_cells(cost)} |" for side, cost in spent.items()]
        pairs = zip(astuple(spent["Touchstone, dataset"]), astuple(spent["AI-GenBench"]), strict=True)
        lines.append(f"| | ratio | {' | '.join(f'{other / own:.1f}' if own else '' for own, other in pairs)} |")
        print("\n".join(lines[-4:]), flush=True)
    about = {"images": 2 * GENERATORS * count, "size": size, "processes": PROCESSES}
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), **about), *lines, DIFFERS.format(stages=took)])


def _cells(spent: Spent) -> str:
    return f"{spent.seconds:.1f} s | {spent.cpu:.1f} s | {spent.n_bytes / 1e6:,.0f} MB | {spent.written / 1e6:,.0f} MB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkout", type=Path, required=True, help="AI-GenBench's repository")
    parser.add_argument("--python", type=Path, required=True, help="a Python >= 3.12 with what it needs, datasets 3.6")
    parser.add_argument("--photos", type=Path, required=True, help="a folder of photographs, to cut the images from")
    parser.add_argument("--images", type=int, default=20_000, help="images of the dataset, a multiple of 20")
    parser.add_argument("--trees", type=Path, help="where the trees lie or are to be written; they are kept, and changed")
    parser.add_argument("--folder", help="where to build, with room for six times the images")
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/RESULTS.md")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        text = race(arguments, Path(name))
    print(text)
    if arguments.write:
        write("ai_genbench", text)
