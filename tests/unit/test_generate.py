"""generate.py, worker.py: the same bytes from any number of workers, whatever dies on the way. Real, tiny pipelines."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from touchstone.draw import PICK
from touchstone.errors import TouchstoneError
from touchstone.files import write_json
from touchstone.generate import batch_file, generate_shard
from touchstone.painting.seeds import seed_of
from touchstone.progress import Progress
from touchstone.record import TAKEN, empty_item, table_of
from touchstone.shards import shard_writer
from touchstone.staging import fetch_model

READER = {"name": "table", "file": "prompts.csv", "columns": {"id": "id", "positive_prompt": "prompt"}}
RECIPE = {"reader": READER, "mode": "text_to_image", "steps": 8, "guidance": 7.5, "size": [64, 64], "batch": 2, "seed": 1}
COUNT = 8  # images of the reference: four batches
PROGRAM = """
import json, sys
from touchstone.errors import TouchstoneError
from touchstone.generate import generate_shard
from touchstone.progress import Progress
try:
    generate_shard(**json.loads(sys.argv[1]), progress=Progress("take", "x", streams=(sys.stdout,)))
except TouchstoneError as error:
    sys.exit(str(error))
"""


class Models:
    """Receipts of the demo's pipelines, built when first asked for."""

    def __init__(self, folder: Path):
        self.folder = folder

    def receipt(self, name: str) -> str:
        receipt = self.folder / f"{name}.json"
        if not receipt.exists():
            fetch_model(
                name=name,
                sources=[f"demo:{name}"],
                files={},
                placed=None,
                folder=str(self.folder / name),
                receipt=str(receipt),
                progress=Progress("fetch", streams=()),
            )
        return str(receipt)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    return Models(tmp_path_factory.mktemp("models"))


class Place:
    """A folder with a pick list in which shards are generated."""

    def __init__(self, folder: Path, models: Models, progress: Progress):
        self.folder, self.models, self.progress = folder, models, progress

    def arguments(self, rows: list[dict], shard: str = "shard", recipe: dict = RECIPE, **options: object) -> dict:
        picks = self.folder / f"picks-{len(rows)}.parquet"
        pq.write_table(table_of(rows, PICK), picks)
        model = "stable_diffusion" if recipe["mode"] == "text_to_image" else "image_variation"
        shard = str(self.folder / f"{shard}.parquet")
        made = {"picks": str(picks), "recipe": recipe, "shard": shard, "workers": 1} | options
        return made if "model" in made else made | {"model": self.models.receipt(model)}

    def generate(self, rows: list[dict], shard: str = "shard", **options: object) -> Path:
        arguments = self.arguments(rows, shard, **options)
        generate_shard(**arguments, progress=self.progress)
        path = Path(arguments["shard"])
        assert not Path(f"{path}.partial").exists()
        return path

    def start(self, rows: list[dict], shard: str = "shard", **options: object) -> subprocess.Popen:
        """The same in a process of its own, as a job has it; ends with the error's message, if there is one."""
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, json.dumps(self.arguments(rows, shard, **options))],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def partial(self, shard: str = "shard") -> Path:
        return self.folder / f"{shard}.parquet.partial"

    def batches(self, shard: str = "shard") -> list[Path]:
        return sorted(self.partial(shard).glob("batch-*.parquet"))

    def said(self) -> str:
        return self.progress.streams[0].getvalue()


@pytest.fixture
def place(tmp_path, models, progress):
    return Place(tmp_path, models, progress)


def prompts(count: int) -> list[dict]:
    return [
        empty_item()
        | {"id": f"mine/{rank}", "origin": "mine", "label": 1, "generator": "Tiny", "rank": rank}
        | {"positive_prompt": f"picture number {rank}", "groups": [f"prompt:{rank}"]}
        for rank in range(count)
    ]


def wait_for(what: Callable[[], object], process: subprocess.Popen) -> None:
    """Until ``what()`` is true; fails if the process ends before, or after a time in which it surely would be."""
    late = time.monotonic() + 100
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < late
        time.sleep(0.002)  # polls a folder; there is nothing to be told by


def children(process: subprocess.Popen) -> list[int]:
    return [int(pid) for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]


