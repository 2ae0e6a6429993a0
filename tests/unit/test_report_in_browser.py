"""The report in a real browser: nothing is asked of the network or cut off, tables sort; at two widths, in both themes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from PIL import Image
from tests.unit.test_report import written

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not BROWSER, reason="needs Chromium")]

# Put behind the page: what it looks like, as JSON in an attribute.
LOOK = """
<script>
const cut = [...document.querySelectorAll("svg.pyramid text")].filter(text => {
  const box = text.getBBox(), room = text.ownerSVGElement.getBoundingClientRect().width;
  return box.x < -0.5 || box.x + box.width > room + 0.5;
});
const table = document.querySelector("#counts table"), last = table.tHead.rows[0].cells.length - 1;
table.tHead.rows[0].cells[last].querySelector("button").click();
document.body.dataset.look = JSON.stringify({
  wide: document.documentElement.scrollWidth, room: innerWidth,
  cut: cut.map(text => text.textContent),
  sorted: [...table.tBodies[0].rows].map(row => +row.cells[last].dataset.value),
  shown: [...document.querySelectorAll("#counts tbody tr")].filter(row => !row.hidden).length,
  pictures: [...document.images].map(image => image.naturalWidth),
});
</script>
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    written(folder)
    path = folder / "report.html"
    text = path.read_text(encoding="utf-8").replace('loading="lazy"', "").replace("<details ", "<details open ")
    path.with_name("look.html").write_text(text.replace("</body>", f"{LOOK}</body>"), encoding="utf-8")
    return path


@pytest.fixture
def proxy():
    """A proxy for everything the browser asks of the network: ``(address, hosts asked for)``."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_CONNECT = do_GET

        def log_message(self, *arguments: object) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


def browse(path, folder, *options: str) -> str:
    """What the headless browser prints."""
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run", "--hide-scrollbars"]
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *quiet, f"--user-data-dir={folder}/browser", *options]
    done = subprocess.run([*command, path.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


def test_nothing_is_asked_of_the_network(page, proxy, tmp_path):
    address, asked = proxy
    control = tmp_path / "control.html"
    control.write_text('<img src="http://pictures.example/one.png">', encoding="utf-8")
    for path in (page, control):
        browse(path, tmp_path, f"--proxy-server={address}", "--dump-dom")
        hosts = [url for url in asked if "example" in url]
        assert hosts == ([] if path == page else ["http://pictures.example/one.png"])


@pytest.mark.parametrize("width", [1280, 800])
def test_nothing_is_cut_off_and_tables_sort(page, tmp_path, width):
    dom = browse(page.with_name("look.html"), tmp_path, f"--window-size={width},900", "--dump-dom")
    look = json.loads(re.search(r'data-look="([^"]+)"', dom)[1].replace("&quot;", '"'))
    assert look["room"] == width
    assert look["wide"] <= width
    assert look["cut"] == []
    assert look["sorted"] == sorted(look["sorted"], reverse=True) == [16, 12, 4]
    assert look["shown"] == 3
    assert len(look["pictures"]) == 9
    assert all(look["pictures"])


def test_both_themes_are_drawn(page, tmp_path):
    grounds = {}
    for theme, number in (("dark", 0), ("light", 1)):
        shot = tmp_path / f"{theme}.png"
        browse(
            page, tmp_path, f"--blink-settings=preferredColorScheme={number}", f"--screenshot={shot}", "--window-size=1280,900"
        )
        pixels = np.asarray(Image.open(shot).convert("L"))
        grounds[theme] = pixels[5, 5]
        assert pixels.std() > 10
    assert grounds["dark"] < 40
    assert grounds["light"] > 230
