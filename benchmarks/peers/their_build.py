"""AI-GenBench's own build of two of its origins and of COCO; run by its Python, with its folder ``dataset_creation`` on the path.

``python their_build.py FOLDER``: FOLDER/settings.json names the trees, the numbers, and where to write. What is called are
the functions of AI-GenBench, in the order of its ``make_fake_dataset``, ``main`` and ``finalize_and_save_dataset``. Left out
are the other origins (whose files nobody has without asking for them) and the check that all 56 generators are there. Its
choice of real images from nothing gives none, so it is given a list of them, as its simple route is.
"""

import json
import sys
import time
from pathlib import Path

import datasets  # noqa: TID253 - not ours: this runs in AI-GenBench's Python
import fake_part_generation as fakes
import real_part_generation as reals
import ruamel.yaml
from custom_features.large_image import LargeImage
from dataset_generation_builders import build_genimage_dataset, build_sfhq_t2i_dataset
from dataset_preparation.finalize_dataset import finalize_and_save_dataset

datasets.features.features.register_feature(LargeImage, "LargeImage")


def write_configuration(folder: Path, wanted: dict) -> Path:
    """Its configuration with our numbers: a tenth more candidates than are kept, as in its own."""
    yaml, source = ruamel.yaml.YAML(), Path(fakes.__file__).parent / "config_origin_datasets"
    target = folder / "configuration"
    target.mkdir(parents=True, exist_ok=True)
    for name, generators in wanted.items():
        content = yaml.load(source / f"{name}.yaml")
        content["generators"] = {each: content["generators"][each] for each in generators}
        for each, count in generators.items():
            content["generators"][each] |= {"samples": round(count * 1.1), "max samples": count}
        yaml.dump(content, target / f"{name}.yaml")
    return target


def build(settings: dict, folder: Path) -> None:
    """All stages; the seconds of each go to FOLDER/stages.json."""
    stages, last = {}, time.perf_counter()

    def done(stage: str) -> None:
        nonlocal last
        stages[stage], last = time.perf_counter() - last, time.perf_counter()

    paths = {name: Path(path) for name, path in settings["paths"].items()}
    options = {"paths": paths, "configuration_files_path": write_configuration(folder, settings["generators"])}
    options |= {"yaml": ruamel.yaml.YAML(), "convert_to_jpeg": False, "num_proc": settings["processes"]}
    fakes.PIL_setup()
    origins = [build_genimage_dataset(**options), build_sfhq_t2i_dataset(**options)]
    done("origins of fakes")
    merged = fakes.merge_all_datasets_and_splits(origins)
    fakes.check_dataset_format(merged)
    count = settings["per_generator"]
    sampled = fakes.sample_dataset_by_generator(merged, samples_per_generator=count, seed=1234, stratify_by_origin_dataset=True)
    train, validation = fakes.make_train_val_splits(sampled, int(len(sampled) * 0.80), seed=1234)
    both = datasets.DatasetDict({"train": train, "validation": validation})
    place = paths["intermediate_outputs_path"] / f"fake_complete_{fakes.hash_dataset(both).hexdigest()}"
    if place.exists():
        both = datasets.load_from_disk(place)
    else:
        both.save_to_disk(place, num_proc=settings["processes"], max_shard_size="500MB")
    done("fakes merged and saved")
    coco = reals.COCODatasetManager(paths["coco"] / "train2017", paths["coco"] / "captions_train2017.json", "train")
    reals._make_real_datasets_manager = lambda **_: reals.RealImagesManager([coco])  # COCO alone
    photographs = reals.make_real_dataset(
        all_paths=paths,
        reference_fake_dataset=both,
        num_proc=settings["processes"],
        seed=1234,
        convert_to_jpeg=False,
        pre_selected_image_ids_lists=settings["reals"],
    )
    done("reals selected and saved")
    final = {split: datasets.concatenate_datasets([both[split], photographs[split]]) for split in both}
    datasets.DatasetDict(final).save_to_disk(paths["output_path"] / "complete", max_shard_size="500MB")
    done("fakes and reals saved together")
    finalize_and_save_dataset(paths["output_path"] / "complete", paths["output_path"] / "finalized")
    done("finalized")
    stages["rows"] = sum(map(len, final.values()))
    (folder / "stages.json").write_text(json.dumps(stages))


if __name__ == "__main__":
    build(json.loads(Path(sys.argv[1], "settings.json").read_text()), Path(sys.argv[1]))
