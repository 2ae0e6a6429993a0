"""How fast addresses become shards, against img2dataset alone and against a bare downloader.

Run it from the repository's folder: ``PYTHONPATH=workflow/scripts python -m benchmarks.scraping [--write]``.
A server of JPEGs runs on half of the cores, what is measured on two others, each as a program of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from benchmarks.measuring import HOME, Cost, cost_of, fastest_of, machine, main, spent_by
from benchmarks.serving import HOSTS, pictures, wait_for

from touchstone.draw import PICK, draw_origin
from touchstone.listing import list_origin
from touchstone.memory import keep_freed_memory
from touchstone.progress import Progress
from touchstone.record import empty_item, table_of
from touchstone.scrape import scrape_shard

ADDRESSES, CONNECTIONS, RUNS, ROWS = 4_000, 64, 2, 1_000_000
ABOUT = """\
`python -m benchmarks.scraping`, {date}, on {machine}: {addresses:,} addresses on {hosts} hosts, JPEGs of {size:.0f} kB,
{connections} connections, two cores for the client and the others for the server, fastest of {runs} runs in turns, start-up
included. *CPU* is that of the client with all its processes, *memory* the most they held together. *Rate* is that of the
engine `direct` against this row: above 1 it is faster. Only the rows of *take* decode and measure the images and write
ledger and shard; the others write bytes.
"""


def bare(folder: Path, urls: list[str]) -> None:
    """The least that can be done: aiohttp, bytes into one file."""
    import aiohttp

    async def run() -> None:
        slots = asyncio.Semaphore(CONNECTIONS)
        with open(folder / "bytes", "wb") as file:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

                async def one(url: str) -> None:
                    async with slots, session.get(url) as answer:
                        file.write(await answer.read())

                await asyncio.gather(*map(one, urls))

    asyncio.run(run())


def plain(folder: Path, urls: list[str]) -> None:
    """img2dataset as its users call it, but that it keeps the bytes; as many connections."""
    from img2dataset import download

    pq.write_table(pa.table({"url": urls}), folder / "urls.parquet")
    settings = {"url_list": str(folder / "urls.parquet"), "input_format": "parquet", "output_folder": str(folder / "out")}
    settings |= {"output_format": "parquet", "number_sample_per_shard": 1000, "processes_count": 2}
    download(**settings, thread_count=CONNECTIONS // 2, disable_all_reencoding=True, timeout=10, retries=0)
    assert sum(pq.read_metadata(path).num_rows for path in (folder / "out").glob("*.parquet")) == len(urls)


def take(folder: Path, urls: list[str], engine: str, rows: int) -> None:
    """The take step, in shards of so many rows, one after the other."""
    keep_freed_memory()  # as jobs do
    recipe = {"revision": 1, "engine": engine, "threads": CONNECTIONS, "networks": ["127.0.0.0/8"]}
    for start in range(0, len(urls), rows):
        picks = [
            empty_item() | {"id": f"b/{row}", "source_url": url, "rank": row}
            for row, url in enumerate(urls[start : start + rows])
        ]
        pq.write_table(table_of(picks, PICK), folder / "picks.parquet")
        scrape_shard(
            picks=str(folder / "picks.parquet"),
            shard=str(folder / f"shard-{start}.parquet"),
            recipe=recipe,
            blocked=[],
            survivors=None,
            serve=None,
            partial=str(folder / "partial"),
            threads=2,
            progress=Progress("take", streams=(io.StringIO(),)),
        )
    shards = [pq.read_table(path, columns=["state"]) for path in folder.glob("shard-*.parquet")]
    assert [state for table in shards for state in table["state"].to_pylist()] == ["taken"] * len(urls)


WORKS = {
    "bare aiohttp loop": "bare",
    "img2dataset alone": "plain",
    "take, engine `direct`, one shard": ("direct", ADDRESSES),
    "take, engine `direct`, shards of 1,000": ("direct", 1000),
    "take, engine `img2dataset`, one shard": ("img2dataset", ADDRESSES),
}


def work(name: str, folder: Path, port: int) -> None:
    """What one of ``WORKS`` does, in a process of its own."""
    urls = [f"http://127.0.0.{1 + row % HOSTS}:{port}/{row}" for row in range(ADDRESSES)]
    how = WORKS[name]
    if how in ("bare", "plain"):
        {"bare": bare, "plain": plain}[how](folder, urls)
    else:
        take(folder, urls, *how)


def measured(name: str, port: int) -> tuple[float, float, int]:
    """Seconds of wall time, seconds of CPU, and the most bytes held, of one program."""
    with tempfile.TemporaryDirectory() as folder:
        call = f"from benchmarks.scraping import *; work({name!r}, Path({folder!r}), {port})"
        spent = spent_by(["taskset", "-c", "0,1", sys.executable, "-c", call], Path(folder, "log"))
    print(f"{name}: {spent.seconds:.1f} s", file=sys.stderr, flush=True)
    return spent.seconds, spent.cpu, spent.n_bytes


def speeds(latency: tuple[float, float] | None) -> list[str]:
    """Rows of the table for one kind of web."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    call = f"from benchmarks.serving import serve; serve({port}, {latency})"
    cores = f"2-{os.cpu_count() - 1}"
    servers = [subprocess.Popen(["taskset", "-c", cores, sys.executable, "-c", call], cwd=HOME) for _ in range(2)]
    try:
        wait_for(port)
        runs = [{name: measured(name, port) for name in WORKS} for _ in range(RUNS)]
    finally:
        for server in servers:
            server.kill()
            server.wait()
    costs = {name: min(run[name] for run in runs) for name in WORKS}
    ours = costs["take, engine `direct`, one shard"][0]
    web = "at once" if latency is None else f"{latency[0] * 1000:.0f}-{latency[1] * 1000:.0f} ms"
    return [
        f"| {web} | {name} | {ADDRESSES / wall:,.0f} | {wall:.1f} s | {cpu:.1f} s | {most / 1e6:,.0f} MB | {wall / ours:.2f} |"
        for name, (wall, cpu, most) in costs.items()
    ]


