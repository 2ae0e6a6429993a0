"""Faults planted in real builds: each is caught by its gate, with its number; a set without any passes them all."""

from __future__ import annotations

import io
import json
import re

import numpy as np
import pytest
from PIL import Image, ImageOps
from tests.marking import marked
from tests.planted import Source, encoded, ids, many, place_of, with_exif

from touchstone.audit.watermark import MARKS
from touchstone.duplicates import MIRROR

pytestmark = pytest.mark.slow

EACH = 80  # images of a generator


def watermarked(source: Source) -> bytes:
    """Pale and rough enough for every mark to be read: flat areas and clipped colours lose their bits."""
    pale = 77 + 0.4 * np.asarray(source.picture((256, 256)), dtype=np.float64)
    rough = (pale + source.random.normal(0, 30, pale.shape)).clip(0, 255).astype(np.uint8)
    return encoded(Image.fromarray(marked(rough, MARKS["SDXL"])), "PNG")


def gates_of(place) -> dict[tuple[str, str], dict]:
    found = json.loads((place.work / "results/demo/gates.json").read_text(encoding="utf-8"))
    return {(entry["gate"], entry["subject"]): entry for entry in found}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    """Seven generators, six with a fault each, and what Snakemake said."""
    source = Source(1)
    fakes = {
        "alike": many(EACH, source.jpeg),
        "all_png": many(EACH, lambda: encoded(source.picture(), "PNG"), "png"),
        "one_size": many(EACH, lambda: source.jpeg(source.picture((144, 144)))),
        "other_quality": many(EACH, lambda: source.jpeg(quality=60)),
        "watermarked": many(EACH, lambda: watermarked(source), "png"),
        "with_black": many(EACH, source.jpeg) | many(6, lambda: encoded(Image.new("RGB", (144, 144)), "JPEG"), "black.jpg"),
        "too_few": many(EACH - 10, source.jpeg),
    }
    reals = many(7 * EACH, source.jpeg)
    dataset = {
        "fakes": {name: {"quota": EACH, "margin": 1.1} for name in fakes},
        "reals": {"photos": {"share": 1, "margin": 1}},
        "audit": {"against": ["theirs.txt"], "pictures": EACH},
    }
    place = place_of(tmp_path_factory.mktemp("faulty"), reals, fakes, dataset)
    theirs = [*list(ids("photos", reals))[:500], "nobody/1"]
    (place.folder / "config/datasets/theirs.txt").write_text("\n".join(theirs), encoding="utf-8")
    return place, place.run(fails=True)


def test_each_fault_of_the_facts_is_caught_at_its_generator(faulty):
    found = gates_of(faulty[0])
    for name in ("All_Png", "Other_Quality"):
        entry = found["shortcut", name]
        assert (entry["verdict"], entry["cause"]) == ("warned", "encoding"), entry
        assert entry["value"] > 0.99
    entry = found["shortcut", "One_Size"]
    assert (entry["verdict"], entry["cause"]) == ("warned", "size")
    assert 0.85 < entry["value"] < 0.95  # a fifth of the others has that size: 0.9


def test_generators_that_are_alike_raise_no_alarm(faulty):
    found = gates_of(faulty[0])
    for name in ("Alike", "With_Black", "Too_Few"):
        assert found["shortcut", name]["verdict"] == "passed"
        assert found["watermark", name]["value"] == 0
    assert found["watermark", "real"]["value"] == 0


def test_the_watermarked_generator_is_caught(faulty):
    entry = gates_of(faulty[0])["watermark", "Watermarked"]
    assert (entry["verdict"], entry["value"]) == ("warned", 1)
    assert "80 of 80 pictures looked at carry an invisible watermark (SDXL)" in entry["what"]


def test_black_images_are_rejected_and_counted(faulty):
    place, _ = faulty
    entry = gates_of(place)["rejected", "with_black"]
    assert entry["value"] == pytest.approx(6 / (EACH + 6))
    assert "6 blank (all pixels have the same value" in entry["what"]
    report = (place.work / "results/demo/report.html").read_text(encoding="utf-8")
    assert 'data-kind="blank" data-origin="with_black"' in report


def test_the_shortfall_stops_the_build_with_its_number(faulty):
    place, said = faulty
    assert gates_of(place)["shortfall", "too_few too_few"]["value"] == pytest.approx(10 / EACH)
    assert "too_few too_few: 10 of 80 images are missing" in said
    assert not (place.work / "results/demo/README.md").exists()


def test_what_is_in_a_foreign_list_stops_the_build_with_its_number(faulty):
    place, said = faulty
    kept = set(place.table("manifest.parquet")["id"].to_pylist())
    theirs = (place.folder / "config/datasets/theirs.txt").read_text(encoding="utf-8").splitlines()
    both = len(kept & set(theirs))
    assert both > 400
    assert f"{both} images are also in" in said


