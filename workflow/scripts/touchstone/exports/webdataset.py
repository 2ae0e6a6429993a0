"""WebDataset: tar files of samples ``<key>.<jpg|png|...>``, ``<key>.cls``, ``<key>.json``.

Source: https://github.com/webdataset/webdataset; a key ends at the first dot of a name.
"""

from __future__ import annotations

import io
import json
import tarfile

from touchstone.exports.packed import drop_remains, file_name, rows
from touchstone.files import replacing
from touchstone.progress import Progress


def write_tar(*, manifest: str, split: str, number: int, of: int, tar: str, progress: Progress) -> None:
    """Write tar ``number`` of ``of`` of a split: the images' own bytes, the label, and all that is known of each.

    The same dataset gives the same bytes of the tar. A sample's files stand together, images in mixed order.
    """
    progress.start(0, "images")
    drop_remains(tar, number, of)
    with replacing(tar) as temporary, tarfile.open(temporary, "w", format=tarfile.PAX_FORMAT) as archive:
        for row in rows(manifest=manifest, split=split, number=number, of=of):
            name = file_name(row)
            key = name.partition(".")[0]
            data = row.pop("image")["bytes"]
            about = json.dumps(row | {"split": split}, default=str, ensure_ascii=False, sort_keys=True)
            for member, content in ((name, data), (f"{key}.cls", b"%d" % row["label"]), (f"{key}.json", about.encode())):
                head = tarfile.TarInfo(member)
                head.size = len(content)
                archive.addfile(head, io.BytesIO(content))
            progress.advance()
    progress.finish()
