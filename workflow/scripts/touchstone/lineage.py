"""Where an image comes from: ``python -m touchstone.lineage DATASET ID``, a dataset's folder or manifest and an image's id.

Fake, prompt, real image, address, model and code version, as far as the manifest of a built or downloaded dataset knows.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from touchstone.errors import TouchstoneError

PLACE = ("split", "file", "row", "group", "licence", "sha256", "origin_sha256", "processing")
TEXTS = ("class_label", "description", "original_prompt", "positive_prompt", "negative_prompt", "source_url")
DEEPEST = 5  # an image made from an image made from an image ...


def lineage(*, dataset: str, name: str) -> list[str]:
    """Lines that tell of the image ``name`` and, below it, of those it was made from.

    Raises:
        TouchstoneError: There is no such image, or no manifest.
    """
    path = Path(dataset)
    path = path / "manifest.parquet" if path.is_dir() else path
    try:
        file = pq.ParquetFile(path)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TouchstoneError(
            f"there is no manifest that can be read: {error}", where=path, mend="name the folder of a finished dataset"
        ) from None
    with file:
        metadata = file.schema_arrow.metadata or {}
    lines = _of_image(path, name, 0)
    if not lines:
        raise TouchstoneError(
            f"there is no image {name!r}", where=path, mend="ids are in the column `id`; selection.parquet has more"
        )
    built = {"dataset": metadata.get(b"root_hash", b"").decode(), "code": metadata.get(b"code", b"not recorded").decode()}
    return [*lines, *(f"{key:<22}{value}" for key, value in built.items())]


def _of_image(path: Path, name: str, depth: int) -> list[str]:
    found = pq.read_table(path, filters=[("id", "==", name)]).to_pylist()
    if not found:
        return []
    (row,) = found
    kind = f"fake, by {row['generator']}" if row["label"] else "real"
    lines = [f"{row['id']}  ({kind}; origin {row['origin']})"]
    lines += [f"  {key:<20}{row[key]}" for key in (*PLACE, *TEXTS) if row.get(key) not in (None, "")]
    for struct in ("generation", "scrape"):
        told = {key: value for key, value in (row.get(struct) or {}).items() if value not in (None, "")}
        lines += [f"  {struct + '.' + key:<29}{value}" for key, value in told.items()]
    for pair in row.get("paired_real_images") or []:
        below = _of_image(path, pair, depth + 1) if depth < DEEPEST else []
        lines += ["  made from, or belongs to"]
        lines += [f"    {line}" for line in below or [f"{pair}  (not in this dataset)"]]
    return lines


def main(arguments: list[str]) -> int:
    """Print where one image comes from; the exit status tells."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print("\n".join(lineage(dataset=arguments[0], name=arguments[1])))
    except TouchstoneError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
