"""What the tests of scraping share: a shard made in a folder, and the program that makes one in a process of its own."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq

from touchstone.draw import PICK
from touchstone.progress import Progress
from touchstone.record import TAKEN, empty_item, table_of
from touchstone.scrape import scrape_shard

REPOSITORY = Path(__file__).resolve().parents[2]
# Folder and recipe as arguments.
PROGRAM = (
    "import json, sys; from touchstone.progress import Progress; from touchstone.scrape import scrape_shard; "
    "scrape_shard(picks=f'{sys.argv[1]}/picks.parquet', shard=f'{sys.argv[1]}/shard.parquet', recipe=json.loads(sys.argv[2]), "
    "blocked=[], survivors=None, serve=None, partial=f'{sys.argv[1]}/shard.partial', threads=2, progress=Progress('take'))"
)


def environment(proxy: str | None) -> dict[str, str]:
    """The environment, with this package, and ``proxy`` for all addresses."""
    paths = {"PYTHONPATH": f"{REPOSITORY / 'workflow/scripts'}{os.pathsep}{REPOSITORY}"}
    return os.environ | paths | ({"http_proxy": proxy, "https_proxy": proxy, "no_proxy": ""} if proxy else {})


def write_picks(path: Path, addresses: list[str]) -> str:
    rows = [empty_item() | {"id": f"web/{row}", "source_url": url, "rank": row} for row, url in enumerate(addresses)]
    pq.write_table(table_of(rows, PICK), path)
    return str(path)


def scrape_into(
    folder: Path,
    addresses: list[str],
    *,
    proxy: str | None = None,
    serve: str | None = None,
    blocked: tuple[str, ...] | list[str] = (),
    survivors: str | None = None,
    **recipe: object,
) -> list[dict]:
    """The rows of a shard made in ``folder``, through ``proxy`` if there is one."""
    with patch.dict(os.environ, environment(proxy), clear=True):
        scrape_shard(
            picks=write_picks(folder / "picks.parquet", addresses),
            shard=str(folder / "shard.parquet"),
            recipe={"revision": 1, "timeout": 5} | recipe,
            blocked=list(blocked),
            survivors=survivors,
            serve=serve,
            partial=str(folder / "shard.partial"),
            threads=2,
            progress=Progress("take", streams=()),
        )
    table = pq.read_table(folder / "shard.parquet")
    assert table.schema.equals(TAKEN)
    return table.to_pylist()


def without_times(rows: list[dict]) -> list[dict]:
    return [row | {"scrape": {name: value for name, value in row["scrape"].items() if name != "fetched_at"}} for row in rows]
