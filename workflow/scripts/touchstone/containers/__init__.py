"""Folders and archives that images are read out of, in place: nothing is unpacked to disk.

A container lists its members without reading them and hands out their bytes, unchanged::

    members()          names, in the order of the archive
    read(member)       bytes of one member; BadImage where they cannot be had
    read_many(wanted)  (member, bytes or BadImage) of each wanted one, in the order of the archive

Members are read by position where the format lets us (folders, zip, tar, Parquet, Arrow, a 7z that is
not solid); a compressed tar or a solid 7z is read as one stream up to the last wanted member, and
only what is wanted is kept. Member names are untrusted: readers skip those that are not safe, and
a folder does not open them. No member of more than ``images.MAX_BYTES`` is ever held in memory.
"""

from __future__ import annotations

from pathlib import Path

from touchstone.containers.base import Container, is_safe
from touchstone.containers.folder import Folder
from touchstone.containers.rows import ArrowRows, ParquetRows, is_saved_dataset
from touchstone.containers.sevenzip import SevenZip
from touchstone.containers.tar import CompressedTar, Tar
from touchstone.containers.zip import Zip
from touchstone.errors import TouchstoneError

__all__ = [
    "ArrowRows",
    "CompressedTar",
    "Container",
    "Folder",
    "ParquetRows",
    "SevenZip",
    "Tar",
    "Zip",
    "is_container",
    "is_safe",
    "open_container",
]

ARCHIVES = {
    ".zip": Zip,
    ".zip.001": Zip,
    ".tar": Tar,
    ".tar.001": Tar,
    ".7z": SevenZip,
    ".7z.001": SevenZip,
    ".tar.gz": CompressedTar,
    ".tgz": CompressedTar,
    ".tar.bz2": CompressedTar,
    ".tar.xz": CompressedTar,
    ".tar.zst": CompressedTar,
}
# In a card these are tables, which readers name rows of; they become containers when images are taken.
TABLES = {".parquet": ParquetRows, ".arrow": ArrowRows}


def open_container(path: str | Path) -> Container:
    """Open a folder, an archive or a table of images for reading.

    Raises:
        TouchstoneError: There is nothing at ``path``, it is no container we know, or it is not whole.
    """
    path = Path(path)
    if path.is_dir():
        return ArrowRows(path) if is_saved_dataset(path) else Folder(path)
    if not path.exists():
        raise TouchstoneError(
            "a file of this origin is gone", where=path, mend="put it back, or fetch it again with --forcerun fetch_origin"
        )
    for suffix, kind in (ARCHIVES | TABLES).items():
        if path.name.lower().endswith(suffix):
            return kind(path.resolve())  # the other volumes lie beside the file, not beside a link to it
    known = ", ".join(ARCHIVES | TABLES)
    raise TouchstoneError("no container of a kind we can read", where=path, mend=f"known: folders and {known}")


def is_container(path: str) -> bool:
    """Whether a card's ``files`` entry holds images: a folder, or an archive or the volume to open it by."""
    return path.endswith("/") or path.lower().endswith(tuple(ARCHIVES))
