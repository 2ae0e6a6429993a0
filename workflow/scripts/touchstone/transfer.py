"""Files brought from where cards say they are: several at a time, source after source, checked before they get their names."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import TypeVar

from touchstone.download import Meter, download, require_space
from touchstone.errors import TouchstoneError
from touchstone.files import CHUNK, digests_of, replacing
from touchstone.hub import Remote, by_client, mend_for, remotes
from touchstone.placing import CHECKSUMS, scheme_of, sources_of
from touchstone.web import Refused

AT_ONCE = 4  # downloads of an origin at the same time
CLIENTS = ("kaggle", "modelscope")

Result = TypeVar("Result")


def together(tasks: Iterable[Callable], meter: Meter) -> list:
    """Results of all tasks, some at a time; the first that fails stops the others, and its error is raised."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            done, rest = wait(futures, return_when=FIRST_EXCEPTION)
            failed = next((future for future in futures if future in done and future.exception()), None)
        except BaseException:
            meter.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if failed:
            meter.stop.set()
            for future in rest:
                future.cancel()
            wait(futures)
            meter.stop.clear()
    if failed:
        raise failed.exception()
    return [future.result() for future in futures]


def fetch_remotes(found: list[Remote], folder: Path, meter: Meter) -> None:
    """Fetch many files below ``folder``, which then holds these and no others.

    What is there with the right size was fetched and checked by an earlier run, and is not fetched again.
    """
    wanted = {folder / remote.path: remote for remote in found}
    todo = {path: remote for path, remote in wanted.items() if not (path.exists() and path.stat().st_size == remote.n_bytes)}
    require_space(folder, sum(remote.n_bytes or 0 for remote in todo.values()))
    for path, remote in wanted.items():
        meter.at(path, 0 if path in todo else remote.n_bytes, remote.n_bytes or 0, found=True)
    together([partial(_get, remote, path, meter) for path, remote in todo.items()], meter)
    for path in folder.rglob("*"):
        if path.is_file() and path not in wanted:
            path.unlink()


def bring(files: list[dict], folder: Path, card: str, meter: Meter) -> dict[str, dict]:
    """Fetch or build files of a card that are not there: folders and members one after the other, files several at a time.

    Returns:
        Checksums by the name of the file; of a folder, by the path of what it holds.

    Raises:
        TouchstoneError: A file can be had from none of its sources, or is not what the card says.
    """
    parts = [Path(folder, f"{file['path']}.part") for file in files]
    require_space(folder, sum(file.get("size", 0) for file in files) - sum(p.stat().st_size for p in parts if p.exists()))
    for file in files:
        meter.at(Path(folder, file["path"]), 0, file.get("size", 0))
    singles = [file for file in files if not (file["path"].endswith("/") or "out_of" in file)]
    brought = {}
    for file in files:
        if file not in singles:
            attempt = partial(_member if "out_of" in file else _folder, file, folder, card, meter)
            brought[file["path"]] = first_that_works(sources_of(file), attempt, meter)
    tasks = [partial(first_that_works, sources_of(file), partial(_single, file, folder, card, meter), meter) for file in singles]
    return brought | dict(zip([file["path"] for file in singles], together(tasks, meter), strict=True))


def first_that_works(sources: list[str], attempt: Callable[[str], Result], meter: Meter) -> Result:
    """The result of the first source that does not fail; all failures are told."""
    errors: list[TouchstoneError] = []
    for source in sources:
        try:
            return attempt(source)
        except TouchstoneError as error:
            errors.append(error)
            if meter.stop.is_set():
                break
            if source != sources[-1]:
                meter.say(f"{source}: {error.what}; trying the next source")
    if len(errors) == 1:
        raise errors[0]
    told = "; ".join(f"{source}: {error.what}" for source, error in zip(sources, errors, strict=False))
    raise TouchstoneError(f"none of {len(errors)} sources works: {told}", where=errors[0].where, mend=errors[0].mend)