def ended(process: subprocess.Popen) -> tuple[int, str, str]:
    try:
        out, error = process.communicate(timeout=100)
    finally:
        process.kill()
    return process.returncode, out, error


@pytest.fixture(scope="module")
def reference(tmp_path_factory, models) -> Path:
    """The shard as one undisturbed worker makes it."""
    return Place(tmp_path_factory.mktemp("reference"), models, Progress("take", streams=())).generate(prompts(COUNT))


# -- what is made ------------------------------------------------------------------------------------


def test_every_row_is_an_image_with_its_record_in_the_order_of_the_list(reference, models):
    table = pq.read_table(reference)
    assert table.schema.remove_metadata().equals(TAKEN)
    rows = table.to_pylist()
    assert [row["id"] for row in rows] == [f"mine/{rank}" for rank in range(COUNT)]
    receipt = json.loads(Path(models.receipt("stable_diffusion")).read_text(encoding="utf-8"))
    for row in rows:
        assert (row["state"], row["format"], row["width"], row["height"], row["conditioning"]) == ("taken", "PNG", 64, 64, "text")
        assert row["luma_std"] > 0
        made = row["generation"]
        assert (made["model"], made["model_sha256"]) == ("stable_diffusion", receipt["sha256"])
        assert (made["pipeline"], made["scheduler"], made["steps"]) == ("StableDiffusionPipeline", "DDIMScheduler", 8)
        assert (made["guidance"], made["batch"], made["dtype"], made["attempt"]) == (7.5, 2, "float32", 0)
        assert made["seed"] == seed_of(1, row["id"], 0)
        assert made["safety"] == made["watermark"] == "none"
        assert "torch " in made["versions"]
    assert len({row["sha256"] for row in rows}) == len({row["generation"]["seed"] for row in rows}) == COUNT


def test_seeds_fit_a_signed_integer_and_depend_on_all_they_are_made_from():
    seeds = [seed_of(run, f"mine/{item}", attempt) for run in range(5) for item in range(400) for attempt in range(2)]
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**62
    assert len(set(seeds)) == len(seeds)
    assert seed_of(1, "mine/1", 0) == seed_of(1, "mine/1", 0)
    assert seed_of(1, "2", 3) != seed_of(12, "", 3)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [2, 3])
def test_more_workers_give_the_same_bytes(place, reference, workers):
    assert place.generate(prompts(COUNT), workers=workers).read_bytes() == reference.read_bytes()


def test_an_image_does_not_depend_on_whether_its_batch_is_full(short, reference):
    assert short == pq.read_table(reference).to_pylist()[:3]


def test_an_empty_list_gives_an_empty_shard_and_starts_no_worker(place, models):
    receipt = models.folder / "nothing.json"
    write_json(receipt, {"model": "nothing", "path": "/nowhere", "files": {}})  # a worker could not load it
    path = place.generate([], model=str(receipt))
    assert pq.read_table(path).num_rows == 0
    assert pq.read_schema(path).remove_metadata().equals(TAKEN)


def test_a_model_file_that_is_gone_is_named_before_any_worker_starts(place, models):
    receipt = json.loads(Path(models.receipt("stable_diffusion")).read_text(encoding="utf-8"))
    write_json(place.folder / "model.json", receipt | {"files": receipt["files"] | {"unet/more.safetensors": "00"}})
    with pytest.raises(TouchstoneError, match=r"stable_diffusion[\s\S]*unet/more\.safetensors[\s\S]*fetch_model"):
        place.generate(prompts(2), model=str(place.folder / "model.json"))
    assert not place.partial().exists()


def test_what_a_safety_checker_withholds_is_tried_again_and_then_rejected(place, models, reference):
    """A real checker that flags everything, so all is black. Batches that another model left behind are thrown away."""
    path = flagging_model(place.folder / "flagging", models)
    leave_behind(place, reference, range(3))
    rows = pq.read_table(place.generate(prompts(3), model=path, recipe=RECIPE | {"attempts": 2, "steps": 1})).to_pylist()
    assert [(row["state"], row["reason"], row["image"]) for row in rows] == [("rejected", "flagged", None)] * 3
    made = [row["generation"] for row in rows]
    assert [(each["safety"], each["attempt"]) for each in made] == [("checker", 1)] * 3
    assert [each["seed"] for each in made] == [seed_of(1, row["id"], 1) for row in rows]
    assert "earlier try" not in place.said()
    assert "3 images were withheld or blank at attempt 2 of 2" in place.said()


