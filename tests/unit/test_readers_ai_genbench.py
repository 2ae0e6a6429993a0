"""readers/ of AI-GenBench's origins, on miniature trees of every one of them, by way of their cards."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
from tests.building import HOME
from tests.trees import TREES, grow

from touchstone.checking import load_checked
from touchstone.errors import TouchstoneError
from touchstone.fetch import fetch_origin
from touchstone.files import read_json, write_json
from touchstone.listing import list_origin
from touchstone.readers import Listing, Skip, reader

CARDS = HOME / "config" / "origins"
GENERATORS = load_checked("generators", CARDS / "generators.yaml")


@pytest.fixture
def planted(tmp_path, progress):
    """``planted(origin)`` → ``({id: row of the index}, what was told)``."""

    def run(origin: str) -> tuple[dict[str, dict], str]:
        card = load_checked("origin", CARDS / f"{origin}.yaml")
        receipt, index = str(tmp_path / "receipt.json"), str(tmp_path / "index.parquet")
        write_json(receipt, {"files": grow(origin, tmp_path / origin)})
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
        assert not any("None" in value for row in rows for value in row.values() if isinstance(value, str))
        return {row["id"]: row for row in rows}, progress.streams[0].getvalue()

    return run


@pytest.mark.parametrize("origin", sorted({*TREES} - {"coco_2017", "imagenet_2012", "laion_400m", "raise"}))
def test_every_generator_of_a_card_is_found(planted, origin):
    rows, _ = planted(origin)
    names = {GENERATORS[key]["name"] for key in load_checked("origin", CARDS / f"{origin}.yaml")["generators"]}
    assert {row["generator"] for row in rows.values()} == names
    assert all(row["label"] == 1 and row["released"] for row in rows.values())


@pytest.mark.parametrize(
    ("origin", "items", "told"),
    [
        ("aeroblade", 6, ["1 skipped: folder 'kandinsky'", "1 listed without a prompt"]),
        ("artifact", 38, ["1 skipped: a real image", "1 skipped: folder 'diffusion_gan/'", "2 listed without a conditioning"]),
        ("coco_2017", 3, ["1 listed without captions"]),
        ("ddmd", 8, ["skipped: folder 'test/IDDPM'", "skipped: folder 'train/LDM'"]),
        (
            "dmid_test",
            15,
            ["skipped: folder 'real_coco_valid'", "1 skipped: an earlier item has the same id", "without a caption"],
        ),
        ("dmid_train", 10, ["skipped: folder 'train/latent_diffusion_class2image' is not"]),
        ("drct_2m", 11, ["5 skipped: the name is not a COCO image id", "1 listed without a prompt"]),
        ("elsa_d3", 16, ["1 listed without the id of a real image"]),
        ("forensynths", 12, ["1 skipped: not in a folder 1_fake", "1 skipped: folder 'deepfake'"]),
        ("genimage", 16, ["8 skipped: a photograph of ImageNet"]),
        ("imagenet_2012", 2, ["1 skipped: not in the folder of a class"]),
        ("imaginet", 11, ["1 skipped: folder 'ffhq'"]),
        ("laion_400m", 2, ["1 skipped: the row has no address", "1 skipped: an earlier item has the same id"]),
        ("raise", 1, []),
        ("sfhq_t2i", 5, ["1 skipped: model 'KOLORS' is not in the card", "4 listed without a prompt"]),
        ("synthbuster", 9, ["1 skipped: folder 'imagen'"]),
    ],
)
def test_what_is_not_an_item_is_told_and_counted(planted, origin, items, told):
    rows, said = planted(origin)
    assert len(rows) == items
    for line in told:
        assert line in said


@pytest.mark.parametrize(
    ("origin", "folder", "archive", "top"),
    [
        ("coco_2017", "train2017/", "train2017.zip", "train2017/"),
        ("forensynths", "progan_train/", "progan_train.zip", ""),
        ("forensynths", "progan_val/", "progan_val.zip", "progan_val/"),
        ("forensynths", "test/", "CNN_synth_testset.zip", ""),
        ("forensynths", "test/", "CNN_synth_testset.zip", "CNN_synth_testset/"),
        ("imaginet", "imaginet/", "imaginet.7z.001", ""),
        ("imaginet", "imaginet/", "imaginet.7z.001", "imaginet/"),
        ("imagenet_2012", "train/", "imagenet-object-localization-challenge.zip", "ILSVRC/Data/CLS-LOC/train/"),
    ],
)
def test_an_archive_gives_what_the_folder_it_unpacks_to_gives(origin, folder, archive, top):
    card = load_checked("origin", CARDS / f"{origin}.yaml")
    assert {folder, archive} <= {file["path"] for file in card["files"] if file.get("choice")}
    names = {"coco_2017": ["000000000078.jpg", "000000000079.jpg"]}.get(origin) or TREES[origin][folder]
    options = card["recipe"]["reader"]

    def items(file: str, below: str) -> list[dict]:
        listing = Listing(members=[(file, below + name) for name in names], document=lambda name: {"annotations": []})
        return [item for item in reader(options["name"])(listing, options) if not isinstance(item, Skip)]

    unpacked, packed = items(folder, ""), items(archive, top)
    assert unpacked
    for one, other in zip(unpacked, packed, strict=True):
        assert (other["source_file"], other["source_member"]) == (archive, top + one["source_member"])
        assert one | {"source_file": "", "source_member": ""} == other | {"source_file": "", "source_member": ""}


def test_validation_images_of_imagenet_have_their_class_from_the_folder_or_the_table():
    options = load_checked("origin", CARDS / "imagenet_2012.yaml")["recipe"]["reader"]
    name = "ILSVRC2012_val_00000001.JPEG"
    solution = [{"ImageId": "ILSVRC2012_val_00000001", "PredictionString": "n01751748 1 2 3 4"}]
    places = [("val/", f"n01751748/{name}"), ("val/", name), ("ILSVRC2012_img_val.tar", name)]
    places += [("imagenet-object-localization-challenge.zip", f"ILSVRC/Data/CLS-LOC/val/{name}")]
    places += [("ILSVRC/", f"Data/CLS-LOC/val/{name}")]
    for place in places:
        listing = Listing(files=["LOC_val_solution.csv"], members=[place], table=lambda *_: solution)
        (item,) = reader("imagenet")(listing, options)
        assert (item["id"], item["class_label"]) == ("ILSVRC2012_val/n01751748/ILSVRC2012_val_00000001", "n01751748")


TOLD = {
    "Artifact/cycle_gan/st/photo2monet/img014227": ("image/photo2monet", "Monet painting"),
    "Artifact/cycle_gan/st/horse2zebra/img001392": ("image/horse2zebra", "zebra"),
    "Artifact/big_gan/big/biggan-data/549/img005000": ("class/imagenet_549", ""),
    "Artifact/cips/cips/cips-churces/img000404": ("noise", "church"),
    "Artifact/ddpm/ddpm/bedroom/img000473": ("noise", "bedroom"),
    "Artifact/denoising_diffusion_gan/dgd/denoising-diffusion-gan-data/img008049": ("noise", "face"),
    "Artifact/diffusion_gan/diff/afhq-data/Diffusion-StyleGAN2-AFHQ/img002417": ("noise", "animal face"),
    "Artifact/diffusion_gan/diff/lsun-bedroom/Diffusion-ProjectedGAN-LSUN-Bed/img001469": ("noise", "bedroom"),
    "Artifact/face_synthetics/facesyn/images/img005447": ("noise", "face"),
    "Artifact/gansformer/gf/bedrooms_images/img003516": ("noise", "bedroom"),
    "Artifact/gau_gan/gau/gaugan-ade/img001404": ("segmentation", ""),
    "Artifact/generative_inpainting/gc-in/gcinpaint-cutout-data/img000038": ("inpainting/noise", ""),
    "Artifact/glide/glide-in/images/img007640": ("inpainting/text", ""),
    "Artifact/glide/glide-t2i/images/img008388": ("text", ""),
    "Artifact/glide/glide/odd/img000001": ("", ""),
    "Artifact/lama/lama-dataset/celeb/lamaDeep/img001138": ("noise", "face"),
    "Artifact/lama/lama-dataset/places/bigLama/img010891": ("noise", "place"),
    "Artifact/latent_diffusion/latentdiff/347/img002763": ("class/imagenet_347", ""),
    "Artifact/latent_diffusion/latentdiff-t2i/images/img004895": ("text", ""),
    "Artifact/mat/mat/celebahq/img001533": ("noise", "face"),
    "Artifact/mat/mat/landscape/img043243": ("noise", "landscape"),
    "Artifact/palette/palette/images/img002292": ("image", "face"),
    "Artifact/pro_gan/pro/airplane/1_fake/img001872": ("noise", "airplane"),
    "Artifact/projected_gan/proj/art_painting/img000945": ("noise", "art painting"),
    "Artifact/sfhq/sfhq/images/img000001": ("image", "face"),
    "Artifact/stable_diffusion/stable-face/Male/img000001": ("text", "male face"),
    "Artifact/stable_diffusion/stable/other/img000002": ("text", ""),
    "Artifact/star_gan/star/stargan/Blond_Hair/img003724": ("image", "blond hair face"),
    "Artifact/stylegan1/sg1/stylegan-images/img000001": ("noise", "face"),
    "Artifact/stylegan2/car-part1/car-512x384/stylegan2-config-f-psi-0.5/043000/img043159": ("noise", "car"),
    "Artifact/stylegan2/ffhq-part1/a/b/c/img019339": ("noise", "face"),
    "Artifact/stylegan3/sg3/stylegan3-r-afhqv2-512x512/img005499": ("noise", "animal face"),
    "Artifact/stylegan3/sg3/stylegan3-t-metfaces-1024x1024/img001440": ("noise", "painting of a face"),
    "Artifact/taming_transformer/tt-cc/cin_k600_p1.0_a0.05_fid5.20/58/img026705": ("class/imagenet_58", ""),
    "Artifact/taming_transformer/tt-coco/samples_nopix/img000199": ("noise", ""),
    "Artifact/vq_diffusion/vqdiff-imgnet/261/img001811": ("class/imagenet_261", ""),
}


def test_artifact_tells_by_the_path_what_an_image_shows(planted):
    rows, _ = planted("artifact")
    assert {name: (rows[name]["conditioning"], rows[name]["description"]) for name in TOLD} == TOLD


def test_artifact_goes_on_without_folders_that_are_not_there():
    rows = [{"image_path": "ddpm/bedroom/img000473.jpg", "target": "6"}]
    options = load_checked("origin", CARDS / "artifact.yaml")["recipe"]["reader"]
    found = list(reader("artifact")(Listing(files=["ddpm/metadata.csv"], table=lambda name, columns: rows), options))
    assert [item["id"] for item in found if not isinstance(item, Skip)] == ["ddpm/ddpm/bedroom/img000473"]
    assert {item.why for item in found if isinstance(item, Skip)} == {"not there"}


@pytest.mark.parametrize(
    ("origin", "name", "fields"),
    [
        ("drct_2m", "DRCT/sd-turbo/train2017/000000000078", {"positive_prompt": "A saucer."}),  # the last in the file
        ("drct_2m", "DRCT/sd-turbo/train2017/000000000078", {"paired_real_images": ["COCO2017_train/78"], "groups": ["coco:78"]}),
        ("coco_2017", "COCO2017_train/78", {"description": "A saucer. A cup of tea.", "groups": ["coco:78"]}),  # by their ids
        ("coco_2017", "COCO2017_train/79", {"description": ""}),
        ("dmid_test", "DMimageDetection/test/dalle_2/DALL·E 2022-10-23 19.07.49_1", {"positive_prompt": "A cup"}),
        ("dmid_test", "DMimageDetection/test/dalle_2/DALL·E 2022-10-23 19.07.49", {"positive_prompt": "A cup"}),
        ("dmid_test", "DMimageDetection/test/dalle_2/DALL·E 2022-10-23 19.09.29", {"positive_prompt": "A - dash"}),
        ("dmid_test", "DMimageDetection/test/eg3d_ffhq/seed0001", {"conditioning": "noise", "description": "face"}),
        ("dmid_test", "DMimageDetection/test/dalle-mini_valid/ann000000000009", {"paired_real_images": ["COCO2017_val/139"]}),
        ("dmid_test", "DMimageDetection/test/glide_text2img_valid/ann000000000010", {"paired_real_images": [], "groups": []}),
        ("elsa_d3", "ELSA_D3/train/row2/image_gen1", {"source_file": "data/val-0.parquet", "source_member": "0/image_gen1"}),
        ("elsa_d3", "ELSA_D3/train/row1/image_gen3", {"paired_real_images": [], "groups": ["elsa_d3:train/row1"]}),
        ("elsa_d3", "ELSA_D3/validation/row0/image_gen0", {"origin_dataset": "ELSA_D3/valid", "negative_prompt": "fog"}),
        ("genimage", "GenImage/Wukong/val/ai/583_wukong_00060", {"class_label": "583", "origin_dataset": "GenImage/val"}),
        ("genimage", "GenImage/BigGAN/train/ai/000_biggan_00094", {"conditioning": "class/imagenet_0", "class_label": "0"}),
        ("raise", "RAISE/r000da54ft", {"groups": ["raise:r000da54ft"], "label": 0}),
        ("synthbuster", "Synthbuster/glide/r000da54ft", {"positive_prompt": "A church, at noon", "groups": ["raise:r000da54ft"]}),
    ],
)
def test_a_record(planted, origin, name, fields):
    rows, _ = planted(origin)
    assert {key: rows[name][key] for key in fields} == fields


NO_IMAGES = ["/etc/1.png", "../1.png", "a/../../1.png", "a\\1.png", "\udcfc.png", "__MACOSX/a/1.png", "a/._1.png", "", "a/1"]
NO_IMAGES += ["a/1.svg", "a/1.json", "a/1.png.txt"]
MISPLACED = ["1.png", "a/b/c/d/e/1.png", "über/1.png"]


@pytest.mark.parametrize("origin", sorted({*TREES} - {"artifact", "elsa_d3", "laion_400m", "raise"}))
def test_hostile_members_are_skipped_with_a_reason(origin):
    options = load_checked("origin", CARDS / f"{origin}.yaml")["recipe"]["reader"]
    members = [(file, member) for file in TREES[origin] for member in NO_IMAGES + MISPLACED]
    listing = Listing(members=members, table=lambda name, columns: [], document=lambda name: {"annotations": []})
    found = list(reader(options["name"])(listing, options))
    assert [(item.name, bool(item.why)) for item in found] == [(member, True) for _, member in members]


def test_hostile_rows_are_skipped_with_a_reason():
    options = load_checked("origin", CARDS / "artifact.yaml")["recipe"]["reader"]
    rows = [{"image_path": member, "target": "6"} for member in NO_IMAGES]
    rows += [{"image_path": "a/1.jpg", "target": target} for target in ("", "real", "-", "1.5", "0")]
    listing = Listing(files=["cips/metadata.csv"], table=lambda name, columns: rows)
    found = [item for item in reader("artifact")(listing, options) if item.why != "not there"]
    assert len(found) == len(rows)
    assert all(isinstance(item, Skip) for item in found)


def test_dots_and_other_alphabets_stay_in_ids():
    options = load_checked("origin", CARDS / "synthbuster.yaml")["recipe"]["reader"]
    members = [("v1.0/", "dalle2/r0.5.final.png"), ("v1.0/", "dalle2/été.png")]
    found = list(reader("folders")(Listing(members=members, table=lambda name, columns: []), options))
    assert [item["id"] for item in found] == ["dalle2/r0.5.final", "dalle2/été"]


def test_a_file_without_captions_is_refused():
    options = load_checked("origin", CARDS / "coco_2017.yaml")["recipe"]["reader"]
    with pytest.raises(TouchstoneError, match="no COCO captions"):
        list(reader("coco")(Listing(document=lambda name: {"images": []}), options))


def test_optional_files_may_be_missing_but_not_all(tmp_path, progress):
    card = load_checked("origin", CARDS / "genimage.yaml")
    placed = tmp_path / "placed"
    placed.mkdir()
    step = {
        "origin": "genimage",
        "card": str(CARDS / "genimage.yaml"),
        "files": card["files"],
        "access": "manual",
        "instructions": "get it",
    }
    step |= {"placed": str(placed), "folder": str(tmp_path / "here"), "receipt": str(tmp_path / "r.json"), "progress": progress}
    with pytest.raises(TouchstoneError, match="any of ADM/imagenet_ai_0508_adm"):
        fetch_origin(**step)
    (placed / "ADM").mkdir()
    (placed / "ADM/imagenet_ai_0508_adm.zip").write_bytes(b"zip")
    fetch_origin(**step)
    assert [file["name"] for file in read_json(tmp_path / "r.json")["files"]] == [
        "ADM/imagenet_ai_0508_adm.zip",
        "imagenet_classes.csv",
    ]
    assert "goes on without BigGAN/" in progress.streams[0].getvalue()
