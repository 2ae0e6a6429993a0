"""staging.py: models built, linked and fetched from a real server that speaks as the hub does."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from tests.servers import Hub, running

from touchstone.errors import TouchstoneError
from touchstone.files import read_json
from touchstone.staging import fetch_model

COMMIT, LATER = "1" * 40, "2" * 40
WEIGHTS = b"weights" * 100
MODEL = {"model_index.json": b"{}", "unet/weights.safetensors": WEIGHTS, "unet/config.json": b"{}"}
UNWANTED = {"unet/weights.bin": b"pickle" * 50, "unet/weights.fp16.safetensors": b"half" * 50, "v1-5.ckpt": b"x" * 300}


def state(folder: Path) -> dict:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_mode, path.stat().st_ino) for path in [folder, *folder.rglob("*")]
    }


@pytest.fixture
def staged(tmp_path, progress):
    """``staged(*sources, files={})`` → the receipt of model ``m``."""

    def run(*sources: str, files: dict | None = None, placed: Path | None = None, folder: str = "models/m") -> dict:
        fetch_model(
            name="m",
            sources=list(sources),
            files=files or {},
            placed=str(placed) if placed else None,
            folder=str(tmp_path / folder),
            receipt=str(tmp_path / "m.json"),
            progress=progress,
        )
        return read_json(tmp_path / "m.json")

    return run


@pytest.fixture
def model_folder(tmp_path) -> Path:
    folder = tmp_path / "elsewhere"
    (folder / "unet").mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "unet" / "weights.safetensors").write_bytes(b"weights")
    return folder


def test_a_demo_model_is_built_and_a_second_build_is_the_same(staged):
    first, second = staged("demo:stable_diffusion"), staged("demo:stable_diffusion", folder="models/again")
    assert first["sha256"] == second["sha256"]
    assert first["files"] == second["files"]
    assert {"model_index.json", "unet/diffusion_pytorch_model.safetensors"} <= set(first["files"])
    lines = "".join(f"{value}  {key}\n" for key, value in sorted(first["files"].items()))
    assert first["sha256"] == hashlib.sha256(lines.encode()).hexdigest()
    assert (Path(first["path"]) / "model_index.json").exists()


def test_an_unknown_demo_model_is_named(staged):
    with pytest.raises(TouchstoneError, match=r"no demo model 'x'[\s\S]*known: stable_diffusion, image_variation"):
        staged("demo:x")


def test_a_model_on_this_machine_is_used_where_it_lies(staged, model_folder):
    before = state(model_folder)
    receipt = staged(f"path:{model_folder}")
    assert Path(receipt["path"]).resolve() == model_folder
    assert set(receipt["files"]) == {"model_index.json", "unet/weights.safetensors"}
    assert state(model_folder) == before


def test_other_weights_have_another_hash(staged, model_folder):
    first = staged(f"path:{model_folder}")
    (model_folder / "unet" / "weights.safetensors").write_bytes(b"Weights")
    assert staged(f"path:{model_folder}")["sha256"] != first["sha256"]


def test_weights_behind_a_linked_folder_are_hashed_too(staged, model_folder, tmp_path):
    first = staged(f"path:{model_folder}")
    (model_folder / "unet").rename(tmp_path / "unet")
    (model_folder / "unet").symlink_to(tmp_path / "unet")
    assert staged(f"path:{model_folder}")["sha256"] == first["sha256"]


def test_another_source_is_never_answered_with_the_old_files(staged, model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "other")
    (tmp_path / "other" / "unet" / "weights.safetensors").write_bytes(b"others")
    built = staged("demo:stable_diffusion")
    assert staged(f"path:{model_folder}")["sha256"] != built["sha256"]
    assert "unet/weights.safetensors" in staged(f"path:{tmp_path / 'other'}")["files"]
    assert staged("demo:image_variation")["sha256"] != built["sha256"]
    assert staged("demo:stable_diffusion")["sha256"] == built["sha256"]


@pytest.mark.parametrize("name", ["diffusion_pytorch_model.bin", "model.ckpt", "x.PT", "y.pth", "z.pkl", "w.pickle"])
def test_pickled_weights_are_refused(staged, model_folder, name):
    (model_folder / "unet" / name).write_bytes(b"cos\nsystem\n(S'echo'\ntR.")
    with pytest.raises(TouchstoneError, match=r"pickled weights[\s\S]*safetensors") as error:
        staged(f"path:{model_folder}")
    assert name in str(error.value.where)


def test_pickled_weights_are_used_only_if_models_yaml_names_them_with_their_checksum(hub, staged):
    pickle = UNWANTED["unet/weights.bin"]
    hub.push("model", "a/b", COMMIT, MODEL | UNWANTED)
    allowed = {"unet/weights.bin": hashlib.sha256(pickle).hexdigest()}
    receipt = staged(f"hub:a/b@{COMMIT}", files=allowed)
    assert set(receipt["files"]) == {*MODEL, "unet/weights.bin"}
    with pytest.raises(TouchstoneError, match="pickled weights"):
        staged(f"hub:a/b@{COMMIT}")
    with pytest.raises(TouchstoneError, match="is another one"):
        staged(f"hub:a/b@{COMMIT}", files={"unet/weights.bin": "0" * 64})


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("unet/pipeline.py", "import os", "holds code"),
        ("unet/config.json", '{"auto_map": {"AutoModel": "evil--evil.Model"}}', "auto_map"),
        ("model_index.json", '{"_class_name": ["pipeline", "Evil"]}', "names no pipeline"),
        ("model_index.json", "[]", "names no pipeline"),
        ("model_index.json", '{"unet": ["os", "system"]}', "takes its unet from 'os'"),
        ("model_index.json", '{"unet": ["unet.evil", "Model"]}', "takes its unet from"),
        ("model_index.json", "[" * 100_000, "names no pipeline"),
    ],
)
def test_a_model_that_asks_for_code_is_refused(staged, model_folder, name, content, why):
    (model_folder / name).write_text(content)
    with pytest.raises(TouchstoneError, match=why):
        staged(f"path:{model_folder}")


def test_parts_of_diffusers_and_transformers_are_no_code(staged, model_folder):
    parts = {"_class_name": "StableDiffusionPipeline", "unet": ["diffusers", "X"], "safety_checker": ["stable_diffusion", "Y"]}
    parts |= {"tokenizer": ["transformers", "Z"], "feature_extractor": [None, None], "requires_safety_checker": True}
    (model_folder / "model_index.json").write_text(json.dumps(parts))
    assert staged(f"path:{model_folder}")["files"]


def test_links_of_a_fetched_model_lead_nowhere_else(hub, staged, tmp_path):
    hub.push("model", "a/b", COMMIT, MODEL)
    fetched = Path(staged(f"hub:a/b@{COMMIT}")["path"])
    (tmp_path / "secret").write_text("secret")
    (fetched / "unet" / "more.json").symlink_to(tmp_path / "secret")
    with pytest.raises(TouchstoneError, match="leads out of its folder"):
        staged(f"hub:a/b@{COMMIT}")


def test_a_folder_that_is_no_model(staged, tmp_path):
    (tmp_path / "empty").mkdir()
    for source in (f"path:{tmp_path / 'empty'}", f"path:{tmp_path / 'nothing'}"):
        with pytest.raises(TouchstoneError, match=r"no model_index\.json[\s\S]*models\.yaml"):
            staged(source)


def test_a_build_cut_short_is_not_taken_for_a_model(staged, tmp_path):
    partial = Path(staged("demo:stable_diffusion")["path"])
    whole = staged("demo:stable_diffusion")["sha256"]
    shutil.rmtree(partial / "unet")
    partial.rename(partial.with_name(partial.name + ".partial"))
    assert staged("demo:stable_diffusion")["sha256"] == whole


# -- the hub -----------------------------------------------------------------------------------------


@pytest.fixture
def hub(monkeypatch):
    with running(Hub()) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.root)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield server


def test_a_model_of_the_hub_comes_at_its_commit_without_pickles_and_halves(hub, staged):
    hub.push("model", "a/b", COMMIT, MODEL | UNWANTED)
    hub.push("model", "a/b", LATER, MODEL | {"unet/weights.safetensors": b"later" * 100})
    receipt = staged(f"hub:a/b@{COMMIT}")
    assert set(receipt["files"]) == set(MODEL)
    assert receipt["files"]["unet/weights.safetensors"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert (receipt["revision"], receipt["source"]) == (COMMIT, f"hub:a/b@{COMMIT}")
    hub.asked.clear()
    assert staged(f"hub:a/b@{COMMIT}") == receipt
    assert hub.asked == []


def test_the_first_source_that_works_is_taken_and_kept(hub, staged, tmp_path):
    hub.push("model", "mirror/b", LATER, MODEL)
    sources = [f"path:{tmp_path}/none", f"hub:gone/b@{COMMIT}", f"hub:mirror/b@{LATER}"]
    receipt = staged(*sources)
    assert receipt["source"] == sources[2]
    hub.push("model", "gone/b", COMMIT, MODEL)
    assert staged(*sources) == receipt


def test_when_no_source_works_each_reason_is_told(hub, staged, tmp_path):
    with pytest.raises(TouchstoneError, match=r"none of 2 sources works: path:.*no such folder.*hub:a/b@1+: the hub did not"):
        staged(f"path:{tmp_path}/none", f"hub:a/b@{COMMIT}")


def test_a_mirror_with_other_weights_is_refused(hub, staged):
    hub.push("model", "a/b", COMMIT, MODEL)
    wanted = {"unet/weights.safetensors": hashlib.sha256(WEIGHTS).hexdigest()}
    assert staged(f"hub:a/b@{COMMIT}", files=wanted)
    with pytest.raises(TouchstoneError, match=r"another one: the sha256 of unet/weights\.safetensors is [0-9a-f]{64}, not 000"):
        staged(f"hub:a/b@{COMMIT}", files={"unet/weights.safetensors": "0" * 64})
    with pytest.raises(TouchstoneError, match=r"the sha256 of vae/x\.safetensors is of no file"):
        staged(f"hub:a/b@{COMMIT}", files={"vae/x.safetensors": "0" * 64})


def test_a_gated_model_says_how_access_is_had(hub, staged, monkeypatch):
    hub.push("model", "a/b", COMMIT, MODEL, token="hf_secret")  # noqa: S106
    with pytest.raises(TouchstoneError, match="answered 401") as error:
        staged(f"hub:a/b@{COMMIT}")
    assert f"ask for access on {hub.root}/a/b" in error.value.mend
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert set(staged(f"hub:a/b@{COMMIT}")["files"]) == set(MODEL)


def test_a_placed_model_is_preferred_and_may_move(staged, model_folder, tmp_path):
    first = staged(f"hub:a/b@{COMMIT}", placed=model_folder)
    shutil.move(model_folder, tmp_path / "moved")
    assert staged(f"hub:a/b@{COMMIT}", placed=tmp_path / "moved") == first
    assert first["source"] == "placed"