def _folder(file: dict, folder: Path, card: str, meter: Meter, source: str) -> dict:
    path = Path(folder, file["path"])
    # What was gathered of one commit is of no use for another.
    unfinished = path.with_name(f"{path.name}.{hashlib.sha256(source.encode()).hexdigest()[:8]}.partial")
    if scheme_of(source) in CLIENTS:
        return _by_client(source, file, unfinished, path)
    if scheme_of(source) != "hub":
        raise TouchstoneError(
            f"{source} is one file, and cannot be the folder {path.name}/", where=card, mend="name a file in `path`"
        )
    found = remotes(source, file, meter)
    meter.at(path, 0, 0)
    fetch_remotes(found, unfinished, meter)
    os.replace(unfinished, path)
    for other in path.parent.glob(f"{path.name}.*.partial"):
        shutil.rmtree(other)
    return {remote.path: named(remote.checksums) for remote in found}


def _member(file: dict, folder: Path, card: str, meter: Meter, source: str) -> dict:
    """Fetch the zip that a file comes in, if no earlier file came in it, and copy the file out."""
    path, out_of = Path(folder, file["path"]), file["out_of"]
    archive = Path(folder, ".archives", source.rsplit("/", 1)[-1])
    if not archive.exists():
        (remote,) = remotes(source, {"path": archive.name}, meter)
        _get(remote, archive, meter, out_of, card)
    try:
        with zipfile.ZipFile(archive) as opened, replacing(path) as temporary:
            require_space(path.parent, opened.getinfo(out_of["member"]).file_size)
            with opened.open(out_of["member"]) as member, temporary.open("wb") as copy:
                shutil.copyfileobj(member, copy, CHUNK)
    except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as error:
        mend = "correct `out_of` in the card, or delete the archive"
        raise TouchstoneError(f"{out_of['member']} cannot be read: {error}", where=archive, mend=mend) from None
    return {}


def _single(file: dict, folder: Path, card: str, meter: Meter, source: str) -> dict:
    path = Path(folder, file["path"])
    if scheme_of(source) == "demo":
        from touchstone.demo.photos import build

        meter.say(f"building {path.name}")
        with replacing(path) as temporary:
            build(source.removeprefix("demo:"), temporary)
        return {}
    if scheme_of(source) in CLIENTS:
        return _by_client(source, file, path.with_name(f"{path.name}.partial"), path)
    (remote,) = remotes(source, file, meter)
    return _get(remote, path, meter, file, card)


def _by_client(source: str, file: dict, unfinished: Path, path: Path) -> dict:
    os.replace(by_client(source, file["path"], unfinished), path)
    shutil.rmtree(unfinished, ignore_errors=True)
    return {}


def _get(remote: Remote, path: Path, meter: Meter, file: dict | None = None, card: str = "") -> dict[str, str]:
    """Fetch one file and compare it with what its publisher and the card say; its checksums."""
    file = file or {}
    wanted = [(kind, value, "its publisher says") for kind, value in remote.checksums.items()]
    wanted += [(kind, file[kind], "its card says") for kind in CHECKSUMS if kind in file]
    found: dict[str, str] = {}

    def accept(part: Path) -> None:
        found.update(digests_of(part, {kind for kind, _, _ in wanted} | ({"sha256"} if file else set())))
        for kind, value, who in wanted:
            if found[kind] != value:
                refused = path.with_name(f"{path.name}.refused")
                os.replace(part, refused)
                raise TouchstoneError(
                    f"wrong checksum: the file's {kind} is {found[kind]}, {who} {value}",
                    where=f"{card}: {path}" if card else path,
                    mend=f"run again to have it fetched anew{', or correct the card' if card else ''}; what came is {refused}",
                )

    try:
        download(
            remote.url,
            path,
            meter,
            n_bytes=file.get("size", remote.n_bytes),
            checked=bool(wanted),
            token=os.environ.get("HF_TOKEN") if remote.from_hub else None,
            accept=accept,
        )
    except Refused as error:
        if remote.from_hub and error.status:
            raise TouchstoneError(error.what, error.where, mend_for(error.status, remote.from_hub)) from None
        raise
    return found


def named(checksums: dict[str, str]) -> str:
    """``{"sha256": "12ab"}`` → ``sha256:12ab``."""
    return ":".join(*checksums.items())
