"""readers/ of the ELSA sets, of lists like LAION's, of img2dataset's output and of the NYU sets, by way of their cards."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.building import HOME
from tests.trees_elsa_nyu import (
    PART_FORMS,
    d3,
    elsa_parts,
    nyu_pairs,
    parquet,
    picture,
    saved,
    scraped_row,
    tarred,
    track1,
    track2,
    with_images,
    zipped,
)

from touchstone.checking import load_checked
from touchstone.containers import open_container
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.listing import list_origin, path_of

CARDS = HOME / "config" / "origins"
GENERATORS = load_checked("generators", CARDS / "generators.yaml")
SLOTS = [f"image_gen{slot}" for slot in range(4)]


@pytest.fixture
def listed(tmp_path, progress):
    """``listed(origin)`` → ``({id: row of the index}, what was told)``, of the files of its card that lie below ``tmp_path``."""

    def run(origin: str, **options) -> tuple[dict[str, dict], str]:
        card = load_checked("origin", CARDS / f"{origin}.yaml")
        card.setdefault("generators", []).extend([options["generator"]] if "generator" in options else [])
        there = [file["path"] for file in card["files"] if (tmp_path / file["path"]).exists()]
        files = [{"name": name, "path": str(tmp_path / name)} for name in there]
        receipt, index = str(tmp_path / "receipt.json"), str(tmp_path / "index.parquet")
        write_json(receipt, {"files": files})
        card["recipe"]["reader"] |= options
        list_origin(
            origin=origin,
            receipt=receipt,
            recipe=card["recipe"],
            generators={key: GENERATORS[key] for key in card.get("generators", [])},
            kind=card["kind"],
            licence=card["licence"],
            index=index,
            progress=progress,
        )
        rows = pq.read_table(index).to_pylist()
        if card["kind"] == "archive":  # every place that is named holds the picture
            for row in rows:
                container = open_container(path_of(files, row["source_file"]))
                assert container.read(row["source_member"])[:4] in (b"\x89PNG", b"\xff\xd8\xff\xe0")
                container.close()
        return {row["id"]: row for row in rows}, progress.streams[0].getvalue()

    return run


# -- ELSA1M and ELSA500k ---------------------------------------------------------------------------

RECORD = {
    "origin_dataset": "ELSA1M_track1",
    "label": 1,
    "generator": "Stable Diffusion 2.1",
    "conditioning": "text",
    "description": "",
    "original_prompt": "Lake 4",
    "positive_prompt": "a lake, number 4, best quality",
    "negative_prompt": "blurry",
    "nsfw": "UNSURE",
    "paired_real_images": ["LAION-400M/26131007004"],
    "groups": ["laion:26131007004"],
    "source_url": "http://host/4.jpg",
    "licence": "CC-BY-4.0",
}


def hub_files(folder: Path) -> None:
    for file in range(2):
        rows = with_images(track1(number) for number in range(3 * file, 3 * file + 3))
        parquet(folder / f"data/train-{file:05d}-of-00892-0123456789abcdef.parquet", rows)


@pytest.mark.parametrize("form", ["hub", "saved", *PART_FORMS])
def test_elsa1m_has_the_same_records_in_every_form(listed, tmp_path, form):
    if form == "hub":
        hub_files(tmp_path)
    elif form == "saved":
        saved(tmp_path / "data/train", with_images(map(track1, range(6))))
        (tmp_path / "data/dataset_dict.json").write_text('{"splits": ["train"]}')
    else:
        elsa_parts(tmp_path, form)
    rows, told = listed("elsa_1m")
    assert [*rows] == [f"ELSA1M_track1/fake-images/part-{n // 3 + 1:06d}/{n:06d}" for n in range(6)]
    row = rows["ELSA1M_track1/fake-images/part-000002/000004"]
    assert {key: row[key] for key in RECORD} == RECORD
    place = {
        "hub": ("data/train-00001-of-00892-0123456789abcdef.parquet", "1/image"),
        "saved": ("data/train/data-00001-of-00002.arrow", "1/image"),
    }.get(form, ("fake-images/", "part-000002/000004.png"))
    assert (row["source_file"], row["source_member"]) == place
    assert "skipped" not in told


def test_both_forms_of_elsa1m_at_once_are_one_set(listed, tmp_path):
    hub_files(tmp_path)
    elsa_parts(tmp_path)
    rows, told = listed("elsa_1m")
    assert len(rows) == 6
    assert "6 skipped: an earlier item has the same id" in told


def test_what_only_one_side_of_a_part_knows_is_told(listed, tmp_path):
    folder = elsa_parts(tmp_path) / "part-000001"
    (folder / "000000.png").unlink()
    (folder / "stray.png").write_bytes(picture(1))
    (folder / "1.svg").touch()
    document = folder / "metadata.json"
    rows = json.loads(document.read_text())
    more = [rows[1], rows[2] | {"model": "a/b", "filepath": "x/stray2.png"}, rows[2] | {"filepath": "/etc/../evil.png"}]
    document.write_text(json.dumps(rows + more))
    (folder / "stray2.png").write_bytes(picture(2))
    (folder.parent / "summary.json").write_text('{"images": 6}')
    rows, told = listed("elsa_1m")
    assert len(rows) == 5
    for line in (
        "2 skipped: in the part's JSON, but not in the part",  # what was deleted, and the hostile path
        "1 skipped: an earlier row of the part's JSON is about the same image",
        "1 skipped: not in the JSON of its part (first: 'part-000001/stray.png')",
        "1 skipped: model 'a/b' is not in the card",
        "1 skipped: not the suffix of an image (first: 'part-000001/1.svg')",
        "1 skipped: a JSON without id, model, filepath (first: 'summary.json')",
    ):
        assert line in told


def test_hostile_paths_and_ids_of_rows(listed, tmp_path):
    odd = [
        track1(0) | {"filepath": "../../etc/passwd.png"},
        track1(1) | {"id": "", "filepath": "x.png"},
        track1(2) | {"id": "a/../b"},
    ]
    parquet(tmp_path / "data/train-00000-of-00892.parquet", with_images(map(track1, range(3))).slice(0, 0))
    table = pa.Table.from_pylist(odd).append_column(
        "image", pa.array([{"bytes": picture(1)}] * 3, pa.struct([("bytes", pa.binary())]))
    )
    parquet(tmp_path / "data/train-00000-of-00892.parquet", table)
    rows, told = listed("elsa_1m")
    assert [*rows] == ["ELSA1M_track1/26131007000"]
    assert "2 skipped: the row has no id" in told


def test_a_table_without_its_columns_is_named(listed, tmp_path):
    parquet(tmp_path / "data/train-00000-of-00892.parquet", pa.table({"id": ["1"], "image": [b"x"]}))
    with pytest.raises(TouchstoneError, match=r"no column 'model'"):
        listed("elsa_1m")


def test_elsa500k(listed, tmp_path):
    parquet(tmp_path / "data/train-00000-of-00256-0123456789abcdef.parquet", with_images(map(track2, range(3))))
    rows, _ = listed("elsa_500k")
    row = rows["ELSA500k_track2/fake-images/part-000001/000002"]
    assert {key: row[key] for key in ("original_prompt", "nsfw", "source_url", "groups", "generator", "origin_dataset")} == {
        "original_prompt": "Lake 2",
        "nsfw": "",
        "source_url": "http://host/2.jpg",
        "groups": ["laion:26131007002"],
        "generator": "Stable Diffusion 2.1",
        "origin_dataset": "ELSA500k_track2",
    }


# -- ELSA D3 ---------------------------------------------------------------------------------------


def d3_files(folder: Path, names: list[str]) -> None:
    for at, name in enumerate(names):
        parquet(folder / f"data/{name}.parquet", with_images((d3(10 * at + row) for row in range(2)), SLOTS))


def test_d3_counts_val_files_behind_train_files_and_not_as_validation(listed, tmp_path):
    d3_files(tmp_path, ["train-00000-of-00002", "train-00001-of-00002", "val-00000-of-00001", "validation-00000-of-00001"])
    rows, told = listed("elsa_d3")
    assert len(rows) == 4 * 8
    row = rows["ELSA_D3/train/row5/image_gen2"]
    assert (row["source_file"], row["source_member"]) == ("data/val-00000-of-00001.parquet", "1/image_gen2")
    assert (row["original_prompt"], row["source_url"]) == ("Lake 21", "http://host/21.jpg")
    assert rows["ELSA_D3/validation/row0/image_gen0"]["origin_dataset"] == "ELSA_D3/valid"
    assert "listed without" not in told


@pytest.mark.parametrize(
    ("names", "numbered", "other"),
    [
        (["train-00000-of-00003", "train-00002-of-00003"], ["row0", "row1"], ["train-00002-of-00003/row0"]),
        (["train-00001-of-00002", "val-00000-of-00001"], [], ["train-00001-of-00002/row0", "val-00000-of-00001/row1"]),
        (["train-00000-of-00002", "val-00000-of-00001"], ["row0", "row1"], ["val-00000-of-00001/row0"]),
        (["val-00000-of-00001"], [], ["val-00000-of-00001/row0"]),
    ],
)
def test_rows_behind_a_missing_file_of_d3_get_no_wrong_number(listed, tmp_path, names, numbered, other):
    d3_files(tmp_path, names)
    rows, told = listed("elsa_d3")
    found = {name.removeprefix("ELSA_D3/train/").removesuffix("/image_gen0") for name in rows if name.endswith("gen0")}
    assert {name for name in found if "/" not in name} == {*numbered}
    assert {*other} <= found
    assert len(rows) == len(names) * 2 * 4
    assert "files of this beginning, all or some (first: 'data/train-*')" in told or "first: 'data/val-*'" in told
    assert "listed without the row's number in its split" in told


def test_d3_as_a_saved_dataset_has_the_same_ids(listed, tmp_path):
    saved(tmp_path / "data/train", with_images(map(d3, range(5)), SLOTS))
    saved(tmp_path / "data/validation", with_images(map(d3, range(5, 7)), SLOTS), n_files=1)
    rows, _ = listed("elsa_d3")
    assert [*rows][::4] == [
        f"ELSA_D3/{name}/image_gen0" for name in (*(f"train/row{n}" for n in range(5)), *("validation/row0", "validation/row1"))
    ]
    row = rows["ELSA_D3/train/row3/image_gen1"]  # the second file begins with row 3
    assert (row["source_file"], row["source_member"]) == ("data/train/data-00001-of-00002.arrow", "0/image_gen1")
    assert row["groups"] == ["laion:26131007003"]


@pytest.mark.parametrize(("origin", "half"), [("elsa_d3_test", "no_augm"), ("elsa_d3_test_augmented", "augm")])
def test_the_test_set_of_d3(listed, tmp_path, origin, half):
    folders = ["real", "gen_0", "gen_1", "gen_2", "gen_3"]
    members = {
        f"d3_test/{other}/{name}/{n:05d}.png": picture(n) for other in ("augm", "no_augm") for name in folders for n in range(2)
    }
    tarred(tmp_path / "d3_test.tar", members | {"d3_test/readme.txt": b"", f"d3_test/{half}/gen_4/00000.png": b""})
    rows, told = listed(origin)
    assert len(rows) == 10
    assert "10 skipped: not below a folder" in told
    assert "1 skipped: no folder called real or gen_0" in told
    row = rows[f"ELSA_D3_test/d3_test/{half}/gen_0/00001"]
    assert (row["label"], row["generator"], row["conditioning"]) == (1, "DeepFloyd IF", "text")
    assert row["paired_real_images"] == [f"ELSA_D3_test/d3_test/{half}/real/00001"]
    assert {tuple(row["groups"]) for name, row in rows.items() if name.endswith("1")} == {("elsa_d3_test:00001",)}
    assert {row["generator"] for row in rows.values()} == {
        GENERATORS[key]["name"] for key in load_checked("origin", CARDS / f"{origin}.yaml")["generators"]
    } | {""}


def test_the_test_set_of_the_first_round(listed, tmp_path):
    members = {
        "Elsa_test/fake-images/part-000001/1.png": picture(1),
        "Elsa_test/real/1.jpg": picture(2, "JPEG"),
        "Elsa_test/2.png": b"",
    }
    tarred(tmp_path / "Elsa_test.tar.gz", members, "gz")
    rows, told = listed("elsa_1m_test")
    assert [(row["label"], row["generator"]) for row in rows.values()] == [(1, "Stable Diffusion 2.1"), (0, "")]
    assert "1 skipped: no folder called fake or" in told


# -- lists of addresses ----------------------------------------------------------------------------

LAION400M = {"SAMPLE_ID": 2949000002061.0, "URL": "http://host/a.jpg", "TEXT": "A lake", "HEIGHT": 600, "WIDTH": 800}
LAION400M |= {"LICENSE": "?", "NSFW": "UNLIKELY", "similarity": 0.33}
LISTS = {
    "laion400m.parquet": LAION400M,
    "aesthetics.parquet": {
        "URL": "http://host/a.jpg",
        "TEXT": "A lake",
        "WIDTH": 800,
        "HEIGHT": 600,
        "hash": -2949000002061,
        "punsafe": 0.01,
    },
    "laion400m.csv": LAION400M,
    "coyo.tsv": {"id": 2949000002061, "url": "http://host/a.jpg", "text": "A lake", "width": 800, "height": 600},
    "datacomp.parquet": {
        "uid": "f1e2",
        "url": "http://host/a.jpg",
        "text": "A lake",
        "original_width": 800,
        "original_height": 600,
    },
    "ai_genbench.json": {"url": "http://host/a.jpg", "description": "A lake", "id": "2949000002061"},
    "elsa.jsonl": {"ID": "2949000002061", "url_real_image": "http://host/a.jpg", "original_prompt": "A lake", "nsfw": "UNLIKELY"},
    "plain.csv": {"URL": "http://host/a.jpg", "TEXT": "A lake"},
}


def write_list(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(rows)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows), encoding="utf-8")
    elif path.suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = [separator.join(rows[0]), *(separator.join(map(str, row.values())) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize("name", LISTS)
def test_columns_of_lists_are_found_by_their_names(listed, tmp_path, name):
    write_list(tmp_path / "lists" / name, [LISTS[name]])
    (row,) = listed("laion_urls")[0].values()
    key = {"aesthetics.parquet": "-2949000002061", "datacomp.parquet": "f1e2"}.get(name, "2949000002061")
    if name == "plain.csv":
        assert row["id"].startswith("LAION/url-")
        assert row["groups"] == ["url:http://host/a.jpg"]
    else:
        assert (row["id"], row["groups"]) == (f"LAION/{key}", [f"laion:{key}"])
    assert (row["source_url"], row["description"], row["label"]) == ("http://host/a.jpg", "A lake", 0)
    assert row["nsfw"] == str(LISTS[name].get("NSFW", LISTS[name].get("nsfw", LISTS[name].get("punsafe", ""))))
    assert row["licence"] == "addresses only; each image under its host's terms"


def test_rows_that_must_not_be_scraped(listed, tmp_path):
    rows = [
        LAION400M | {"SAMPLE_ID": float(number), "URL": f"http://host/{number}.jpg", **change}
        for number, change in enumerate(
            [{}, {"NSFW": "NSFW"}, {"WIDTH": 199}, {"URL": ""}, {"LICENSE": "CC-BY-4.0"}, {"HEIGHT": None}, {"NSFW": None}, {}]
        )
    ]
    write_list(tmp_path / "lists/a/b.parquet", rows)
    write_list(tmp_path / "lists/00000_stats.json", [{"count": 8, "successes": 8}])
    write_list(tmp_path / "lists/odd.csv", [{"id": "a/b", "url": "http://host/b.jpg"}, {"id": "nan", "url": "http://host/c.jpg"}])
    write_list(tmp_path / "blocked.csv", [{"id": "7"}, {"id": '""'}, {"id": "http://host/0.jpg"}])
    rows, told = listed("laion_urls")
    assert [name for name in rows if "url-" not in name] == ["LAION/4", "LAION/5", "LAION/6"]
    assert len(rows) == 4
    assert rows["LAION/4"]["licence"] == "CC-BY-4.0"
    for line in (
        "1 skipped: tagged 'NSFW'",
        "1 skipped: a side is shorter than 200 pixels",
        "1 skipped: the row has no address",
        "2 skipped: in blocked.csv",
        "1 skipped: a table without addresses (first: 'lists/00000_stats.json')",
        "1 skipped: the id holds more than letters, digits and . : + = - (first: 'a/b')",
        "1 listed without a column on unsafe content",
    ):
        assert line in told


def test_the_reals_of_elsa1m_come_from_its_csv_its_rows_or_its_parts(listed, tmp_path):
    elsa_parts(tmp_path)
    rows, _ = listed("elsa_1m_reals")
    hub_files(tmp_path)
    again, told = listed("elsa_1m_reals")
    assert {name: row["source_url"] for name, row in rows.items()} == {name: row["source_url"] for name, row in again.items()}
    assert "6 skipped: an earlier item has the same id" in told
    row = rows["LAION-400M/26131007002"]
    assert (row["groups"], row["nsfw"], row["description"]) == (["laion:26131007002"], "NSFW", "Lake 2")


# -- img2dataset -----------------------------------------------------------------------------------


def texts_of(number: int) -> dict[str, bytes]:
    row = scraped_row(number)
    return {".png": picture(number), ".json": json.dumps(row, indent=4).encode(), ".txt": row["caption"].encode()}


@pytest.mark.parametrize("form", ["files", "files without tables", "tar", "tar without tables", "parquet", "saved"])
def test_what_img2dataset_left_in_every_form(listed, tmp_path, form):
    rows = [scraped_row(number, "failed_to_download" if number == 5 else "success") for number in range(8)]
    for shard in range(2):
        own = [row for row in rows if row["key"].startswith(f"{shard:05d}")]
        good = {row["key"]: number for number, row in enumerate(rows) if row in own and row["status"] == "success"}
        members = {f"{key}{suffix}": data for key, number in good.items() for suffix, data in texts_of(number).items()}
        if form.startswith("files"):
            for name, data in members.items():
                (tmp_path / f"train/{shard:05d}").mkdir(parents=True, exist_ok=True)
                (tmp_path / f"train/{shard:05d}/{name}").write_bytes(data)
        elif form.startswith("tar"):
            tarred(tmp_path / f"train/{shard:05d}.tar", members)
        table = pa.Table.from_pylist(own)
        if form in ("parquet", "saved"):
            cells = [picture(rows.index(row)) if row["status"] == "success" else None for row in own]
            table = table.append_column("jpg", pa.array(cells, pa.binary()))
        if form == "saved":
            saved(tmp_path / f"train/{shard:05d}", table.drop_columns(["key"]), n_files=1)
        elif "without" not in form:
            parquet(tmp_path / f"train/{shard:05d}.parquet", table)
        (tmp_path / f"train/{shard:05d}_stats.json").write_text("{}")
    found, told = listed("laion_400m_scraped")
    assert sorted(found) == [f"LAION-400M/{26131007000 + number}" for number in range(8) if number != 5]
    row = found["LAION-400M/26131007006"]
    assert {key: row[key] for key in ("description", "source_url", "nsfw", "groups", "label", "origin_dataset")} == {
        "description": "Lake 6",
        "source_url": "http://host/6.jpg",
        "nsfw": "UNLIKELY",
        "groups": ["laion:26131007006"],
        "label": 0,
        "origin_dataset": "LAION-400M",
    }
    assert ("1 skipped: img2dataset says failed_to_download" in told) == ("without" not in form)
    by_key, _ = listed("laion_400m_scraped", ids="key")
    assert len(by_key) == 7
    if form not in ("saved",):
        assert "LAION-400M/train/00001/000010002" in by_key


def test_tars_of_other_tools_and_hostile_members(listed, tmp_path):
    members = {"1.png": picture(1), "1.txt": b"a lake\n", "2.png": picture(2), "2.json": b"{broken", "3.json": b'{"a": 1}'}
    members |= {"4.png": picture(4), "4.json": b"[]", "5.png": picture(5), "5.txt": b"\xff", "6.png": picture(6), "6.cls": b"1"}
    tarred(tmp_path / "train/shard-000000.tar", members | {"../7.png": b"x", "8.svg": b"x"})
    rows, told = listed("laion_400m_scraped", ids="key")
    assert {name: row["description"] for name, row in rows.items()} == {
        f"LAION-400M/train/shard-000000/{key}": "a lake" if key == 1 else "" for key in (1, 2, 4, 5, 6)
    }
    for line in (
        "1 skipped: the image is not there (first: 'train/shard-000000/3')",
        "2 skipped: not the suffix of an image (first: '6.cls')",
        "1 skipped: not a safe name",
    ):
        assert line in told


def test_captions_of_generated_images_are_their_prompts(listed, tmp_path):
    tarred(tmp_path / "train/s.tar", {"1.png": picture(1), "1.txt": b"a lake\n", "2.png": picture(2), "2.txt": b"A  Lake"})
    rows, _ = listed("laion_400m_scraped", ids="key", generator="stable_diffusion_1_5")
    assert [(row["positive_prompt"], row["generator"], row["groups"]) for row in rows.values()] == [
        ("a lake", "Stable Diffusion 1.5", ["prompt:a lake"]),
        ("A  Lake", "Stable Diffusion 1.5", ["prompt:a lake"]),
    ]


# -- NYU -------------------------------------------------------------------------------------------

RAW = {
    "nyu_indoor": ("indoorCVPR_09.tar", "Images/airport_inside/airport_inside_0001.jpg"),
    "nyu_weather": ("weather256.zip", "weather256/fogsmog/4075.JPG"),
    "nyu_comic": ("comic_books_dataset.zip", "comic/batman/page 1.png"),
    "nyu_comic_small": ("comic_books_small_dataset.zip", "comic/batman/page 1.jpeg"),
}
BUILT = {
    "nyu_indoor_sd": ("NYU_CV_RVAP_dataset_1.0.0.zip", "Stable Diffusion Image Variations", "nyu_indoor"),
    "nyu_weather_sd": ("NYU_CV_RVAP_weather_dataset_1.0.0.zip", "Stable Diffusion Image Variations", "nyu_weather"),
    "nyu_comic_small_sd": ("NYU_CV_RVAP_comic_small_dataset_1.0.0.zip", "Stable Diffusion Image Variations", "nyu_comic_small"),
    "nyu_indoor_dalle2": ("NYU_CV_RVAP_dalle2_dataset_1.1.0.zip", "DALL-E 2", "nyu_indoor"),
    "nyu_weather_dalle2": ("NYU_CV_RVAP_dalle2_weather_dataset_1.0.0.zip", "DALL-E 2", "nyu_weather"),
}


def grow_raw(folder: Path, origin: str) -> str:
    """The raw set of one picture, with what does not belong there; the name its makers gave to what they made of it."""
    file, member = RAW[origin]
    members = {member: picture(1, "JPEG"), "__MACOSX/._x.jpg": b"", member.replace("/", "/../../../", 1): b""}
    (tarred if file.endswith(".tar") else zipped)(folder / file, members)
    return member.partition("/")[2].replace("/", "_").rpartition(".")[0]  # raw/ then held what lay in the only folder


@pytest.mark.parametrize("origin", RAW)
def test_raw_sets_of_nyu(listed, tmp_path, origin):
    grow_raw(tmp_path, origin)
    rows, told = listed(origin)
    member = RAW[origin][1].rpartition(".")[0]
    assert [*rows] == [f"NYU_{origin.removeprefix('nyu_')}/{member}"]
    row = rows[f"NYU_{origin.removeprefix('nyu_')}/{member}"]
    assert (row["label"], row["generator"], row["source_member"]) == (0, "", RAW[origin][1])
    assert "1 skipped: a file of the operating system" in told
    assert "1 skipped: not a safe name" in told


@pytest.mark.parametrize("origin", BUILT)
@pytest.mark.parametrize("root", ["", "processed/", "NYU_CV_RVAP_dataset/processed/"])
def test_pairs_of_nyu(listed, tmp_path, origin, root):
    file, generator, raw = BUILT[origin]
    name = grow_raw(tmp_path, raw)
    nyu_pairs(tmp_path / file, [name, "b_2"], root)
    rows, told = listed(origin)
    prefix = f"NYU_{origin.removeprefix('nyu_')}/{root}"
    assert sorted(rows) == sorted(
        [f"{prefix}{half}/{stem}" for half in ("ai", "original") for stem in (name, "b_2")] + [f"{prefix}ai/lonely"]
    )
    fake, real = rows[f"{prefix}ai/{name}"], rows[f"{prefix}original/{name}"]
    assert (fake["label"], fake["generator"], fake["conditioning"], fake["released"] is not None) == (1, generator, "image", True)
    assert (real["label"], real["generator"], real["conditioning"], real["paired_real_images"]) == (0, "", "", [])
    assert fake["paired_real_images"] == [f"{prefix}original/{name}"]
    assert fake["groups"] == real["groups"]
    assert rows[f"{prefix}ai/lonely"]["paired_real_images"] == []
    assert "1 listed without a real image of the same name" in told
    assert "1 skipped: no folder called original or ai holds it" in told
    assert "4 skipped: not a safe name" in told
    (source,) = listed(raw)[0].values()
    assert {*fake["groups"]} & {*source["groups"]}  # so that a photograph and what others made of it stay together
