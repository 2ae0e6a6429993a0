"""ImageFolder: ``<split>/<real|fake>/<thousand>/<name>`` with ``<split>/metadata.csv``.

Opened by ``datasets`` as "imagefolder" and by torchvision's ImageFolder, for which the folders are the classes.
"""

from __future__ import annotations

import csv
import json

from touchstone.exports.packed import file_name, new_folder, put, rows
from touchstone.progress import Progress
from touchstone.record import FACTS, ITEM

COLUMNS = [name for name in [*ITEM.names, *FACTS.names] if name not in ("source_file", "source_member")]


def write_folder(*, manifest: str, split: str, images_per_folder: int, folder: str, progress: Progress) -> None:
    """Write the images of a split as files, with a table of what is known of each."""
    progress.start(0, "images")
    with new_folder(folder) as temporary, open(temporary / "metadata.csv", "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["file_name", *COLUMNS])
        for number, row in enumerate(rows(manifest=manifest, split=split, columns=["image", *COLUMNS])):
            name = f"{('real', 'fake')[row['label']]}/{number // images_per_folder:05d}/{file_name(row)}"
            put(temporary, name, row["image"]["bytes"])
            values = (row[column] for column in COLUMNS)
            table.writerow([name, *(json.dumps(value) if isinstance(value, list) else value for value in values)])
            progress.advance()
    progress.finish()
