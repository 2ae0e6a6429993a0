"""The fetch step: files and models from where they are published into resources/, checked.

What is there is described by a *receipt*, a small JSON file that later rules depend on instead of
the files themselves: touching an archive reruns nothing, a changed one changes its receipt.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from touchstone.errors import TouchstoneError
from touchstone.files import CHUNK, replacing, sha256_of, write_json
from touchstone.progress import Progress

TIMEOUT = 60  # seconds without a byte until a download is given up

# Of a model's repository: what diffusers reads lies in folders, beside them only texts. Single-file
# checkpoints, other precisions and pickles are not fetched.
WANTED = ["*/*", "*.json", "*.txt", "*.md"]
UNWANTED = ["*.bin", "*.ckpt", "*.pt", "*.pth", "*.msgpack", "*.onnx*", "*.fp16.*", "*.non_ema.*"]


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
) -> None:
    """Bring every file of an origin into ``folder``: fetched, built, or linked to where it lies.

    Args:
        card: Path of the card; ``card:`` sources are relative to it.
        files: The card's ``files``.
        placed: Folder in which the user has the files; it is only ever read.
        folder: Where later steps find the files, wherever they really lie, so that moving them
            changes no receipt and reruns nothing.
        receipt: JSON to write: ``{"files": [{name, path, size, sha256}, ...]}``.

    Raises:
        TouchstoneError: Files are missing that a person must get (all of them are named), a
            download failed, or a file is not the one the card describes.
    """
    sources = {file["path"]: _lies_at(file, card, placed, folder) for file in files}
    absent = [name for name, source in sources.items() if source is None]
    choice = [file["path"] for file in files if file.get("choice")]
    missing = [file["path"] for file in files if file["path"] in absent and not (file.get("optional") or file.get("choice"))]
    if choice and {*choice} <= {*absent}:
        missing.append(f"any of {', '.join(choice)}")
    if missing:
        raise TouchstoneError(
            f"{len(missing)} file(s) of origin {origin!r} are not there: {', '.join(missing)}",
            where=f"{placed or folder} (card {card}, access: {access})",
            mend=f"{instructions or 'put them there'}; or name another folder under `paths` in config/config.yaml",
        )
    if absent:
        progress.say(f"goes on without {', '.join(absent)}")
    entries = []
    for file in files:
        if file["path"] in absent:
            continue
        path, source = Path(folder, file["path"]), sources[file["path"]]
        if isinstance(source, Path) and source != path:
            _link(path, source)
        elif isinstance(source, str) and not path.exists():
            _fetch(source, path, progress)
        entries.append(_check(file, path, card, progress))
    write_json(receipt, {"origin": origin, "files": entries})
    progress.finish(f"{len(entries)} file(s) in {folder}")


def _lies_at(file: dict, card: str, placed: str | None, folder: str) -> Path | str | None:
    """Path of a file that is there, address of one that can be fetched, or None."""
    source = file.get("source")
    candidates = [Path(placed, file["path"])] if placed else []
    if source and source.startswith("card:"):
        candidates.append(Path(card).parent / source.removeprefix("card:"))
        source = None
    candidates.append(Path(folder, file["path"]))
    return next((path for path in candidates if path.exists()), source)


def _link(path: Path, target: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    link = path.with_name(f".{path.name}.link")
    link.unlink(missing_ok=True)
    link.symlink_to(target.resolve())
    os.replace(link, path)


def fetch_model(*, name: str, source: str, revision: str | None, folder: str, receipt: str, progress: Progress) -> None:
    """Stage a diffusers model below ``folder`` and describe its files.

    Args:
        source: ``hub:owner/name``, ``demo:name`` or ``path:folder``.
        revision: Commit of the hub repository.
        receipt: JSON to write: ``{"model", "path", "revision", "sha256", "files"}``; ``sha256`` is
            over the sorted lines ``<sha256>  <path>`` of all files.

    Raises:
        TouchstoneError: The model cannot be had.
    """
    scheme, _, rest = source.partition(":")
    path = Path(folder, revision or source.replace(":", "_").replace("/", "_"))  # one per source: never a stale one
    if scheme == "path":
        _link(path, Path(rest))
    elif not path.exists():
        progress.say(f"building {rest} with random weights" if scheme == "demo" else f"fetching {rest} at {revision}")
        partial = path.with_name(f"{path.name}.partial")
        if scheme == "demo":
            from touchstone.demo.models import build

            build(rest, partial)
        else:
            _snapshot(rest, revision, partial)
        os.replace(partial, path)
    if not (path / "model_index.json").exists():
        raise TouchstoneError(
            f"model {name!r} is not a diffusers model folder: it has no model_index.json",
            where=path,
            mend="correct `source` in models.yaml, or delete the folder to fetch it again",
        )
    _refuse_pickles(name, path)
    files = {file.relative_to(path).as_posix(): file for file in _files_below(path)}
    progress.start(sum(file.stat().st_size for file in files.values()), "bytes")
    hashes = {relative: sha256_of(file, progress.advance) for relative, file in files.items()}
    digest = hashlib.sha256("".join(f"{value}  {key}\n" for key, value in hashes.items()).encode()).hexdigest()
    write_json(
        receipt,
        {"model": name, "path": str(path), "revision": revision or "", "sha256": digest, "files": hashes},
    )
    progress.finish(str(path))


def download(url: str, path: Path, progress: Progress) -> None:
    """Fetch one file over http or https, going on where an earlier try stopped.

    Bytes go to ``<path>.part``, which survives a kill; it is renamed when complete.

    Raises:
        TouchstoneError: The server refused, or the connection broke; what came so far is kept.
    """
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "touchstone/0.1"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            have = have if answer.status == 206 else 0
            total = have + int(answer.headers.get("Content-Length") or 0)
            progress.start(total, "bytes", done=have)
            with open(part, "ab" if have else "wb") as file:
                while chunk := answer.read(CHUNK):
                    file.write(chunk)
                    progress.advance(len(chunk))
                os.fsync(file.fileno())
        if total > have and part.stat().st_size != total:
            raise TouchstoneError(
                f"the download ended after {part.stat().st_size:,} of {total:,} bytes",
                where=url,
                mend="run again; it goes on from there",
            )
    except urllib.error.HTTPError as error:
        complete = error.code == 416 and error.headers.get("Content-Range") == f"bytes */{have}"
        if not complete:  # else an earlier run was killed between the last byte and the renaming
            mend = "check `source` in the card"
            if error.code == 416:
                part.unlink(missing_ok=True)
                mend = "run again; what an earlier run had fetched was not a beginning of this file and is gone"
            raise TouchstoneError(f"the server answered {error.code} {error.reason}", where=url, mend=mend) from None
    except (urllib.error.URLError, TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise TouchstoneError(
            f"the download broke off: {error}",
            where=url,
            mend="run again where the internet can be reached; it goes on from there",
        ) from None
    os.replace(part, path)


def _fetch(source: str, path: Path, progress: Progress) -> None:
    if source.startswith("demo:"):
        from touchstone.demo.photos import build

        progress.say(f"building {path.name}")
        with replacing(path) as temporary:
            build(source.removeprefix("demo:"), temporary)
    else:
        download(source, path, progress)


def _check(file: dict, path: Path, card: str, progress: Progress) -> dict:
    """The receipt's entry of one file, which must be what the card says."""
    if path.is_dir():
        sizes = [below.stat().st_size for below in _files_below(path)]
        return {"name": file["path"], "path": str(path), "size": sum(sizes), "items": len(sizes)}
    size = path.stat().st_size
    progress.start(size, "bytes")
    mend = f"delete {path} to have it fetched again" if "source" in file else "get the file again"
    if "size" in file and size != file["size"]:
        raise TouchstoneError(f"the file has {size:,} bytes, its card says {file['size']:,}", where=f"{card}: {path}", mend=mend)
    digest = sha256_of(path, progress.advance)
    if "sha256" in file and digest != file["sha256"]:
        raise TouchstoneError(
            f"wrong checksum: the file's sha256 is {digest}, its card says {file['sha256']}", where=f"{card}: {path}", mend=mend
        )
    return {"name": file["path"], "path": str(path), "size": size, "sha256": digest}


def _files_below(path: Path) -> list[Path]:
    """Files in a folder and in folders it links to, sorted; ``rglob`` would pass over the latter."""
    found = (Path(folder, name) for folder, _, names in os.walk(path, followlinks=True) for name in names)
    return sorted(file for file in found if file.is_file())


def _snapshot(repository: str, revision: str, folder: Path) -> None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    try:  # resumes by itself
        snapshot_download(repository, revision=revision, local_dir=folder, allow_patterns=WANTED, ignore_patterns=UNWANTED)
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError) as error:
        raise TouchstoneError(
            f"the hub did not give the model: {str(error).splitlines()[0]}",
            where=f"hub:{repository} at {revision}",
            mend="run this rule where the internet can be reached; gated models need HF_TOKEN in the environment",
        ) from None
    shutil.rmtree(folder / ".cache", ignore_errors=True)


def _refuse_pickles(name: str, path: Path) -> None:
    for file in _files_below(path):
        if file.suffix.lower() in (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle"):
            raise TouchstoneError(
                f"model {name!r} holds pickled weights, which can run code when loaded",
                where=file,
                mend="use a revision with safetensors files only, or remove the file",
            )
