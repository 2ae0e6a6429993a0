"""How long planning takes: ``snakemake -n`` for a million images, and for 5,000 and 20,000 shard jobs.

Run it from the repository's folder: ``python -m benchmarks.planning [--write]``. The limit it measures
against, in the same run, is Snakemake's own: a workflow of as many jobs of one rule that has nothing but
an output, a log and a script.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from time import perf_counter

import yaml
from benchmarks.measuring import Cost, machine, main
from tests.building import HOME, Workplace

SIZES = {"a million images": 1_000_000, "5,000 shard jobs": 3_390_000, "20,000 shard jobs": 13_740_000}  # images
MODELS, COLLECTIONS, GENERATORS_PER_COLLECTION, ARCHIVES, WEBS = 10, 8, 5, 4, 3  # 25 origins, 50 generators
RUNS = 3
BARE = """
rule all:
    input: [f"results/{n}.txt" for n in range(config["jobs"] - 1)]

rule one:
    output: "results/{n}.txt"
    log: "logs/{n}.log"
    script: "one.py"
"""

ABOUT = """\
`python -m benchmarks.planning`, {date}, on {machine}: wall time and peak memory, fastest of {runs} runs.
A synthetic catalogue of 25 origins, shard sizes of the defaults, nothing fetched yet. Jobs and files are
what `snakemake plan` states. *Bare* is `snakemake -n` of as many jobs of one rule that has nothing but an
output, a log and a script: what Snakemake itself takes.
"""


def write_catalogue(folder: Path, images: int) -> Workplace:
    """A place to plan in: a synthetic catalogue of all kinds, and a dataset of so many images.

    Half of the images are fakes, as many of each generator; some are generated here and some come in
    collections. The other half are reals, from archives and from the web. Shard sizes and margins are the defaults.
    """
    models = {f"model_{n}": f"generator_{n}" for n in range(MODELS)}
    collections = {f"collection_{n}": [f"maker_{n}_{k}" for k in range(GENERATORS_PER_COLLECTION)] for n in range(COLLECTIONS)}
    generators = [*models.values(), *(name for names in collections.values() for name in names)]
    table = {"name": "table", "file": "list.csv", "columns": {"id": "id"}}
    how = {"mode": "text_to_image", "steps": 50, "guidance": 7.5, "size": [512, 512], "batch": 8, "seed": 1}
    fakes = {f"generated_{n}": _card("generate", table, model=name, **how) for n, name in enumerate(models)}
    for origin, names in collections.items():
        reader = {"name": "folders", "generators": {f"images/{name}": name for name in names}}
        fakes[origin] = _card("archive", reader) | {"generators": names}
    reals = {f"archive_{n}": _card("archive", {"name": "folders"}) for n in range(ARCHIVES)}
    reals |= {f"web_{n}": _card("urls", table) for n in range(WEBS)}
    quota = images // 2 // len(generators)
    files = {f"origins/{origin}": card for origin, card in (fakes | reals).items()}
    files["origins/generators"] = {name: {"name": name, "released": "2026-01-01"} for name in generators}
    files["origins/models"] = {
        name: {"sources": [f"hub:owner/{name}@{'0' * 40}"], "generator": generator, "licence": "MIT"}
        for name, generator in models.items()
    }
    files["datasets/scale"] = {
        "title": f"{images:,} images",
        "seed": 1,
        "splits": {"train": 0.8, "validation": 0.1, "test": 0.1},
        "fakes": {origin: {"quota": quota} for origin in fakes},
        "reals": {origin: {"share": 1} for origin in reals},
    }
    files["config"] = {"dataset": "scale", "cards": [], "datasets": []}
    for name, content in files.items():
        path = folder / "config" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return Workplace(folder)  # which enters the folders of cards and datasets into config.yaml


def _card(kind: str, reader: dict, **recipe: object) -> dict:
    file = reader.get("file", "images.zip")
    return {
        "title": "Synthetic",
        "homepage": "https://example.org",
        "licence": "CC0-1.0",
        "access": "open",
        "kind": kind,
        "files": [{"path": file, "source": f"https://example.org/{file}", "size": 1_000_000}],
        "cost": {"bytes": 200_000, "seconds": 2},
        "recipe": {"revision": 1, "reader": reader, **recipe},
        "examples": [{"given": "a/b.jpg", "expect": "skip"}],
    }


def bare(folder: Path, jobs: int) -> list[str]:
    """The command that plans so many jobs of a workflow that has nothing to it."""
    (folder / "Snakefile").write_text(BARE, encoding="utf-8")
    (folder / "one.py").touch()
    command = [sys.executable, "-m", "snakemake", "-n", "--cores", "1", "--config", f"jobs={jobs}"]
    return [*command, "--snakefile", str(folder / "Snakefile"), "--directory", str(folder), "--workflow-profile", "none"]


def measure(command: list[str]) -> tuple[Cost, str]:
    """Run the command; what it took and what it printed."""
    with tempfile.TemporaryFile() as output:
        start = perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | {"NO_COLOR": "1"})
        _, status, usage = os.wait4(process.pid, 0)
        seconds = perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode()
    if process.returncode:
        raise SystemExit(text[-6000:])
    return Cost(seconds, usage.ru_maxrss * 1024), text


def fastest(commands: dict[str, list[str]]) -> dict[str, Cost]:
    """The fastest of ``RUNS`` runs of each command, taken in turns."""
    runs = [{name: measure(command)[0] for name, command in commands.items()} for _ in range(RUNS)]
    return {name: min((run[name] for run in runs), key=lambda cost: cost.seconds) for name in commands}


def results() -> str:
    """Measure everything; a Markdown section."""
    lines = [
        "| build | images | jobs | files | `snakemake plan` | `snakemake -n` | with `profiles/slurm` | bare | `-n` / bare |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    found = {}
    for name, images in SIZES.items():
        with tempfile.TemporaryDirectory() as folder:
            place = write_catalogue(Path(folder), images)
            plan = place.command("plan", "--quiet", "all", "--cores", "1")
            total = re.search(r"^total +([\d,]+) .* ([\d,]+) +[\d.,]+$", measure(plan)[1], re.MULTILINE)
            jobs, files = (int(number.replace(",", "")) for number in total.groups())
            dry_run = place.command("-n", "--cores", "1")
            slurm = place.command("-n", "--profile", str(HOME / "profiles/slurm"))
            cost = fastest({"plan": plan, "dry run": dry_run, "slurm": slurm, "bare": bare(Path(folder), jobs)})
        found[name] = jobs, cost
        ratio = cost["dry run"].seconds / cost["bare"].seconds
        lines.append(f"| {name} | {images:,} | {jobs:,} | {files:,} | {' | '.join(map(str, cost.values()))} | {ratio:.2f} |")
        print(lines[-1], file=sys.stderr)
    (_, (few, small), (many, large)) = found.values()
    growth = (f"{large[key].seconds / small[key].seconds:.2f}, {large[key].n_bytes / small[key].n_bytes:.2f}" for key in small)
    lines.append(f"| 20,000 / 5,000 | | {many / few:.2f} | | {' | '.join(growth)} | |")
    return "\n".join([ABOUT.format(date=date.today(), runs=RUNS, machine=machine()), *lines])


if __name__ == "__main__":
    main("planning", __doc__, results)
