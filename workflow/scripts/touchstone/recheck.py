"""What was fetched or placed, read again and compared with what its receipt says."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from touchstone.download import Meter
from touchstone.errors import TouchstoneError
from touchstone.fetch import files_below
from touchstone.files import digests_of, read_json
from touchstone.progress import Progress
from touchstone.transfer import together


def recheck(*, receipts: list[str], progress: Progress) -> None:
    """Read every file that the receipts name and compare checksums, sizes and counts.

    Checksums that an earlier run remembered are not believed here. Of a folder without checksums, which
    a person placed, number and size of its files are compared.

    Raises:
        TouchstoneError: Something differs; all of it is named.
    """
    meter = Meter(progress)
    tasks = [task for receipt in map(read_json, receipts) for task in _tasks(receipt, meter)]
    faults = [fault for fault in together(tasks, meter) if fault]
    if faults:
        raise TouchstoneError(
            f"{len(faults)} of {len(tasks)} are not what they were\n" + "\n".join(faults),
            mend="get these again; where the change is meant: snakemake --forcerun fetch_origin",
        )
    progress.finish(f"{len(tasks)} files and folders are what they were")


def _tasks(receipt: dict, meter: Meter) -> list[partial]:
    if "model" in receipt:
        files = receipt["files"].items()
        return [partial(_file, Path(receipt["path"], name), f"sha256:{value}", meter) for name, value in files]
    tasks = []
    for entry in receipt["files"]:
        path = Path(entry["path"])
        if "sha256" in entry:
            tasks.append(partial(_file, path, f"sha256:{entry['sha256']}", meter))
        elif "contents" in entry:
            tasks += [partial(_file, path / name, value, meter) for name, value in entry["contents"].items()]
        else:
            tasks.append(partial(_folder, path, entry))
    return tasks


def _file(path: Path, wanted: str, meter: Meter) -> str:
    kind, _, value = wanted.partition(":")
    if not path.is_file():
        return f"  {path} is gone"
    found = digests_of(path, [kind], meter.reading(path))[kind]
    return "" if found == value else f"  {path}: its {kind} is {found}, it was {value}"


def _folder(path: Path, entry: dict) -> str:
    sizes = [below.stat().st_size for below in files_below(path)]
    if (len(sizes), sum(sizes)) == (entry["items"], entry["size"]):
        return ""
    return f"  {path} holds {len(sizes):,} files of {sum(sizes):,} bytes, it held {entry['items']:,} of {entry['size']:,}"
