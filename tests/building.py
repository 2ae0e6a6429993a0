"""A folder to build in: its own copy of config/ to change, and the real Snakemake."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

HOME = Path(__file__).resolve().parents[1]


class Workplace:
    """``folder/config`` is a copy of the repository's, ``folder/work`` is where Snakemake runs."""

    def __init__(self, folder: Path, home: Path = HOME):
        self.folder, self.home, self.work = folder, home, folder / "work"
        self.work.mkdir(parents=True, exist_ok=True)
        if not (folder / "config").exists():
            shutil.copytree(HOME / "config", folder / "config")
        self.edit("config.yaml", cards=[str(folder / "config/origins")], datasets=[str(folder / "config/datasets")])

    def copy(self, folder: Path, home: Path = HOME) -> Workplace:
        """The same state elsewhere: a build that is continued there sees every file as it was."""
        shutil.copytree(self.folder, folder, symlinks=True)
        return Workplace(folder, home)

    def edit(self, name: str, **changes: object) -> None:
        """Set keys of a YAML file below config/; ``a__b=1`` sets ``b`` inside ``a``."""
        path = self.folder / "config" / name
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        for key, value in changes.items():
            *parents, last = key.split("__")
            inner = content
            for parent in parents:
                inner = inner[parent]
            inner[last] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")

    def command(self, *arguments: str) -> list[str]:
        return [
            *(sys.executable, "-m", "snakemake", *arguments),  # targets first: some options swallow words
            *("--snakefile", str(self.home / "Snakefile"), "--directory", str(self.work)),
            *("--workflow-profile", str(self.home / "profiles/default")),
            *("--configfile", str(self.folder / "config/config.yaml")),
        ]

    def run(self, *arguments: str, cores: int = 2, fails: bool = False) -> str:
        """Run Snakemake to its end; what it printed. It must succeed, or fail if ``fails``."""
        done = subprocess.run(
            self.command(*arguments, "--cores", str(cores)),
            env=os.environ | {"NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )
        assert (done.returncode != 0) == fails, done.stdout[-6000:]
        return done.stdout

    def dry_run(self, *arguments: str) -> Counter[str]:
        """Jobs that ``snakemake -n`` lists, by rule."""
        text = self.run("-n", *arguments)
        if "Nothing to be done" in text:
            return Counter()
        stats = text[text.index("Job stats:") :]
        counts = dict(re.findall(r"^(\w+) +(\d+)$", stats, re.MULTILINE))
        return Counter({rule: int(count) for rule, count in counts.items() if rule != "total"})

    def table(self, name: str) -> pa.Table:
        """A table below work/results/demo."""
        return pq.read_table(self.work / "results/demo" / name)

    def root_hash(self) -> str:
        return pq.read_schema(self.work / "results/demo/manifest.parquet").metadata[b"root_hash"].decode()

    def made(self) -> dict[str, int]:
        """Result files and when each was last made (inode changes too: all are renamed into place)."""
        files = (path for path in (self.work / "results").rglob("*") if path.is_file() and not path.name.startswith("."))
        return {path.relative_to(self.work / "results").as_posix(): path.stat().st_mtime_ns for path in files}


def remade(before: dict[str, int], after: dict[str, int]) -> set[str]:
    """Result files that are new or were made again."""
    return {name for name, when in after.items() if before.get(name) != when}
