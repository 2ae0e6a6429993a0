"""What a job on a node without internet needs lies here already, or the build stops where it was started.

Imported when planning, so it needs the standard library only.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from touchstone.errors import TouchstoneError
from touchstone.files import read_json


@cache
def require_staged(receipt: str, placed: str | None = None) -> None:
    """Check that all files of a receipt are there, of the size they had; bytes were compared when it was written.

    A receipt that is not there yet is no fault: its step comes first.

    Args:
        receipt: Path of a receipt of an origin or a model.
        placed: Folder in which the configuration says that the files lie. What is there now is no fault: the receipt
            is written anew.

    Raises:
        TouchstoneError: A file is gone or of another size.
    """
    path = Path(receipt)
    if not path.exists():
        return
    for name, file, size in _files(read_json(path)):
        if placed and not file.exists() and Path(placed, name).exists():
            continue
        if not file.exists() or (size is not None and file.is_file() and file.stat().st_size != size):
            raise TouchstoneError(
                f"{'a file is gone' if not file.exists() else 'a file has another size'} that {path.stem} needs",
                where=file,
                mend=f"put it back; or delete {path} and start again, which stages it anew",
            )


def _files(receipt: dict) -> list[tuple[str, Path, int | None]]:
    """Name, path and bytes of each file of either sort of receipt; None where the size is not noted."""
    if "model" in receipt:
        return [(name, Path(receipt["path"], name), None) for name in receipt["files"]]
    return [(file["name"], Path(file["path"]), file.get("size")) for file in receipt["files"]]
