"""Where the files of origins and models lie, at a glance: names, sizes and counts, nothing is read.

Planning asks this for whole catalogues, so it takes seconds whatever lies there, and imports nothing heavy.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from touchstone.credentials import named
from touchstone.errors import TouchstoneError

COUNTED = 20_000  # files of a folder until a glance has seen enough
CHECKSUMS = ("sha256", "sha1", "md5")
# What a source of this scheme needs in the environment or at home, and where one gets it.
CREDENTIALS = {
    "hub": ("HF_TOKEN", "", "https://huggingface.co/settings/tokens"),
    "kaggle": ("KAGGLE_KEY", "~/.kaggle/kaggle.json", "https://www.kaggle.com/settings"),
}
REMOTE = ("http", "https", "hub", "zenodo", "kaggle", "modelscope")


@dataclass(frozen=True)
class Found:
    """One file of a card, and what a glance tells of it.

    ``state`` is ``there``, ``remote`` (the build fetches it), ``made`` (the build makes it), ``locked`` (it
    could be fetched with a token that is not there), ``missing`` or ``wrong``; ``why`` explains the last three.
    """

    name: str
    state: str
    path: Path | None = None
    why: str = ""
    n_bytes: int | None = None
    optional: bool = False
    choice: bool = False


def scheme_of(source: str) -> str:
    """``https`` of ``https://example.org/a.zip``; empty without a source."""
    return source.partition(":")[0]


def sources_of(file: dict) -> list[str]:
    """Where a file of a card can be had, in the order to try; lists beside the card are no such place."""
    sources = [file.get("source", ""), *file.get("mirrors", [])]
    return [source for source in sources if source and scheme_of(source) != "card"]


def look(file: dict, *, card: str, access: str, placed: str | None, folder: str | Path, incomplete: bool = False) -> Found:
    """What is known of one file without reading it.

    Args:
        file: An entry of the card's ``files``.
        card: Path of the card; ``card:`` sources are relative to it.
        access: The card's ``access``; for all but ``open``, the hub asks for a token.
        placed: Folder in which the user has the files.
        folder: Where the build keeps the origin's files.
        incomplete: Folders may hold fewer files than the card says.
    """
    known = partial(Found, file["path"], optional=file.get("optional", False), choice=file.get("choice", False))
    size = file.get("size")
    candidates = [Path(placed, file["path"])] if placed else []
    if file.get("source", "").startswith("card:"):
        candidates.append(Path(card).parent / file["source"].removeprefix("card:"))
    candidates.append(Path(folder, file["path"]))
    for path in candidates:
        if path.exists():
            fault = _fault(file, path, incomplete)
            return known("wrong" if fault else "there", path, fault, size if path.is_dir() else path.stat().st_size)
        if path.is_symlink():
            return known("wrong", path, f"is a link to {path.readlink()}, which is not there")
    if not (sources := sources_of(file)):
        return known("missing", n_bytes=size)
    locks = [lacking(source, access) for source in sources]
    if all(locks):
        return known("locked", why=locks[0], n_bytes=size)
    return known("remote" if scheme_of(sources[0]) in REMOTE else "made", n_bytes=size)


def in_the_way(found: Iterable[Found]) -> list[Found]:
    """The files without which a build cannot begin: what is wrong, and what is neither there nor to be had."""
    found = list(found)
    absent = [each for each in found if each.state in ("missing", "locked")]
    needed = [each for each in absent if not (each.optional or each.choice)]
    choice = [each for each in found if each.choice]
    if all(each in absent for each in choice):
        needed += choice
    if absent and len(absent) == len(found):  # each can be done without, but not all
        needed = needed or absent
    return [each for each in found if each.state == "wrong" or each in needed]


def unneeded(found: Iterable[Found]) -> list[Found]:
    """What a build does without: what is not there, and of a choice what need not be fetched as another is."""
    found = list(found)
    chosen = any(each.choice and each.state == "there" for each in found)
    return [
        each
        for each in found
        if each.state in ("missing", "locked") or (chosen and each.choice and each.state in ("remote", "made"))
    ]


