"""lineage.py: an image's way from fake to prompt, real image, address, model and code, as its manifest knows it."""

from __future__ import annotations

import subprocess
import sys

import pyarrow.parquet as pq
import pytest
from tests.building import HOME

from touchstone.errors import TouchstoneError
from touchstone.lineage import lineage
from touchstone.record import MANIFEST, table_of

FAKE = {
    "id": "painter/1",
    "label": 1,
    "origin": "painter",
    "generator": "Painter XL",
    "positive_prompt": "a red kite",
    "paired_real_images": ["photos/1", "photos/2"],
    "generation": {"model": "xl", "model_revision": "abc", "seed": 0, "versions": "touchstone 0.1.0, torch 2"},
}
REAL = {
    "id": "photos/1",
    "label": 0,
    "origin": "photos",
    "generator": "",
    "source_url": "https://x.org/1",
    "licence": "CC0-1.0",
    "scrape": {"fetched_url": "https://y.org/1", "fetched_at": "2026-11-21"},
    "paired_real_images": ["photos/1"],
}


@pytest.fixture
def folder(tmp_path):
    schema = MANIFEST.with_metadata({"root_hash": "ab" * 32, "code": "0.1.0 (26d4544)"})
    pq.write_table(table_of([FAKE, REAL], schema), tmp_path / "manifest.parquet")
    return tmp_path


def test_everything_from_the_fake_to_the_code_is_told(folder):
    lines = [" ".join(line.split()) for line in lineage(dataset=str(folder), name="painter/1")]
    for told in (
        "painter/1 (fake, by Painter XL; origin painter)",
        "positive_prompt a red kite",
        "generation.model xl",
        "generation.model_revision abc",
        "generation.seed 0",
        "generation.versions touchstone 0.1.0, torch 2",
        "photos/1 (real; origin photos)",
        "source_url https://x.org/1",
        "scrape.fetched_url https://y.org/1",
        "photos/2 (not in this dataset)",
        "code 0.1.0 (26d4544)",
        f"dataset {'ab' * 32}",
    ):
        assert told in lines
    assert len(lines) < 60, "an image that names itself ends the search"


def test_no_such_image_and_no_manifest_are_told(folder, tmp_path):
    with pytest.raises(TouchstoneError, match="there is no image 'x'"):
        lineage(dataset=str(folder), name="x")
    with pytest.raises(TouchstoneError, match="name the folder of a finished dataset"):
        lineage(dataset=str(tmp_path / "nowhere"), name="x")


def test_the_command_prints_it_or_says_why_not(folder):
    def run(*words: str) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "touchstone.lineage", *words]
        return subprocess.run(command, cwd=HOME / "workflow/scripts", capture_output=True, text=True)

    assert "a red kite" in run(str(folder), "painter/1").stdout
    assert run(str(folder)).returncode == 2
    wrong = run(str(folder), "nobody")
    assert (wrong.returncode, "Traceback" in wrong.stderr) == (1, False)
