"""The fetch step: files of origins from where they are published into resources/, checked.

What is there is described by a *receipt*, a small JSON file that later rules depend on instead of
the files themselves: touching an archive reruns nothing, a changed one changes its receipt.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path

from touchstone.download import Meter
from touchstone.errors import TouchstoneError
from touchstone.files import digests_of, in_turn, read_json, write_json
from touchstone.placing import CHECKSUMS, Found, complaint, look, sources_of, unneeded
from touchstone.progress import Progress
from touchstone.transfer import bring, together


def fetch_origin(
    *,
    origin: str,
    card: str,
    files: list[dict],
    access: str,
    instructions: str,
    placed: str | None,
    folder: str,
    receipt: str,
    progress: Progress,
    incomplete: bool = False,
) -> None:
    """Bring every file of an origin into ``folder``: fetched, built, or linked to where it lies.

    Args:
        card: Path of the card; ``card:`` sources are relative to it.
        files: The card's ``files``.
        placed: Folder in which the user has the files; it is only ever read.
        folder: Where later steps find the files, wherever they really lie, so that moving them
            changes no receipt and reruns nothing.
        receipt: JSON to write: ``{"files": [{name, path, size, sha256}, ...]}``; a folder has ``items``
            instead of a checksum, and ``contents`` with the checksum of each file where the hub gave them.
        incomplete: Folders may hold fewer files than the card says.

    Raises:
        TouchstoneError: Files are missing that a person must get (all of them are named), a
            download failed, or a file is not the one the card describes.
    """
    see = partial(look, card=card, access=access, placed=placed, folder=folder, incomplete=incomplete)
    error = complaint(origin, list(map(see, files)), card=card, access=access, instructions=instructions, lies=placed or folder)
    if error:
        raise error
    with in_turn(folder, progress.say):
        entries = _bring_and_check(files, list(map(see, files)), card, folder, incomplete, progress)
    write_json(receipt, {"origin": origin, "files": entries})
    progress.finish(f"{len(entries)} file(s) in {folder}")


def _bring_and_check(
    files: list[dict], found: list[Found], card: str, folder: str, incomplete: bool, progress: Progress
) -> list[dict]:
    """The receipt's entries of the files, which are fetched, built or linked if need be."""
    if absent := unneeded(found):
        progress.say(f"goes on without {', '.join(each.name for each in absent)}")
    wanted = [(file, each) for file, each in zip(files, found, strict=True) if each not in absent]
    remembered = Remembered(Path(folder, ".checksums.json"))
    meter = Meter(progress)
    brought = bring([file for file, each in wanted if each.state != "there"], Path(folder), card, meter)
    for file, _ in wanted:
        if (name := file["path"]) in brought:
            remembered.put(name, Path(folder, name), brought[name], sources_of(file))
        _refuse_another_source(file, Path(folder, name), remembered)
    if brought:
        progress.finish(f"fetched {len(brought)} file(s)")
    for file, each in wanted:
        path = Path(folder, file["path"])
        if each.path and each.path != path:
            link(path, each.path)
    meter = Meter(progress)
    checks = [partial(_entry, file, Path(folder, file["path"]), card, remembered, meter, incomplete) for file, _ in wanted]
    return together(checks, meter)


class Remembered:
    """Checksums that were computed before, of files that look the same since: size, time and inode."""

    def __init__(self, path: Path):
        self.path, self._lock = path, threading.Lock()
        self._known = read_json(path) if path.exists() else {}

    def get(self, name: str, path: Path) -> dict[str, str]:
        known = self._known.get(name, {})
        return known["checksums"] if known.get("seen") == _seen(path) else {}

    def put(self, name: str, path: Path, checksums: dict[str, str], sources: list[str] | None = None) -> None:
        with self._lock:
            sources = self.sources(name) if sources is None else sources
            self._known[name] = {"seen": _seen(path), "checksums": checksums, "sources": sources}
            write_json(self.path, self._known)

    def sources(self, name: str) -> list[str]:
        """Where a file was fetched from, one of these; empty if it was placed."""
        return self._known.get(name, {}).get("sources", [])


def _seen(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_size, state.st_mtime_ns, state.st_ino]


def link(path: Path, target: Path) -> None:
    """Make ``path`` a link to ``target``, in place of a link that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.link")
    new.unlink(missing_ok=True)
    new.symlink_to(target.resolve())
    os.replace(new, path)


def _refuse_another_source(file: dict, path: Path, remembered: Remembered) -> None:
    """A file that was fetched from elsewhere than the card says now is another, unless its checksum says it is the same."""
    known, wanted = remembered.sources(file["path"]), sources_of(file)
    if path.is_symlink() or not known or {*known} & {*wanted} or any(kind in file for kind in CHECKSUMS):
        return
    raise TouchstoneError(
        f"the files were fetched from {known[0]}, their card now says {wanted[0] if wanted else 'nothing'}",
        where=path,
        mend=f"delete {path} to have it fetched again",
    )


def _entry(file: dict, path: Path, card: str, remembered: Remembered, meter: Meter, incomplete: bool) -> dict:
    """The receipt's entry of one file, which must be what the card says."""
    where, mend = f"{card}: {path}", f"delete {path} to have it fetched again" if "source" in file else "get the file again"
    known = remembered.get(file["path"], path)
    if path.is_dir():
        sizes = [below.stat().st_size for below in files_below(path)]
        if len(sizes) < file.get("items", 1) and not incomplete:
            raise TouchstoneError(
                f"the folder holds {len(sizes):,} files, its card says {file.get('items', 1):,}",
                where=where,
                mend="unpack it again; or, if that is all you want, list the origin under `incomplete` in config/config.yaml",
            )
        entry = {"name": file["path"], "path": str(path), "size": sum(sizes), "items": len(sizes)}
        return entry | ({"contents": known} if known else {})
    size = path.stat().st_size
    if "size" in file and size != file["size"]:
        raise TouchstoneError(f"the file has {size:,} bytes, its card says {file['size']:,}", where=where, mend=mend)
    kinds = {"sha256", *(kind for kind in CHECKSUMS if kind in file)}
    if not kinds <= known.keys():
        known = digests_of(path, kinds, meter.reading(path))
        remembered.put(file["path"], path, known)
    for kind in kinds & file.keys():
        if known[kind] != file[kind]:
            raise TouchstoneError(
                f"wrong checksum: the file's {kind} is {known[kind]}, its card says {file[kind]}", where=where, mend=mend
            )
    return {"name": file["path"], "path": str(path), "size": size, "sha256": known["sha256"]}


def files_below(path: Path) -> list[Path]:
    """Files in a folder and in folders it links to, sorted; ``rglob`` would pass over the latter."""
    found = (Path(folder, name) for folder, _, names in os.walk(path, followlinks=True) for name in names)
    return sorted(file for file in found if file.is_file())
