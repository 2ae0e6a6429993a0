"""Recheck a finished dataset, built here or downloaded: ``python -m touchstone.verify FOLDER``."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError
from touchstone.progress import Progress
from touchstone.publish import IN_ROOT_HASH, root_hash
from touchstone.shards import open_shard

SHOWN = 20  # faults named one by one


def verify(*, folder: str, progress: Progress) -> str:
    """Hash every image of the dataset in ``folder`` again, and compare all with its manifest; its cards must name the root hash.

    Returns:
        The root hash.

    Raises:
        TouchstoneError: The manifest is missing or not the one its root hash was made of, a file is missing,
            damaged or not of the dataset, or images are not those of the manifest. All that is
            wrong is named at once.
    """
    manifest = Path(folder, "manifest.parquet")
    try:
        columns = [*IN_ROOT_HASH, "file", "row"]
        table = pq.read_table(manifest, columns=columns, page_checksum_verification=True)
        table = table.sort_by([("file", "ascending"), ("row", "ascending")])
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise TouchstoneError(
            f"there is no manifest that can be read: {error}", where=manifest, mend="name the folder of a finished dataset"
        ) from None
    stated = (table.schema.metadata or {}).get(b"root_hash", b"").decode()
    found = root_hash(table)
    faults = [] if stated == found else [f"{manifest}: its rows have root hash {found}, it says {stated or 'none'}"]
    listed = {part["file"]: part["row_count"] for part in table.group_by("file").aggregate([("row", "count")]).to_pylist()}
    for card in (Path(folder, name) for name in ("README.md", "croissant.json")):
        if card.exists() and found not in card.read_text(encoding="utf-8"):
            faults.append(f"{card}: it does not name the root hash {found}")
    here = {path.relative_to(folder).as_posix() for path in Path(folder, "data").rglob("*.parquet")}
    faults += [f"{name}: a file that the manifest does not list" for name in sorted(here - set(listed))]
    progress.start(len(table), "images")
    start = 0
    for name, count in listed.items():
        faults += _faults(Path(folder, name), table.slice(start, count), progress)
        start += count
    if faults:
        more = f"\n  ... and {len(faults) - SHOWN:,} more" if len(faults) > SHOWN else ""
        raise TouchstoneError(
            "the dataset is not the one of its manifest\n" + "\n".join(f"  - {fault}" for fault in faults[:SHOWN]) + more,
            where=folder,
            mend="build or download the named files again",
        )
    progress.finish(f"all as the manifest says; root hash {found}")
    return found


def _faults(path: Path, rows: pa.Table, progress: Progress) -> list[str]:
    """What is wrong with one packed shard, whose rows of the manifest are in order."""
    try:
        with open_shard(path) as shard:
            if shard.metadata.num_rows != len(rows):
                return [f"{path}: {shard.metadata.num_rows:,} images, the manifest lists {len(rows):,}"]
            wrong, start = [], 0
            columns = ["id", "label", "generator", "image.bytes"]
            for number in range(shard.num_row_groups):
                group = shard.read_row_group(number, columns=columns)
                mine = rows.slice(start, len(group))
                same = pc.and_(pc.equal(group["id"], mine["id"]), pc.equal(group["label"], mine["label"]))
                same = pc.and_(same, pc.equal(group["generator"], mine["generator"])).to_pylist()
                images = group["image"].combine_chunks().field("bytes")
                for place, (alike, wanted) in enumerate(zip(same, mine["sha256"].to_pylist(), strict=True)):
                    digest = hashlib.sha256(images[place].as_buffer() or b"").hexdigest()
                    if not alike or digest != wanted:
                        wrong.append(f"{path}, row {start + place}: not {mine['id'][place]} as the manifest lists it")
                start += len(group)
                progress.advance(len(group))
            return wrong
    except TouchstoneError as error:
        return [f"{path}: {error.what}"]
    except (pa.ArrowException, OSError, ValueError) as error:
        return [f"{path}: damaged ({error})"]


def main(arguments: list[str]) -> int:
    """Verify the one folder that is named; the exit status tells."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        verify(folder=arguments[0], progress=Progress("verify", arguments[0]))
    except TouchstoneError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