@pytest.mark.slow
def test_an_image_withheld_at_one_seed_is_painted_with_the_next(place, models, reference):
    """A checker that flags about half, by a threshold between the images of the first attempt."""
    path = flagging_model(place.folder / "half", models, pq.read_table(reference)["image"].to_pylist())
    rows = pq.read_table(place.generate(prompts(COUNT), model=path, recipe=RECIPE | {"attempts": 4})).to_pylist()
    attempts = [row["generation"]["attempt"] for row in rows if row["state"] == "taken"]
    assert 0 in attempts and max(attempts) > 0
    assert all(row["generation"]["seed"] == seed_of(1, row["id"], row["generation"]["attempt"]) for row in rows)
    assert all(row["reason"] == "flagged" and row["generation"]["attempt"] == 3 for row in rows if row["state"] != "taken")
    first = pq.read_table(reference).to_pylist()
    kept = [(row, one) for row, one in zip(rows, first, strict=True) if not row["generation"]["attempt"]]
    assert all(row["pixel_sha256"] == one["pixel_sha256"] for row, one in kept)
    other = place.generate(prompts(COUNT), "other", model=path, recipe=RECIPE | {"attempts": 4}, workers=2)
    assert other.read_bytes() == (place.folder / "shard.parquet").read_bytes()


@pytest.mark.slow
def test_a_model_that_paints_only_black_ends_as_rejected_rows(place, models):
    import torch
    from diffusers import StableDiffusionPipeline

    receipt = json.loads(Path(models.receipt("stable_diffusion")).read_text(encoding="utf-8"))
    pipe = StableDiffusionPipeline.from_pretrained(receipt["path"], local_files_only=True)
    with torch.no_grad():
        pipe.vae.decoder.conv_out.weight.zero_()
        pipe.vae.decoder.conv_out.bias.fill_(-1)
    pipe.save_pretrained(place.folder / "black")
    rows = pq.read_table(place.generate(prompts(3), model=stage(place.folder / "black"))).to_pylist()
    assert [(row["state"], row["reason"], row["image"], row["generation"]["attempt"]) for row in rows] == [
        ("rejected", "blank", None, 2)
    ] * 3


@pytest.mark.slow
def test_sizes_and_formats_of_a_mix_do_not_depend_on_workers_and_rows_keep_their_order(place):
    mix = {
        "size": [{"size": [64, 64]}, {"size": [96, 64]}],
        "format": [{"format": "jpeg", "quality": [60, 90]}, {"format": "png"}],
    }
    rows = prompts(9)
    one = place.generate(rows, "one", recipe=RECIPE | mix)
    made = pq.read_table(one).to_pylist()
    assert [row["id"] for row in made] == [row["id"] for row in rows]
    assert {(row["width"], row["height"]) for row in made} == {(64, 64), (96, 64)}
    assert {row["format"] for row in made} == {"JPEG", "PNG"}
    assert place.generate(rows, "two", recipe=RECIPE | mix, workers=2).read_bytes() == one.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("how", ["regional", "full"])
def test_kernels_are_compiled_once_for_all_workers_and_shards_and_paint_nearly_the_same(place, reference, how, monkeypatch):
    """By torch's inductor and the system's C++ compiler. A worker that finds the kernels compiles none."""
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)  # torch sets it in this process; a user's own would count
    options = {"recipe": RECIPE | {"compile": how}, "cache": str(place.folder / "compiled")}

    def kernels() -> dict[str, int]:
        return {str(path): path.stat().st_mtime_ns for path in (place.folder / "compiled").rglob("*.so")}

    first = place.generate(prompts(2), "one", **options)
    compiled = kernels()
    assert compiled
    eager = pq.read_table(reference)["image"].to_pylist()
    for made, plain in zip(pq.read_table(first)["image"].to_pylist(), eager, strict=False):
        pixels = [np.asarray(Image.open(io.BytesIO(image["bytes"]))).astype(int) for image in (made, plain)]
        assert np.abs(pixels[0] - pixels[1]).max() <= 1
    second = pq.read_table(place.generate(prompts(4), "two", workers=2, **options))
    assert kernels() == compiled
    assert second["sha256"].to_pylist()[:2] == pq.read_table(first)["sha256"].to_pylist()


