"""What img2dataset itself leaves of a list like AI-GenBench's, read in all its forms as an origin of a user's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pyarrow.parquet as pq
import pytest
from tests.building import HOME
from tests.trees_elsa_nyu import picture

from touchstone.checking import load_checked
from touchstone.containers import open_container
from touchstone.files import write_json
from touchstone.listing import list_origin, path_of

pytestmark = pytest.mark.slow
CARD = load_checked("origin", HOME / "config/origins/laion_400m_scraped.yaml")
PICTURES, GONE = 9, {3, 4}
SCRIPT = """
import json
from img2dataset import download

if __name__ == "__main__":  # it starts processes that import this file
    download(**json.load(open("options.json")))
"""


class Pictures(BaseHTTPRequestHandler):
    """``/<number>.jpg``: a picture, or 404."""

    def do_GET(self):
        number = int(self.path.strip("/").partition(".")[0])
        self.send_response(404 if number in GONE else 200)
        self.end_headers()
        if number not in GONE:
            self.wfile.write(picture(number, "JPEG"))

    def log_message(self, *arguments):
        """Says nothing."""


@pytest.fixture(scope="module")
def address():
    with ThreadingHTTPServer(("127.0.0.1", 0), Pictures) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("form", ["files", "webdataset", "parquet"])
def test_the_output_of_img2dataset_is_an_origin(tmp_path, address, progress, form):
    rows = [
        {"url": f"{address}/{number}.jpg", "id": str(26131007000 + number), "description": f"Lake {number}"}
        for number in range(PICTURES)
    ]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    options = {"url_list": str(tmp_path / "list.json"), "input_format": "json", "output_folder": str(tmp_path / "train")}
    options |= {"output_format": form, "number_sample_per_shard": 5, "processes_count": 1, "thread_count": 4}
    options |= {"disable_all_reencoding": True, "save_additional_columns": ["id", "description"]}
    (tmp_path / "options.json").write_text(json.dumps(options))
    (tmp_path / "scrape.py").write_text(SCRIPT)
    environment = os.environ | {"NO_ALBUMENTATIONS_UPDATE": "1", "WANDB_MODE": "disabled"}
    subprocess.run(
        [sys.executable, tmp_path / "scrape.py"], env=environment, cwd=tmp_path, check=True, capture_output=True, timeout=300
    )
    files = [{"name": "train/", "path": str(tmp_path / "train")}]
    write_json(tmp_path / "receipt.json", {"files": files})
    list_origin(
        origin="scraped",
        receipt=str(tmp_path / "receipt.json"),
        recipe=CARD["recipe"],
        generators={},
        kind="archive",
        licence="",
        index=str(tmp_path / "index.parquet"),
        progress=progress,
    )
    found = {row["id"]: row for row in pq.read_table(tmp_path / "index.parquet").to_pylist()}
    there = [number for number in range(PICTURES) if number not in GONE]
    assert sorted(found) == [f"LAION-400M/{26131007000 + number}" for number in there]
    for number in there:
        row = found[f"LAION-400M/{26131007000 + number}"]
        assert (row["description"], row["source_url"]) == (f"Lake {number}", f"{address}/{number}.jpg")
        container = open_container(path_of(files, row["source_file"]))
        assert container.read(row["source_member"]) == picture(number, "JPEG")
        container.close()
    assert f"{len(GONE)} skipped: img2dataset says failed_to_download" in progress.streams[0].getvalue()