@pytest.fixture(scope="module")
def leaking(tmp_path_factory):
    """A published split of 100 photographs and 100 fakes that holds 3 % of each sort of copy; the photographs have EXIF."""
    source = Source(2)
    photos = [source.picture() for _ in range(100)]
    painted = [source.picture() for _ in range(91)]
    again = [
        *(encoded(photo.resize((photo.width // 2, photo.height // 2)), "JPEG", quality=60) for photo in photos[:3]),
        *(encoded(ImageOps.mirror(photo), "JPEG", quality=90) for photo in photos[3:6]),
        *(_cropped(photo) for photo in photos[6:9]),
    ]
    reals = dict(zip(many(100, bytes), (source.jpeg(photo, exif=with_exif()) for photo in photos), strict=True))
    exact = [encoded(Image.open(io.BytesIO(data)), "PNG") for data in list(reals.values())[9:12]]
    fakes = [source.jpeg(picture) for picture in painted] + again + exact
    fakes = {f"{number:03d}.jpg": data for number, data in enumerate(fakes)}
    lists = {
        "train": [*ids("photos", reals)],
        "test": [*ids("painter", fakes)],
    }
    entries = [{"file": f"{split}.txt", "split": split} for split in lists]
    dataset = {
        "members": entries,
        "screen": {"near_duplicate_bits": 7},
        "fakes": {"painter": {"quota": {"painter": {"train": 0, "test": len(fakes)}}, "margin": 1}},
        "reals": {"photos": {"quota": {"train": 100, "test": 0}, "margin": 1}},
        "gates": {"shortfall": {"limit": 0.05}},
    }
    place = place_of(tmp_path_factory.mktemp("leaking"), reals, {"painter": fakes}, dataset)
    folder = place.work / "resources/lists/demo"
    folder.mkdir(parents=True)
    for split, names in lists.items():
        (folder / f"{split}.txt").write_text("\n".join([*names, ""]), encoding="utf-8")
    return place, place.run(fails=True)


def _cropped(photo: Image.Image) -> bytes:
    """Without 2 % of its sides."""
    border = max(photo.width // 100, 1)
    return encoded(photo.crop((border, border, photo.width - border, photo.height - border)), "JPEG", quality=85)


def test_exact_copies_are_rejected_and_counted(leaking):
    rejected = [row for row in leaking[0].table("ledger.parquet").to_pylist() if row["reason"] == "exact_duplicate"]
    assert sum(row["items"] for row in rejected) == 3


def test_recompressed_halved_and_slightly_cropped_copies_across_splits_stop_the_build(leaking):
    place, said = leaking
    found = json.loads((place.work / "results/demo/audit/leaks.json").read_text(encoding="utf-8"))
    pairs = {tuple(sorted(pair)) for pair in found["near"]["examples"]}
    assert pairs == {(f"painter/{91 + number:03d}", f"photos/{number:03d}") for number in (0, 1, 2, 6, 7, 8)}
    assert found["near"]["images"] == 12
    assert "12 images are within 7 bits of one in another split" in said


def test_mirrored_copies_across_splits_are_counted(leaking):
    """As far as their hashes are mirrored, too: compression and an odd width cost some."""
    hashes = {row["id"]: int(row["phash"], 16) for row in leaking[0].table("manifest.parquet").to_pylist()}
    pairs = [(f"photos/{number:03d}", f"painter/{91 + number:03d}") for number in (3, 4, 5)]
    near = sum((hashes[one] ^ hashes[other] ^ int(MIRROR)).bit_count() <= 7 for one, other in pairs)
    entry = gates_of(leaking[0])["mirrored", ""]
    assert near >= 2
    assert entry["verdict"] == "warned"
    assert entry["what"].startswith(f"{2 * near} images are nearly the mirror image of one in another split")


def test_exif_only_in_the_reals_is_caught(leaking):
    entry = gates_of(leaking[0])["shortcut", "Painter"]
    assert (entry["verdict"], entry["value"]) == ("warned", 1)
    assert "has_exif alone with 1.00" in entry["what"]


@pytest.fixture(scope="module")
def matched(tmp_path_factory):
    """Two generators and photographs whose facts are drawn from the same distributions."""
    source = Source(3)
    fakes = {name: many(EACH, source.jpeg) for name in ("one", "other")}
    dataset = {"fakes": {name: {"quota": EACH} for name in fakes}, "reals": {"photos": {"share": 1}}}
    place = place_of(tmp_path_factory.mktemp("matched"), many(2 * EACH, source.jpeg), fakes, dataset | {"margin": 1})
    place.run()
    return place


def test_a_set_that_is_alike_passes_every_gate(matched):
    found = gates_of(matched)
    assert {entry["verdict"] for entry in found.values()} == {"passed"}
    assert {gate for gate, _ in found} >= {"rejected", "shortfall", "torn_groups", "leaks", "mirrored", "shortcut", "watermark"}
    assert (matched.work / "results/demo/README.md").exists()


def test_snakemakes_own_report_holds_the_report_and_the_sheets(matched):
    matched.run("--report", "snakemake.html")
    page = (matched.work / "snakemake.html").read_text(encoding="utf-8")
    for name in ("report.html", "photos-real.png", "one-one.png", "other-other.png"):
        assert name in page
    assert "Contact sheets" in page
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=.?https?://", page)
