"""exports/: every form is opened by its users' own loader, holds every image once, with its own bytes."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.building import HOME
from tests.finished import picture

from touchstone.annotations import read_annotations
from touchstone.chains import decode
from touchstone.checking import load_checked
from touchstone.errors import TouchstoneError
from touchstone.exports.d3 import write_prompts
from touchstone.exports.elsa import write_part, write_reals
from touchstone.exports.imagefolder import write_folder
from touchstone.exports.imaginet import _paths, content_number, write_root
from touchstone.exports.nyu import write_pairs
from touchstone.exports.outputs import FORMS, SERIES, Exports
from touchstone.exports.packed import file_name, rows
from touchstone.exports.perturbed import write_perturbed
from touchstone.exports.webdataset import write_tar
from touchstone.files import write_json
from touchstone.images import measure
from touchstone.listing import list_origin
from touchstone.record import ITEM, MANIFEST, PACKED, hub_schema, table_of
from touchstone.shards import shard_writer

PAINTER = "Painter 1.5"
COUNTS = {
    ("photos", "", "train"): 30,
    ("photos", "", "test"): 10,
    ("painter", PAINTER, "train"): 24,
    ("painter", PAINTER, "test"): 8,
}
FAMILIES = {PAINTER: "Painter"}


def record(number: int, origin: str, generator: str, split: str) -> dict:
    """Photographs are JPEG or PNG of many shapes; the n-th picture of the painter varies the n-th photograph."""
    kind = "PNG" if number % 3 == 0 or generator else "JPEG"
    data = picture(number + 50 * bool(generator), kind, (300 - number, 64 + 9 * number) if not generator else (64, 64))
    return {
        "image": {"bytes": data, "path": f"{number}"},
        "id": f"{origin}/{split} ä:{number}/a.b",
        "origin": origin,
        "label": int(bool(generator)),
        "generator": generator,
        "content": "faces" if number % 2 else "paintings",
        "licence": "CC0-1.0",
        "positive_prompt": f'a "prompt", {number}' if generator else "",
        "description": f"caption {number}",
        "source_url": "" if generator else f"https://example.org/{number}",
        "groups": [f"photo:{number}"],
        "paired_real_images": [f"photos/{split} ä:{number}/a.b"] if generator and number else [],
    } | measure(data)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> dict:
    """A finished dataset of several shards: its manifest, its index, and its rows by split."""
    folder = tmp_path_factory.mktemp("dataset")
    made: dict = {"manifest": str(folder / "manifest.parquet"), "train": [], "test": []}
    entries, index = [], []
    for (origin, generator, split), count in COUNTS.items():
        packed = [record(number, origin, generator, split) for number in range(count)]
        made[split] += packed
        for shard in range(0, count, 9):
            name = f"data/{split}/{origin}-{generator or 'real'}-{shard:05d}.parquet"
            with shard_writer(folder / name, hub_schema()) as writer:
                writer.append(table_of(packed[shard : shard + 9], PACKED))
            entries += [row | {"split": split, "file": name, "row": place} for place, row in enumerate(packed[shard : shard + 9])]
        if not generator:
            index += [
                {"id": row["id"], "source_file": "album.zip", "source_member": f"{split}/Ä ({place}).jpg"}
                for place, row in enumerate(packed)
            ]
    pq.write_table(table_of([{key: row.get(key) for key in MANIFEST.names} for row in entries], MANIFEST), made["manifest"])
    pq.write_table(table_of(index, ITEM), folder / "index.parquet")
    return made | {"index": str(folder / "index.parquet"), "folder": folder}


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def hashes(made: dict, split: str, label: int | None = None) -> list[str]:
    return sorted(row["sha256"] for row in made[split] if label in (None, row["label"]))


# -- what all forms read ---------------------------------------------------------------------------


@pytest.mark.parametrize("of", [1, 2, 3, 7, 60])
def test_parts_hold_every_image_once_and_none_is_much_larger(dataset, of):
    parts = [list(rows(manifest=dataset["manifest"], split="train", number=number, of=of)) for number in range(of)]
    assert sorted(row["sha256"] for part in parts for row in part) == hashes(dataset, "train")
    assert max(map(len, parts)) <= 54 / of + 8  # of each of eight shards one image more than another part


def test_a_part_mixes_real_and_fake(dataset):
    labels = [row["label"] for row in rows(manifest=dataset["manifest"], split="train", columns=["label", "id"])]
    assert 15 < sum(one != other for one, other in pairwise(labels)) < 45


def test_many_shards_are_dealt_out_in_decks(dataset):
    parts = [list(rows(manifest=dataset["manifest"], split="train", number=number, of=5, most_files=3)) for number in range(5)]
    assert sorted(row["sha256"] for part in parts for row in part) == hashes(dataset, "train")


def test_a_changed_image_is_refused(dataset, tmp_path):
    name = "data/test/photos-real-00000.parquet"
    table = pq.read_table(dataset["folder"] / name)
    rows_ = table.to_pylist()
    rows_[0]["image"]["bytes"] = rows_[1]["image"]["bytes"]
    (tmp_path / name).parent.mkdir(parents=True)
    with shard_writer(tmp_path / name, hub_schema()) as writer:
        writer.append(table_of(rows_, PACKED))
    listed = pq.read_table(dataset["manifest"], filters=[("file", "==", name)])
    pq.write_table(listed, tmp_path / "manifest.parquet")
    with pytest.raises(TouchstoneError, match="not the one that was packed"):
        list(rows(manifest=str(tmp_path / "manifest.parquet"), split="test"))


def test_file_names_are_safe_and_never_clash():
    ids = ["a/b", "a:b", "A/b", "a/b ", "ä/b", "../../etc/passwd", "x" * 300, "猫", "a.tar.gz"]
    names = [file_name({"id": name, "format": "JPEG"}) for name in ids]
    assert len({name.lower() for name in names}) == len(ids)
    assert all(name.isascii() and "/" not in name and name.count(".") == 1 and len(name) < 110 for name in names)


def test_the_plan_of_exports_follows_the_counts():
    counts = {"train": {"real": 2100, "fake": 2000}, "test": {"real": 0, "fake": 1}}
    exports = Exports(counts, {"train": 1001, "test": 1}, [PAINTER, "Other"], 1000, 1000, ["test"])
    assert exports.of("d3") == ["d3/train-000000.parquet", "d3/train-000001.parquet", "d3/test-000000.parquet"]
    assert len(exports.of("webdataset")) == 5 + 1
    assert len(exports.of("elsa")) == 3 + 2 + 0 + 1 + 2
    assert exports.of("nyu") == ["nyu/train", "nyu/test"]
    assert exports.of("perturbed") == ["perturbed/perturbed/test-000000.parquet"]
    assert len(exports.of("robustness")) == 13 + 11 == len(SERIES) - 1
    assert all(exports.of(form) for form in FORMS)


# -- each form, and its users' loader ----------------------------------------------------------------


def test_webdataset_opens_in_webdataset_and_in_torch(dataset, tmp_path, progress):
    import torch
    import webdataset

    for number in range(3):
        tar = str(tmp_path / f"train-{number:06d}.tar")
        write_tar(manifest=dataset["manifest"], split="train", number=number, of=3, tar=tar, progress=progress)
    pipeline = webdataset.WebDataset(str(tmp_path / "train-{000000..000002}.tar"), shardshuffle=False)
    samples = list(pipeline)
    images = {sample["__key__"]: sample.get("jpg") or sample["png"] for sample in samples}
    assert sorted(digest(data) for data in images.values()) == hashes(dataset, "train")
    for sample in samples:
        about = json.loads(sample["json"])
        assert about["sha256"] == digest(images[sample["__key__"]])
        assert int(sample["cls"]) == about["label"]
    decoded = webdataset.WebDataset(str(tmp_path / "train-{000000..000002}.tar"), shardshuffle=False)
    loader = torch.utils.data.DataLoader(decoded.decode("torchrgb").to_tuple("jpg;png", "cls"), batch_size=None, num_workers=2)
    loaded = list(loader)
    assert sorted(label for _, label in loaded) == [0] * 30 + [1] * 24
    assert all(image.dtype == torch.float32 and image.shape[0] == 3 for image, _ in loaded)


def test_parts_of_an_earlier_larger_configuration_go(dataset, tmp_path, progress):
    for name in ("train-000001.tar", "train-000002.tar", "train-000007.tar", "test-000009.tar", "train-notes.tar"):
        (tmp_path / name).touch()
    write_tar(
        manifest=dataset["manifest"], split="train", number=0, of=2, tar=str(tmp_path / "train-000000.tar"), progress=progress
    )
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"train-000000.tar", "train-000001.tar", "test-000009.tar", "train-notes.tar"}
    (tmp_path / "fake-images/part-000003").mkdir(parents=True)
    folder = tmp_path / "fake-images/part-000001"
    place = {"manifest": dataset["manifest"], "split": "train", "folder": str(folder)}
    write_part(**place, kind="fake", number=0, of=2, progress=progress)
    assert [path.name for path in (tmp_path / "fake-images").iterdir()] == ["part-000001"]


def test_the_same_tar_is_the_same_bytes(dataset, tmp_path, progress):
    for name in ("one", "two"):
        tar = str(tmp_path / name / "test-000000.tar")
        write_tar(manifest=dataset["manifest"], split="test", number=0, of=1, tar=tar, progress=progress)
    assert (tmp_path / "one/test-000000.tar").read_bytes() == (tmp_path / "two/test-000000.tar").read_bytes()


def test_imagefolder_opens_in_datasets_and_in_torch(dataset, tmp_path, progress):
    import datasets
    import torch

    for split in ("train", "test"):
        write_folder(
            manifest=dataset["manifest"],
            split=split,
            images_per_folder=20,
            folder=str(tmp_path / "made" / split),
            progress=progress,
        )
    loaded = datasets.load_dataset("imagefolder", data_dir=str(tmp_path / "made"), cache_dir=str(tmp_path / "cache"))
    for split in ("train", "test"):
        files = loaded[split].cast_column("image", datasets.Image(decode=False))
        assert sorted(digest(Path(row["image"]["path"]).read_bytes()) for row in files) == hashes(dataset, split)
        assert sorted(files["id"]) == sorted(row["id"] for row in dataset[split])
        assert all(row["sha256"] == digest(Path(row["image"]["path"]).read_bytes()) for row in files)
    assert {path.parent.name for path in (tmp_path / "made/train").glob("*/*")} == {"real", "fake"}  # torchvision's classes
    torch_split = loaded["test"].select_columns(["image", "label"]).with_format("torch")
    seen = [int(row["label"]) for row in torch.utils.data.DataLoader(torch_split, batch_size=1)]
    assert sorted(seen) == [0] * 10 + [1] * 8


def test_d3s_rows_hold_an_image_by_each_generator_of_one_prompt(tmp_path, progress):
    import datasets

    names = ["IF", "SD 1.4", "SD 2.1", "SDXL"]
    packed = {name: [four(name, prompt) for prompt in range(40) if (prompt, name) != (3, "SD 2.1")] for name in names}
    packed["SDXL"].append(four("SDXL", 5, again=True))
    entries = []
    for name, mine in packed.items():
        for start in range(0, len(mine), 16):
            file = f"data/train/{name}-{start:05d}.parquet"
            with shard_writer(tmp_path / file, hub_schema()) as writer:
                writer.append(table_of(mine[start : start + 16], PACKED))
            entries += [row | {"split": "train", "file": file, "row": at} for at, row in enumerate(mine[start : start + 16])]
    manifest = tmp_path / "manifest.parquet"
    pq.write_table(table_of([{key: row.get(key) for key in MANIFEST.names} for row in entries], MANIFEST), manifest)
    for number in range(3):
        write_prompts(
            manifest=str(manifest), split="train", generators=names, number=number, of=3, seed=1,
            shard=str(tmp_path / f"d3/data/train-{number:05d}-of-00003.parquet"), progress=progress,
        )  # fmt: skip
    files = sorted(str(path) for path in (tmp_path / "d3/data").glob("train-*.parquet"))
    loaded = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded[0]["image_gen0"].size == (64, 64)
    rows_ = [row for file in files for row in pq.read_table(file).to_pylist()]
    by_id: dict = {}
    for row in rows_:
        by_id.setdefault(row["id"], []).append(row)
    assert sorted(by_id, key=int) == [str(prompt) for prompt in range(40)]
    found = [digest(row[f"image_gen{slot}"]["bytes"]) for row in rows_ for slot in range(4) if row[f"image_gen{slot}"]]
    assert sorted(found) == sorted(row["sha256"] for mine in packed.values() for row in mine)  # none lost, none twice
    assert [row["image_gen2"] for row in by_id["3"]] == [None]
    assert sum(bool(row["image_gen3"]) for row in by_id["5"]) == len(by_id["5"]) == 2
    (row,) = by_id["7"]
    assert (row["original_prompt"], row["url"]) == ("caption 7", "https://example.org/7")
    assert [row[f"model_gen{slot}"] for slot in range(4)] == names
    assert (row["width_gen0"], row["height_gen0"], row["num_inference_steps_gen0"]) == (64, 64, 25)
    card = load_checked("origin", HOME / "config/origins/elsa_d3.yaml")
    write_json(tmp_path / "receipt.json", {"files": [{"name": "data/", "path": str(tmp_path / "d3/data")}]})
    list_origin(
        origin="elsa_d3", receipt=str(tmp_path / "receipt.json"), recipe=card["recipe"], kind="archive", licence="",
        generators={key: {"name": key, "released": "2022-01-01"} for key in card["generators"]},
        index=str(tmp_path / "index.parquet"), progress=progress,
    )  # fmt: skip
    assert pq.read_metadata(tmp_path / "index.parquet").num_rows == 41 * 4  # our own reader of D3 knows them


def four(name: str, prompt: int, again: bool = False) -> dict:
    """A picture by one of four generators for a caption of a photograph."""
    row = record(prompt + 50 * len(name) + 500 * again, name.lower(), name, "train")
    about = {
        "id": f"{name}/{prompt}{'b' * again}",
        "paired_real_images": [f"LAION/{prompt}"],
        "original_prompt": f"caption {prompt}",
    }
    return row | about | {"source_url": f"https://example.org/{prompt}", "generation": {"steps": 25, "model": name}}


def test_elsas_parts_hold_nine_fields_and_the_address_of_the_real_image(dataset, tmp_path, progress):
    listed = []
    for kind, of in (("fake", 2), ("real", 3)):
        for number in range(of):
            folder = tmp_path / f"{kind}-images" / f"part-{number + 1:06d}"
            write_part(
                manifest=dataset["manifest"],
                split="train",
                kind=kind,
                number=number,
                of=of,
                folder=str(folder),
                progress=progress,
            )
            entries = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
            listed += [(kind, entry) for entry in entries]
            assert {path.name for path in folder.iterdir()} == {Path(entry["filepath"]).name for entry in entries} | {
                "metadata.json"
            }
    for label, kind in enumerate(("real", "fake")):
        paths = [tmp_path / entry["filepath"] for mine, entry in listed if mine == kind]
        assert sorted(digest(path.read_bytes()) for path in paths) == hashes(dataset, "train", label)
    fakes = [entry for kind, entry in listed if kind == "fake"]
    fields = {
        "ID",
        "original_prompt",
        "positive_prompt",
        "negative_prompt",
        "model",
        "nsfw",
        "url_real_image",
        "filepath",
        "aspect_ratio",
    }
    assert all(set(entry) == fields for entry in fakes)
    assert sorted(entry["url_real_image"] for entry in fakes)[1:] == sorted(
        f"https://example.org/{number}" for number in range(1, 24)
    )
    write_reals(
        parts=[str(path) for path in sorted(tmp_path.glob("real-images/*"))], table=str(tmp_path / "real.csv"), progress=progress
    )
    with open(tmp_path / "real.csv", newline="", encoding="utf-8") as file:
        table = list(csv.DictReader(file))
    assert sorted(row["sha256"] for row in table) == hashes(dataset, "train", 0)
    assert all((tmp_path / row["filepath"]).exists() and row["url"] and row["caption"] for row in table)


def test_imaginets_list_names_every_file_by_its_own_path(dataset, tmp_path, progress):
    write_root(
        manifest=dataset["manifest"],
        indexes=[dataset["index"]],
        families=FAMILIES,
        split="test",
        folder=str(tmp_path / "root"),
        progress=progress,
    )
    rows_ = read_annotations(tmp_path / "root/annotations.txt")
    by_hash = {row["sha256"]: row for row in dataset["test"]}
    assert (tmp_path / "root/annotations.txt").read_bytes() == b"".join(row.line() for row in rows_)
    assert len({row.path for row in rows_}) == len(rows_) == 18
    for row in rows_:
        made = by_hash.pop(digest((tmp_path / "root" / row.path).read_bytes()))
        assert (row.origin, row.content) == (made["label"], 2 if made["content"] == "faces" else 1)
        assert (row.model_group, row.specific_model) == ((5, 9) if made["label"] else (4, 8))  # those after the published ones
        assert made["label"] or row.path.startswith("./test/Ä (")
    assert "5,Painter\n" in (tmp_path / "root/model_groups.txt").read_text(encoding="utf-8")
    assert [content_number(word) for word in ("photo", "photos", "face", "", None, "maps")] == [0, 0, 2, 3, 3, 3]


def test_ids_that_are_imaginets_paths_are_its_paths(tmp_path):
    ids = ["journeydb/a.jpg", "release/wikiart/Cubism/b (1).jpg", "DRCT/sd/0078"]
    members = [("000.tgz", "000/a.jpg"), ("imaginet.7z.001", "imaginet/wikiart/Cubism/b (1).jpg"), ("sd.zip", "sd/0078.png")]
    rows_ = [{"id": key, "source_file": file, "source_member": member} for key, (file, member) in zip(ids, members, strict=True)]
    (tmp_path / "release").mkdir()
    pq.write_table(table_of(rows_, ITEM), tmp_path / "release/index.parquet")
    pq.write_table(table_of([{"id": key, "split": "test"} for key in ids], MANIFEST), tmp_path / "manifest.parquet")
    found = _paths(str(tmp_path / "manifest.parquet"), [str(tmp_path / "release/index.parquet")], "test")
    assert list(found.values()) == ["./journeydb/a.jpg", "./wikiart/Cubism/b (1).jpg", "./sd/0078.png"]


def test_our_lists_repeat_nothing_miss_nothing_and_share_nothing(dataset, tmp_path, progress):
    """The published lists of the groups repeat 1,147 images, lack 1,678, and are calibrated on images they score."""
    paths = {}
    for split in ("train", "test"):
        place = {"manifest": dataset["manifest"], "split": split, "folder": tmp_path / split}
        write_root(**place, indexes=[dataset["index"]], families=FAMILIES, progress=progress)
        rows_ = read_annotations(tmp_path / split / "annotations.txt")
        paths[split] = {row.path for row in rows_}
        assert len(paths[split]) == len(rows_) == len(dataset[split])
    assert not paths["train"] & paths["test"]


def test_a_path_that_leads_out_of_the_root_is_refused(dataset, tmp_path, progress):
    index = pq.read_table(dataset["index"]).to_pylist()
    index[30]["source_member"] = "../../escaped.jpg"
    pq.write_table(table_of(index, ITEM), tmp_path / "index.parquet")
    with pytest.raises(TouchstoneError, match="leads out"):
        write_root(
            manifest=dataset["manifest"],
            indexes=[str(tmp_path / "index.parquet")],
            families=FAMILIES,
            split="test",
            folder=str(tmp_path / "a/b/root"),
            progress=progress,
        )
    assert not list(tmp_path.rglob("escaped*"))
    assert not (tmp_path / "a/b/root").exists()


def test_nyu_pairs_are_of_one_name_one_size_and_one_encoding(dataset, tmp_path, progress):
    write_pairs(
        manifest=dataset["manifest"], split="train", side=256, quality=95, folder=str(tmp_path / "processed"), progress=progress
    )
    names = {kind: sorted(path.name for path in (tmp_path / "processed" / kind).iterdir()) for kind in ("ai", "original")}
    assert names["ai"] == names["original"]
    assert len(names["ai"]) == 23
    facts = [measure((tmp_path / "processed" / kind / name).read_bytes()) for kind in names for name in names[kind]]
    chain = {(fact["format"], fact["width"], fact["height"], fact["jpeg_quality"], fact["chroma_subsampling"]) for fact in facts}
    assert chain == {("JPEG", 256, 256, 95, "4:2:0")}
    with open(tmp_path / "processed/unpaired.csv", newline="", encoding="utf-8") as file:
        assert [row["why"] for row in csv.DictReader(file)] == ["made from no image"]


# -- perturbed sets -----------------------------------------------------------------------------------


def perturbed_rows(folder: Path) -> dict[str, dict]:
    table = pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("*.parquet")))
    return {row["id"]: row for row in table.to_pylist()}


@pytest.mark.parametrize("series", ["perturbed", "jpeg_40", "resize_2"])
def test_a_perturbed_set_is_the_same_whatever_workers_and_shards(dataset, tmp_path, progress, series):
    import datasets

    for name, threads, of in (("one", 1, 1), ("four", 4, 3)):
        for number in range(of):
            write_perturbed(
                manifest=dataset["manifest"],
                split="test",
                series=series,
                number=number,
                of=of,
                seed=5,
                threads=threads,
                shard=str(tmp_path / name / f"test-{number:06d}.parquet"),
                progress=progress,
            )
    one, four = perturbed_rows(tmp_path / "one"), perturbed_rows(tmp_path / "four")
    assert one == four
    assert sorted(one) == sorted(row["id"] for row in dataset["test"])
    loaded = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "four/*.parquet"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert all(row["image"].size == (256, 256) for row in loaded)
    assert {measure(row["image"]["bytes"])["format"] for row in one.values()} == {"WEBP"}


def test_transparent_deep_and_turned_images_are_decoded_as_they_are_shown():
    clear = io.BytesIO()
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(clear, "PNG")
    assert decode(clear.getvalue()).getpixel((0, 0)) == (255, 255, 255)
    deep = io.BytesIO()
    Image.fromarray(np.full((8, 8), 32768, dtype=np.uint16)).save(deep, "PNG")
    assert decode(deep.getvalue()).getpixel((0, 0)) == (128, 128, 128)
    turned, exif = io.BytesIO(), Image.Exif()
    exif[274] = 6
    Image.new("RGB", (8, 4)).save(turned, "JPEG", exif=exif)
    assert decode(turned.getvalue()).size == (4, 8)