def stage(folder: Path) -> str:
    """The receipt of a pipeline that lies in ``folder``."""
    fetch_model(
        name=folder.name,
        sources=[f"path:{folder}"],
        files={},
        placed=None,
        folder=f"{folder}-staged",
        receipt=f"{folder}.json",
        progress=Progress("fetch", streams=()),
    )
    return f"{folder}.json"


def flagging_model(folder: Path, models: Models, images: list | None = None) -> str:
    """A pipeline with a checker that flags everything, or about half of ``images``."""
    import torch
    from diffusers import StableDiffusionPipeline
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPTextConfig, CLIPVisionConfig

    small = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_hidden_layers": 1}
    vision = CLIPVisionConfig(**small, image_size=32, patch_size=8)
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(text_config=CLIPTextConfig(**small).to_dict(), vision_config=vision.to_dict(), projection_dim=16)
    )
    checker.concept_embeds_weights.data = torch.full((17,), -2.0)  # any cosine is above it
    receipt = json.loads(Path(models.receipt("stable_diffusion")).read_text(encoding="utf-8"))
    pipe = StableDiffusionPipeline.from_pretrained(
        receipt["path"],
        safety_checker=checker,
        feature_extractor=CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=32),
        local_files_only=True,
    )
    pipe.register_to_config(requires_safety_checker=True)
    if images:
        cosines = []
        for image in images:
            seen = pipe.feature_extractor(Image.open(io.BytesIO(image["bytes"])), return_tensors="pt").pixel_values
            with torch.no_grad():
                embeds = checker.visual_projection(checker.vision_model(seen)[1])
            cosines.append(torch.cosine_similarity(embeds, checker.concept_embeds[:1]).item())
        checker.concept_embeds_weights.data = torch.full((17,), sorted(cosines)[len(cosines) // 2])
        checker.special_care_embeds_weights.data = torch.full((3,), 2.0)  # no cosine is above it
    pipe.save_pretrained(folder)
    return stage(folder)


def test_a_real_image_that_cannot_be_read_rejects_its_own_variation_alone(place, picture, make_zip):
    """The second batch is the first with a sound image in the place of the damaged one."""
    sound = picture("PNG", seed=1, size=(80, 80))
    members = {
        "0.png": picture("PNG", seed=0, size=(80, 80)),
        "1.png": sound[:2000],
        "2.png": picture("PNG", mode="LA", seed=2, size=(100, 60)),
        "3.tif": picture("TIFF", mode="I;16", seed=3, size=(64, 64)),
        "4.png": sound,
        "5.jpg": picture("JPEG", mode="CMYK", seed=5, size=(64, 64)),
    }
    archive = make_zip(members)
    write_json(place.folder / "photos.json", {"files": [{"name": "photos.zip", "path": str(archive)}]})
    names = ["0.png", "1.png", "2.png", "3.tif", "0.png", "4.png", "2.png", "3.tif", "gone.png", "5.jpg"]
    rows = [
        empty_item()
        | {"id": f"mine/{name}", "label": 1, "rank": rank, "paired_real_images": [f"photos/{name}"]}
        | {"conditioning": "image", "source_file": "photos.zip", "source_member": name}
        for rank, name in enumerate(names)
    ]
    recipe = RECIPE | {"mode": "image_variation", "batch": 4, "guidance": 3}
    made = pq.read_table(place.generate(rows, recipe=recipe, source=str(place.folder / "photos.json"))).to_pylist()
    assert [row["reason"] for row in made] == ["", "unusable_source", *[""] * 6, "unusable_source", ""]
    assert [made[number] for number in (0, 2, 3)] == [made[number] for number in (4, 6, 7)]
    assert len({row["pixel_sha256"] for row in made if not row["reason"]}) == 5
    assert "truncated" in made[1]["detail"]
    assert "missing_member: gone.png" in made[8]["detail"]
    assert (made[1]["image"], made[1]["state"], made[1]["id"]) == (None, "rejected", "mine/1.png")
    assert made[0]["generation"]["pipeline"] == "StableDiffusionImageVariationPipeline"


# -- what is there already ---------------------------------------------------------------------------


def work_of(shard: Path) -> str:
    """The note by which a shard, and the batches of it, are known to be of the same work."""
    return pq.read_schema(shard).metadata[b"work"].decode()


def leave_behind(place: Place, reference: Path, numbers: range) -> None:
    """These batches of the reference, as a killed job leaves them."""
    table = pq.read_table(reference)
    for number in numbers:
        with shard_writer(place.partial() / batch_file(0, number)) as writer:
            writer.append(table.slice(2 * number, 2))
    (place.partial() / "work").write_text(work_of(reference), encoding="utf-8")


def test_other_lists_models_recipes_and_real_images_are_other_work(place, models):
    photos = [str(place.folder / f"photos-{number}.json") for number in range(2)]
    for number, path in enumerate(photos):
        write_json(path, {"files": [{"name": "photos.zip", "path": "x", "sha256": str(number)}]})
    changes = [
        {},
        {"recipe": RECIPE | {"seed": 2}},
        {"recipe": RECIPE | {"batch": 3}},
        {"model": models.receipt("image_variation")},
        {"source": photos[0]},
        {"source": photos[1]},
    ]
    works = [work_of(place.generate([], **change)) for change in changes]
    assert len(set(works)) == len(works)
    assert work_of(place.generate([], workers=4)) == work_of(place.generate([], "elsewhere")) == works[0]


def test_a_damaged_batch_is_named(place, reference):
    leave_behind(place, reference, range(COUNT // 2))
    first = place.batches()[0]
    whole = first.read_bytes()
    first.write_bytes(whole[:-100])
    with pytest.raises(TouchstoneError, match=rf"damaged[\s\S]*rm .*{first.name}"):
        place.generate(prompts(COUNT))
    assert not (place.folder / "shard.parquet").exists()
    first.write_bytes(whole)
    assert place.generate(prompts(COUNT)).read_bytes() == reference.read_bytes()
    assert f"{COUNT} images are there from an earlier try" in place.said()


def test_a_shard_that_another_job_has_made_meanwhile_stays(place, reference):
    shutil.copy(reference, place.folder / "shard.parquet")
    before = (place.folder / "shard.parquet").stat()
    place.generate(prompts(COUNT))
    after = (place.folder / "shard.parquet").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


# -- what dies on the way ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def short(tmp_path_factory, models) -> list[dict]:
    """Rows of a shard of three images, whose supervisor was stopped until both batches were there.

    Two answers are in the pipe then, and select() tells of the first only if the second waits in a
    buffer. The second batch holds one image.
    """
    place = Place(tmp_path_factory.mktemp("short"), models, Progress("take", streams=()))
    process = place.start(prompts(3))
    wait_for(lambda: len(list(place.partial().glob("embeds-*"))) == 2, process)
    process.kill()  # so that the next one has its prompts and hands out both batches at once
    process.communicate()
    process = place.start(prompts(3))
    wait_for(lambda: any("libtorch" in maps(pid) for pid in children(process)), process)
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: len(place.batches()) == 2, process)
    process.send_signal(signal.SIGCONT)
    assert ended(process)[::2] == (0, "")
    return pq.read_table(place.folder / "shard.parquet").to_pylist()


def maps(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/maps").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def test_answers_that_come_while_the_supervisor_is_away_are_all_heard(short):
    assert [row["id"] for row in short] == ["mine/0", "mine/1", "mine/2"]


def test_a_killed_worker_leaves_its_batches_to_the_others(place, reference):
    process = place.start(prompts(COUNT), workers=2)
    wait_for(place.batches, process)
    left = COUNT // 2 - len(place.batches())
    os.kill(children(process)[0], signal.SIGKILL)
    assert ended(process)[::2] == (0, "")
    assert left > 0
    assert (place.folder / "shard.parquet").read_bytes() == reference.read_bytes()
    assert not place.partial().exists()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGUSR1])
def test_told_to_stop_it_ends_after_the_batches_at_hand_and_the_next_goes_on(place, reference, ending):
    process = place.start(prompts(COUNT))
    wait_for(place.batches, process)
    (worker,) = children(process)
    process.send_signal(ending)
    os.kill(worker, ending)  # Slurm tells all
    status, _, error = ended(process)
    there = len(place.batches())
    assert status == 1
    assert f"told to stop ({ending.name}); {COUNT // 2 - there} batches are not made" in error
    assert 0 < there < COUNT // 2
    assert place.generate(prompts(COUNT)).read_bytes() == reference.read_bytes()
    assert f"{2 * there} images are there from an earlier try" in place.said()


@pytest.mark.slow
def test_told_to_stop_with_the_last_batch_in_hand_it_leaves_the_shard_to_the_next(place, reference):
    """Whoever stops a job deletes what it makes, so a whole shard would be lost with all its batches."""
    process = place.start(prompts(COUNT))
    wait_for(lambda: len(place.batches()) >= COUNT // 2 - 1, process)
    process.send_signal(signal.SIGTERM)
    status, _, error = ended(process)
    assert (status, "told to stop (SIGTERM); all batches are made" in error) == (1, True)
    assert not (place.folder / "shard.parquet").exists()
    assert place.generate(prompts(COUNT)).read_bytes() == reference.read_bytes()
    assert f"{COUNT} images are there from an earlier try" in place.said()


@pytest.mark.slow
def test_near_the_end_of_a_slurm_job_nothing_more_is_begun(place, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 30))
    with pytest.raises(TouchstoneError, match=r"end of the job's time is near; \d batches are not made"):
        place.generate(prompts(COUNT))
    monkeypatch.setenv("SLURM_JOB_END_TIME", str(int(time.time()) + 3600))
    assert place.generate(prompts(COUNT)).exists()


@pytest.mark.slow
def test_all_workers_killed_and_run_again_by_two_jobs_at_once(place, reference):
    """Finished batches are not made again, one job makes the rest while the other waits, and nothing else is left."""
    process = place.start(prompts(COUNT), workers=2)
    wait_for(place.batches, process)
    process.send_signal(signal.SIGSTOP)  # so that it hands out nothing while they are killed
    for pid in children(process):
        os.kill(pid, signal.SIGKILL)
    process.send_signal(signal.SIGCONT)
    status, _, error = ended(process)
    there = place.batches()
    assert status == 1
    assert f"a worker ended with status -9 and {COUNT // 2 - len(there)} batches are not made" in error
    assert "finished batches are kept" in error
    assert not (place.folder / "shard.parquet").exists()
    assert 0 < len(there) < COUNT // 2

    processes = [place.start(prompts(COUNT), workers=2) for _ in range(2)]
    ends = [ended(process) for process in processes]
    assert [end[::2] for end in ends] == [(0, "")] * 2
    assert sum(f"{2 * len(there)} images are there from an earlier try" in out for _, out, _ in ends) == 1
    assert (place.folder / "shard.parquet").read_bytes() == reference.read_bytes()
    assert sorted(path.name for path in place.folder.iterdir()) == [f"picks-{COUNT}.parquet", "shard.parquet"]


@pytest.mark.slow
def test_a_killed_supervisor_takes_its_workers_along_and_the_next_goes_on(place, reference):
    process = place.start(prompts(COUNT))
    wait_for(place.batches, process)
    (worker,) = children(process)
    process.kill()
    process.communicate()
    shard = place.generate(prompts(COUNT))
    assert shard.read_bytes() == reference.read_bytes()
    assert "images are there from an earlier try" in place.said()
    stat = Path(f"/proc/{worker}/stat")
    assert not stat.exists() or ") Z " in stat.read_text()  # where nobody buries orphans


@pytest.mark.slow
def test_a_batch_that_kills_two_workers_stops_the_shard_with_the_tail_of_the_log(place):
    rows = prompts(3)
    rows[2]["positive_prompt"] = None  # which the pipeline refuses
    with pytest.raises(TouchstoneError, match=r"status 1 and 1 batches are not made\n(  \| .*\n)*  \| .*prompt") as error:
        place.generate(rows, workers=2)
    assert [path.name for path in place.partial().glob("embeds-*")] == ["embeds-00000.safetensors"]
    assert Path(error.value.where).read_text(encoding="utf-8").rstrip().endswith(error.value.what.splitlines()[-1][4:])
