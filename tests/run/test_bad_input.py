"""Bad input: each mistake gives one clear message with file, key and mend, or a row in the ledger."""

from __future__ import annotations

import zipfile

import pytest
from tests.building import HOME, Workplace, remade


@pytest.fixture
def place(tmp_path) -> Workplace:
    return Workplace(tmp_path)


def complaint(place: Workplace, *arguments: str) -> str:
    """What a failing Snakemake says; never with a traceback of ours."""
    text = place.run(*arguments, fails=True)
    assert "Traceback" not in text
    return text


def test_unknown_key_in_a_card(place):
    place.edit("origins/demo_sd.yaml", recipe__guidnce=3)
    text = complaint(place, "-n")
    assert "unknown key 'guidnce'" in text
    assert "origins/demo_sd.yaml: recipe" in text
    assert "did you mean 'guidance'?" in text


def test_dataset_naming_an_unknown_origin(place):
    place.edit("datasets/demo.yaml", reals__demo_fotos={"share": 1})
    text = complaint(place, "-n")
    assert "there is no origin called 'demo_fotos', named in" in text
    assert "datasets/demo.yaml" in text
    assert "did you mean 'demo_photos'?" in text


def test_unknown_dataset(place):
    text = complaint(place, "-n", "--config", "dataset=dmo")
    assert "there is no dataset called 'dmo'" in text
    assert "did you mean 'demo'?" in text


def test_missing_files_that_a_person_must_get_are_all_named(place):
    files = [{"path": "photos.zip"}, {"path": "names.csv"}]
    place.edit("origins/demo_photos.yaml", files=files, access="agreement", instructions="sign the form at example.org")
    text = complaint(place, "resources/receipts/demo_photos.json")
    assert "2 file(s) of origin 'demo_photos' are not there: photos.zip, names.csv" in text
    assert "mend:  sign the form at example.org" in text
    assert "demo_photos.yaml" in text


def test_nothing_begins_while_something_is_missing_that_a_person_must_get(place):
    place.edit("origins/demo_photos.yaml", files=[{"path": "photos.zip"}], access="agreement", instructions="sign the form")
    place.edit("origins/demo_urls.yaml", files=[{"path": "demo_urls.csv"}, {"path": "web.zip", "source": "demo:web.zip"}])
    place.edit("origins/models.yaml", demo_image_variation__sources=["path:/nowhere"])
    text = complaint(place, "--keep-going")
    assert "3 origins and models cannot be used yet" in text
    for said in ("photos.zip", "sign the form", "demo_urls.csv", "there is no folder /nowhere"):
        assert said in text
    assert not list(place.work.glob("re*")), "something was begun"


def test_the_check_shows_a_table_and_fails_while_something_is_missing(place):
    place.edit("origins/demo_photos.yaml", files=[{"path": "photos.zip"}], access="agreement", instructions="sign the form")
    text = complaint(place, "check_origins")
    assert "in the way: 1 origin(s)" in text
    assert "1 file(s) of origin 'demo_photos' are not there: photos.zip" in text
    assert place.dry_run()["fetch_origin"] == 3, "a dry run shows the plan all the same"


@pytest.mark.slow
def test_other_origins_are_built_while_one_is_not_placed(place):
    place.edit("origins/demo_photos.yaml", files=[{"path": "photos.zip"}], access="agreement", instructions="sign the form")
    place.run("results/origins/demo_sd/index.parquet")


@pytest.mark.slow
def test_what_was_fetched_can_be_read_again_and_compared(place):
    place.run("resources/receipts/demo_photos.json")
    assert "files and folders are what they were" in place.run("verify_origins")
    archive = place.work / "resources/archives/demo_photos/photos.zip"
    archive.write_bytes(archive.read_bytes()[:-1] + b"x")
    text = complaint(place, "verify_origins")
    assert "photos.zip: its sha256 is" in text


def test_missing_list_beside_a_card(place):
    (place.folder / "config/lists/demo_prompts.csv").unlink()
    text = complaint(place, "resources/receipts/demo_sd.json")
    assert "1 file(s) of origin 'demo_sd' are not there: demo_prompts.csv" in text


def test_wrong_checksum(place):
    place.edit("origins/demo_photos.yaml", files=[{"path": "photos.zip", "source": "demo:photos.zip", "sha256": "0" * 64}])
    text = complaint(place, "resources/receipts/demo_photos.json")
    assert "wrong checksum" in text
    assert "demo_photos.yaml" in text
    assert "photos.zip" in text
    assert not (place.work / "resources/receipts/demo_photos.json").exists()


def test_empty_url_list(place):
    (place.folder / "config/lists/demo_urls.csv").write_text("id,url,caption,photo\n", encoding="utf-8")
    text = complaint(place, "results/origins/demo_urls/index.parquet")
    assert "the table has no rows" in text
    assert "demo_urls.csv" in text


def test_a_list_without_the_column_the_card_names(place):
    rows = "id,link,caption,photo\n1,http://a.test/b.jpg,b,c\n"
    (place.folder / "config/lists/demo_urls.csv").write_text(rows, encoding="utf-8")
    text = complaint(place, "results/origins/demo_urls/index.parquet")
    assert "the table has no column 'url'" in text
    assert "its columns are id, link, caption, photo" in text


