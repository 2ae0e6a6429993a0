"""Kills a random process of a build at a random moment, again and again, and looks whether the dataset could tell.

Run it from the repository's folder: ``python -m benchmarks.faults [--kills 104] [--seed 1] [--write]``. Builds of the demo
and of a larger one with img2dataset and exports take turns. Each is started again by the same command until it is done.
Ctrl-C ends the series with what came of it so far.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import pyarrow.parquet as pq
from benchmarks import measuring
from benchmarks.killing import CHILD, EVERY, MARK, kill_one, processes
from PIL import Image
from tests.building import HOME, Workplace

KILLS_A_BUILD = 26  # then it may end
PATIENCE = 900  # seconds a build that nobody kills may take
GRACE = 20  # seconds for processes to notice that their parent is gone
BEGUN = (".part", ".part.json", ".refused")  # names of downloads that go on later
ABOUT = """\
`python -m benchmarks.faults --seed {seed} --kills {asked}`, {date}, on {machine}, two of them used; {minutes:.0f} minutes.
{kills} processes killed with SIGKILL in {builds} builds, which were started again {restarts} times in all. After each kill all
{files:,} files with final names were read ({read:,} readings); after each build its root hash, the names of all its files, its
own check (`verify`), and what is left in the folder, in the temporary folder and among the processes were compared with those
of an undisturbed build. **Faults found: {faults}.**
"""


def enlarged(place: Workplace) -> Workplace:
    """The demo, nearly twice as large: more shards, img2dataset, and exports."""
    prompts = place.folder / "config/lists/demo_prompts.csv"
    rows = [f"{number},a drawing of {number} boats on a lake,scene" for number in range(1000, 1150)]
    prompts.write_text("\n".join(["id,prompt,content", *rows, ""]), encoding="utf-8")
    place.edit("origins/demo_urls.yaml", recipe__engine="img2dataset")
    place.edit("datasets/demo.yaml", fakes__demo_sd__quota=120, pack_items=32, exports=["webdataset", "imagefolder"])
    return place


BUILDS = {"demo": lambda place: place, "larger": enlarged}
ABSENT = {"demo": ["img2dataset", CHILD], "larger": ["downloader"]}  # what such a build has no process of


class Fault(Exception):
    """What must never happen."""


class Build:
    """One build that is killed again and again."""

    def __init__(self, place: Workplace, kinds: dict[str, int], chance: random.Random):
        self.place, self.kinds, self.chance = place, kinds, chance
        self.kills: Counter[str] = Counter()
        self.restarts = self.read = 0
        self.mark = f"{os.getpid()}-{chance.random()}"
        self.scratch = place.folder / "tmp"
        self.scratch.mkdir(exist_ok=True)

    def run(self, kills: int) -> None:
        """Build to the end, killing up to ``kills`` processes on the way.

        Raises:
            Fault: A partial file, or a build that fails though nobody killed anything.
        """
        while True:
            before = self.kills.total()
            with open(self.place.folder / "output.txt", "ab") as output:
                environment = os.environ | {MARK: self.mark, "TMPDIR": str(self.scratch), "NO_COLOR": "1"}
                command = self.place.command("--cores", "2", "--keep-going")
                process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, start_new_session=True)
            try:
                while self.kills.total() < kills:
                    killed = kill_one(process, self.mark, self.place.work, self.kinds, self.chance)
                    if not killed:
                        break
                    self.kills[killed] += 1
                    self.kinds[killed] += 1
                    print(f"  {self.kills.total():3} {killed}", flush=True)
                    self.read += read_all(self.place.work)
                status = process.wait(PATIENCE)
            finally:
                process.kill()
                process.wait()
            if status == 0:
                return
            if self.kills.total() == before:
                raise Fault(f"a build failed that nobody disturbed: {self.place.folder}/output.txt")
            self.restarts += 1

    def compare(self, reference: Workplace) -> None:
        """Hold what was built, and what else is there, against an undisturbed build.

        Raises:
            Fault: They differ.
        """
        if self.place.root_hash() != reference.root_hash():
            raise Fault(f"another root hash: {self.place.root_hash()}")
        ours, theirs = names(self.place.work), names(reference.work)
        if ours != theirs:
            raise Fault(f"left behind: {sorted(ours - theirs)}; missing: {sorted(theirs - ours)}")
        read_all(self.place.work)
        verify = [sys.executable, "-m", "touchstone.verify", str(self.place.work / "results/demo")]
        done = subprocess.run(
            verify, env=os.environ | {"PYTHONPATH": str(HOME / "workflow/scripts")}, capture_output=True, text=True
        )
        if done.returncode:
            raise Fault(f"its own check fails: {done.stdout}{done.stderr}")
        until = time.monotonic() + GRACE
        while (left := processes(self.mark)) and time.monotonic() < until:
            time.sleep(0.1)  # they end by themselves; nobody tells us when
        if left:
            raise Fault(f"processes left: {left}")


def names(work: Path) -> set[str]:
    """Everything below the folder but logs and what Snakemake knows of finished jobs, and files in the temporary folder.

    There torch and a killed Snakemake leave empty folders of theirs, and Snakemake's scheduler two files if it was just solving.
    """
    tops = ["results", "resources", ".snakemake/locks", ".snakemake/scripts", ".snakemake/incomplete"]
    scratch = {path.name for path in (work / "../tmp").rglob("*") if path.is_file() and "-pulp." not in path.name}
    return scratch | {str(path.relative_to(work / top)) for top in tops for path in (work / top).rglob("*")}


def read_all(work: Path) -> int:
    """Read each file that has its final name, as its users would; how many that are.

    Raises:
        Fault: One is not whole.
    """
    count = 0
    for top in ("results", "resources"):
        for folder, below, files in os.walk(work / top):
            below[:] = [name for name in below if not name.endswith(".partial") and not name.startswith(".")]
            for path in (Path(folder, name) for name in files if not name.startswith(".") and not name.endswith(BEGUN)):
                try:
                    _read(path)
                    count += 1
                except FileNotFoundError:
                    pass  # Snakemake has just removed it, to have it made again
                except Exception as error:
                    raise Fault(f"{path} is not whole: {type(error).__name__}: {error}") from None
    return count


def _read(path: Path) -> None:
    if path.suffix == ".parquet":
        pq.read_table(path, page_checksum_verification=True)
    elif path.suffix == ".json":
        json.loads(path.read_text(encoding="utf-8"))
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
    elif path.suffix in (".png", ".jpg"):
        with Image.open(path) as image:
            image.load()
    elif path.suffix in (".csv", ".md", ".html", ".txt"):
        assert path.read_bytes().endswith(b"\n"), "its last line has no end"


def series(folder: Path, seed: int, kills: int, reference: Callable[[str], Workplace], names: Sequence[str] = ("demo",)) -> dict:
    """Builds in turns, each killed again and again, until ``kills`` processes were; what came of it.

    Args:
        reference: Gives the finished, undisturbed build of a name of ``BUILDS``.
        names: Whose turns they are.
    """
    chance = random.Random(seed)  # noqa: S311 - no secret
    told = {"builds": 0, "restarts": 0, "read": 0, "faults": [], "kills": Counter()}
    while told["kills"].total() < kills:
        name = names[told["builds"] % len(names)]
        kinds = {kind: told["kills"][kind] for kind in EVERY if kind not in ABSENT[name]}
        build = Build(BUILDS[name](Workplace(folder / f"{name}-{told['builds']}")), kinds, chance)
        print(f"{build.place.folder}", flush=True)
        try:
            build.run(min(KILLS_A_BUILD, kills - told["kills"].total()))
            build.compare(reference(name))
            shutil.rmtree(build.place.folder)
        except Fault as fault:
            print(f"FAULT {fault}", flush=True)
            told["faults"].append(str(fault))
        except KeyboardInterrupt:
            print("stopped; the build at hand is not counted", flush=True)
            break
        told["builds"] += 1
        told["restarts"] += build.restarts
        told["read"] += build.read
        told["kills"] += build.kills
    return told


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the record into benchmarks/RESULTS.md")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=104)
    parser.add_argument("--folder", type=Path, help="where the builds are made; those with a fault stay")
    parser.add_argument("--builds", nargs="+", choices=BUILDS, default=list(BUILDS))
    arguments = parser.parse_args()
    started = time.monotonic()
    folder = arguments.folder or Path(tempfile.mkdtemp())

    @cache
    def reference(name: str) -> Workplace:
        place = BUILDS[name](Workplace(folder / f"reference-{name}"))
        if not (place.work / "results/demo/summary.txt").exists():
            place.run()
        return place

    told = series(folder, arguments.seed, arguments.kills, reference, arguments.builds)
    about = ABOUT.format(
        seed=arguments.seed,
        asked=arguments.kills,
        date=date.today(),
        machine=measuring.machine(),
        minutes=(time.monotonic() - started) / 60,
        builds=told["builds"],
        restarts=told["restarts"],
        kills=told["kills"].total(),
        files=read_all(reference(arguments.builds[0]).work),
        read=told["read"],
        faults=len(told["faults"]) or "none",
    )
    rows = [f"| {kind} | {told['kills'][kind]} |" for kind in EVERY if told["kills"][kind]]
    table = "\n".join([about, "| killed | times |", "|---|--:|", *rows, *(f"\nFault: {fault}" for fault in told["faults"])])
    print(table)
    if arguments.write:
        measuring.write("faults", table)
    if not arguments.folder and not told["faults"]:
        shutil.rmtree(folder)
    sys.exit(bool(told["faults"]))


if __name__ == "__main__":
    main()