def list_million(folder: Path) -> None:
    """The list step on a csv of a million rows."""
    recipe = {"revision": 1, "reader": {"name": "table", "file": "l.csv", "columns": {"id": "id", "source_url": "url"}}}
    receipt = str(folder / "receipt.json")
    (folder / "receipt.json").write_text(json.dumps({"files": [{"name": "l.csv", "path": str(folder / "l.csv")}]}))
    options = {"origin": "b", "recipe": recipe, "licence": "", "kind": "urls", "generators": {}}
    index = str(folder / "index.parquet")
    list_origin(receipt=receipt, pairs=None, index=index, **options, progress=Progress("list", streams=(io.StringIO(),)))


def draw_million(folder: Path) -> None:
    """The draw step: all of them, in slices of 10,000."""
    paths = {"index": str(folder / "index.parquet"), "drawn": str(folder / "draw.parquet"), "picks": str(folder / "picks")}
    parts = [{"key": "real", "name": "", "drawn": ROWS}]
    draw_origin(**paths, parts=parts, shard_items=10_000, seed=1, progress=Progress("draw", streams=(io.StringIO(),)))


def slicing() -> list[str]:
    """What a list of a million rows costs before the first address is asked."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with open(folder / "l.csv", "w", encoding="utf-8") as file:
            file.write("id,url\n")
            file.writelines(f"{row},http://host-{row % 40_000}.example.org/pictures/{row}.jpg\n" for row in range(ROWS))
        costs: dict[str, Cost] = fastest_of(1, {"list": (list_million, folder)})
        costs["draw and slice"] = cost_of(draw_million, folder)
        files = len(list((folder / "picks").iterdir()))
    return [f"| {name} | {cost} |" for name, cost in costs.items()] + [f"| pick lists, and as many shards | {files} |"]


def results() -> str:
    """Measure everything; a Markdown section."""
    size = sum(map(len, pictures())) / 40_000
    lines = ["| the web answers | | images/s | wall | CPU | memory | rate |", "|---|---|--:|--:|--:|--:|--:|"]
    lines += [
        *speeds(None),
        *speeds((0.05, 0.2)),
        "",
        f"A list of {ROWS:,} addresses:",
        "",
        "| | cost |",
        "|---|--:|",
        *slicing(),
    ]
    about = {"addresses": ADDRESSES, "hosts": HOSTS, "connections": CONNECTIONS, "runs": RUNS, "size": size}
    return "\n".join([ABOUT.format(date=date.today(), machine=machine(), **about), *lines])


if __name__ == "__main__":
    main("scraping", __doc__, results)