def test_repeated_prompts_are_skipped_and_counted(place):
    text = place.run("results/origins/demo_sd/index.parquet")
    assert "2 skipped: the prompt is a repetition (first: '080')" in text
    assert "80 items" in text


def test_repeated_ids_are_skipped_and_counted(place):
    prompts = place.folder / "config/lists/demo_prompts.csv"
    prompts.write_text("id,prompt,content\n1,a cat,animal\n1,a dog,animal\n", encoding="utf-8")
    text = place.run("results/origins/demo_sd/index.parquet")
    assert "1 skipped: an earlier item has the same id (first: 'demo_sd/1: " in text


def test_a_zip_that_is_cut_short(place):
    archive = place.work / "resources/archives/demo_photos/photos.zip"
    place.run("resources/receipts/demo_photos.json")
    archive.write_bytes(archive.read_bytes()[:-100])
    text = complaint(place, "results/origins/demo_photos/index.parquet")
    assert "the file is not a whole zip archive" in text
    assert "photos.zip" in text


def test_corrupt_pictures_in_a_zip_become_rows_with_a_reason(place, picture):
    import pyarrow.parquet as pq

    archive = place.folder / "mine/photos.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        for number in range(8):
            file.writestr(f"a/{number}.jpg", picture(seed=number, size=(80, 80)))
        file.writestr("a/cut.jpg", picture(seed=9, size=(80, 80))[:1500])
        file.writestr("a/text.jpg", b"not an image")
    data = archive.read_bytes()
    spot = data.index(b"a/3.jpg") + 900
    archive.write_bytes(data[:spot] + bytes([data[spot] ^ 255]) + data[spot + 1 :])
    place.edit("config.yaml", paths={"demo_photos": str(archive.parent)})
    (place.folder / "config/datasets/demo.yaml").write_text(
        "title: Photographs\nseed: 1\nsplits: {train: 1}\n"
        "reals:\n  demo_photos: {quota: 7, margin: 1.5}\n"
        "gates: {rejected: {limit: 0.4}}\n",
        encoding="utf-8",
    )
    place.run()
    rows = place.table("selection.parquet").select(["id", "state", "reason"]).to_pylist()
    assert {row["id"].split("/")[-1]: row["reason"] for row in rows if row["state"] == "rejected"} == {
        "3": "corrupt_member",
        "cut": "truncated",
        "text": "unreadable",
    }
    shard = pq.read_table(place.work / "results/demo/origins/demo_photos/real-00000.parquet")
    assert [row["image"] is None for row in shard.to_pylist()] == [row["state"] == "rejected" for row in shard.to_pylist()]


@pytest.mark.slow
def test_a_build_that_failed_early_does_not_pass_the_next_time(copy):
    prompts = copy.folder / "config/lists/demo_prompts.csv"
    whole = prompts.read_text(encoding="utf-8")
    prompts.write_text("id,prompt\n1,a cat\n", encoding="utf-8")
    for _ in range(2):
        assert "the table has no column 'content'" in complaint(copy)
    prompts.write_text(whole, encoding="utf-8")
    copy.edit("origins/demo_photos.yaml", files=[{"path": "photos.zip", "source": "demo:photos.zip", "sha256": "0" * 64}])
    for _ in range(2):
        assert "wrong checksum" in complaint(copy)
    copy.edit("origins/demo_photos.yaml", files=[{"path": "photos.zip", "source": "demo:photos.zip"}])
    before = copy.made()
    copy.run()
    assert not [name for name in remade(before, copy.made()) if name.endswith("-00000.parquet") and "picks" not in name]


def test_the_local_profile_shows_errors(place):
    place.edit("origins/demo_sd.yaml", recipe__guidnce=3)
    assert "did you mean 'guidance'?" in complaint(place, "--profile", str(HOME / "profiles/local"))
    place = Workplace(place.folder / "fresh")
    assert "No rule to produce demo_sdd" in complaint(place, "demo_sdd", "--profile", str(HOME / "profiles/local"))


@pytest.mark.slow
def test_too_many_rejected_items_stop_the_build_with_one_page(copy):
    copy.edit("datasets/demo.yaml", gates__rejected__limit=0.1)
    text = complaint(copy)
    assert "the dataset does not pass its gates" in text
    assert "demo_urls: " in text
    assert "http_error (the server answered with an error status)" in text
    assert (copy.work / "results/demo/report.html").exists()
    assert not (copy.work / "results/demo/README.md").exists()


@pytest.mark.slow
def test_a_shortfall_stops_the_build(copy):
    copy.edit("datasets/demo.yaml", fakes__demo_sd__quota=90)  # the list has 80 prompts
    text = complaint(copy)
    assert "demo_sd demo_stable_diffusion: 10 of 90 images are missing" in text
    assert "raise its margin, or lower its quota" in text


@pytest.mark.slow
def test_a_staged_file_that_is_gone_is_named_before_anything_is_queued(copy):
    (copy.work / "results/demo/origins/demo_sd/demo_stable_diffusion-00000.parquet").unlink()
    weights = copy.work / "resources/models/demo_stable_diffusion/demo_stable_diffusion/unet/diffusion_pytorch_model.safetensors"
    kept = weights.read_bytes()
    weights.unlink()
    text = copy.run(fails=True)
    assert "a file is gone that demo_stable_diffusion needs" in text
    assert str(weights.relative_to(copy.work)) in text
    assert "Job stats" not in text
    weights.write_bytes(kept)
    copy.run()
