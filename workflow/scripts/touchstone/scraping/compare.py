"""What has become of a list of addresses since an earlier build: same bytes, others, or gone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.record import TAKEN_OK
from touchstone.shards import read_shard


def compare_scrapes(*, shards: list[str], dataset: str, earlier: str | None, progress: Progress) -> dict[str, Counter]:
    """Print, and return, how the same addresses ended in two builds, by origin.

    Args:
        shards: Take shards of this build, below ``dataset``.
        dataset: Folder of this build.
        earlier: The same of the earlier build, ``.../results/<dataset>``.

    Raises:
        TouchstoneError: There is no earlier build, or it has no address in common with this one.
    """
    if not earlier or not Path(earlier, "origins").is_dir():
        raise TouchstoneError(
            f"there is no earlier build in {earlier!r}" if earlier else "nobody said which build to compare with",
            where="config: earlier",
            mend="snakemake compare_scrapes --config earlier=/where/it/lies/results/NAME",
        )
    counts: dict[str, Counter] = {}
    for origin in sorted({Path(shard).parent.name for shard in shards}):
        now = _answers(Path(dataset, "origins", origin))
        before = _answers(Path(earlier, "origins", origin))
        counts[origin] = Counter(_change(before[key], now[key]) for key in before.keys() & now.keys())
        progress.say(f"{origin}: " + (", ".join(f"{count:,} {word}" for word, count in sorted(counts[origin].items())) or "none"))
    if not any(counts.values()):
        raise TouchstoneError("the two builds have no address in common", where=earlier, mend="name another build")
    return counts


def _answers(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """``(state, sha256)`` by id and address of all rows that the web was asked for."""
    answers = {}
    for path in sorted(folder.glob("*.parquet")):
        if path.name == "draw.parquet":
            continue
        table = read_shard(path, ["id", "source_url", "state", "sha256", "scrape"])
        for row in table.to_pylist():
            if row["scrape"]["status"] != "not_asked":
                answers[row["id"], row["source_url"]] = (row["state"], row["sha256"] or "")
    return answers


def _change(before: tuple[str, str], now: tuple[str, str]) -> str:
    if before[0] != TAKEN_OK:
        return "new" if now[0] == TAKEN_OK else "still nothing"
    if now[0] != TAKEN_OK:
        return "gone"
    return "same" if before[1] == now[1] else "changed"