def lacking(source: str, access: str) -> str:
    """What is needed to fetch ``source`` and not there, if anything; tokens are looked for, never read."""
    if absent := [name for name in named(source) if not os.environ.get(name)]:
        return f"needs {absent[0]} in the environment"
    scheme = scheme_of(source)
    if scheme not in CREDENTIALS or (scheme == "hub" and access == "open"):
        return ""
    variable, file, address = CREDENTIALS[scheme]
    if os.environ.get(variable) or (file and Path(file).expanduser().exists()):
        return ""
    return f"needs {variable} in the environment ({address})"


def _fault(file: dict, path: Path, incomplete: bool) -> str:
    """What a glance tells is wrong with a file that is there; empty if nothing."""
    if file["path"].endswith("/") != path.is_dir():
        return "is a folder, and should be a file" if path.is_dir() else "is a file, and should be a folder"
    if not os.access(path, os.R_OK | (os.X_OK if path.is_dir() else 0)):
        return "may not be read"
    if not path.is_dir():
        n_bytes = path.stat().st_size
        wanted = file.get("size", n_bytes)
        return f"has {n_bytes:,} bytes, its card says {wanted:,}" if n_bytes != wanted else "" if n_bytes else "is empty"
    return too_few(count(path, COUNTED), file, incomplete)


def too_few(n_files: int, file: dict, incomplete: bool) -> str:
    """What is wrong with a folder of so many files; of more than ``COUNTED`` a glance knows no number."""
    if not n_files:
        return "is empty"
    if n_files < min(file.get("items", 1), COUNTED) and not incomplete:
        return f"holds {n_files:,} files, its card says {file['items']:,}"
    return ""


def count(folder: Path, limit: int) -> int:
    """Files in a folder and those below it, at most ``limit``; links to folders are followed."""
    found, looked, folders = 0, 0, [os.fspath(folder)]
    while folders and found < limit and looked < limit:
        looked += 1
        with suppress(OSError), os.scandir(folders.pop()) as entries:  # a link that goes round, or a folder of others
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.path)
                elif (found := found + 1) >= limit:
                    break
    return found


def complaint(
    origin: str, found: Iterable[Found], *, card: str, access: str, instructions: str, lies: str | Path
) -> TouchstoneError | None:
    """The error that names all that is in the way of using an origin, if anything is."""
    blocking = in_the_way(found)
    if not blocking:
        return None
    absent = [each.name for each in blocking if each.state != "wrong" and not each.choice]
    if choice := [each.name for each in blocking if each.state != "wrong" and each.choice]:
        absent.append(f"any of {', '.join(choice)}")
    wrong = [f"{each.name} {each.why}" for each in blocking if each.state == "wrong"]
    locks = sorted({each.why for each in blocking if each.state == "locked"})
    what = f"{len(absent)} file(s) of origin {origin!r} are not there: {', '.join(absent)}" if absent else ""
    if wrong:
        what += f"{'; ' if absent else f'origin {origin!r}: '}{'; '.join(wrong)}"
    mend = "; or ".join(filter(None, [instructions or "put them there", *locks]))
    mend = f"{mend}; or name another folder under `paths` in config/config.yaml"
    return TouchstoneError(what, where=f"{lies} (card {card}, access: {access})", mend=mend)


def staged(folder: str | Path, source: str) -> Path:
    """Where a model from ``source`` is kept: one folder for each source and commit, so never a stale one."""
    if scheme_of(source) == "path":  # a link, which moves with what it leads to and changes no receipt
        return Path(folder, "placed")
    return Path(folder, source.replace(":", "_").replace("/", "_").replace("@", "_"))


def look_at_model(sources: list[str], *, placed: str | None, folder: str | Path) -> Found:
    """What is known of a model without reading it; arguments are those of ``staging.fetch_model``."""
    places = [Path(placed)] if placed else [Path(source[5:]) for source in sources if scheme_of(source) == "path"]
    if not placed:
        places += [staged(folder, source) for source in sources if scheme_of(source) != "path"]
    for path in places:
        if (path / "model_index.json").exists():
            return Found("model_index.json", "there", path)
        if path.exists():
            return Found("model_index.json", "wrong", path, f"{path} has no model_index.json")
    if placed:
        return Found("model_index.json", "missing", None, f"there is no folder {placed}")
    schemes = [scheme_of(source) for source in sources]
    for scheme in schemes:
        if scheme != "path":
            return Found("model_index.json", "remote" if scheme in REMOTE else "made")
    return Found("model_index.json", "missing", None, f"there is no folder {' or '.join(map(str, places))}")
