"""The fetch step for models: a diffusers folder with weights that cannot run code, wherever it comes from."""

from __future__ import annotations

import hashlib
import os
from fnmatch import fnmatch
from functools import partial
from pathlib import Path

from touchstone.download import Meter
from touchstone.errors import TouchstoneError
from touchstone.fetch import files_below, link
from touchstone.files import in_turn, sha256_of, write_json
from touchstone.hub import SOURCE, by_client, hub_files
from touchstone.model_safety import refuse_code
from touchstone.placing import scheme_of, staged
from touchstone.progress import Progress
from touchstone.transfer import fetch_remotes, first_that_works, together

# Of a model's repository: what diffusers reads lies in folders, beside them only texts. Single-file
# checkpoints, other precisions and pickles are not fetched.
WANTED = ["*/*", "*.json", "*.txt", "*.md"]
UNWANTED = ("*.bin", "*.ckpt", "*.pt", "*.pth", "*.msgpack", "*.onnx*", "*.fp16.*", "*.non_ema.*")


def fetch_model(
    *,
    name: str,
    sources: list[str],
    files: dict[str, str],
    placed: str | None,
    folder: str,
    receipt: str,
    progress: Progress,
) -> None:
    """Stage a diffusers model below ``folder`` and describe its files.

    Args:
        sources: ``hub:owner/name@commit``, ``modelscope:owner/name@revision``, ``demo:name`` or
            ``path:folder``: the first that works is taken, one that was staged before works.
        files: Paths and SHA-256 of files that the model must have, wherever it comes from.
        placed: Folder in which the user has the model; it is only ever read.
        receipt: JSON to write: ``{"model", "path", "source", "revision", "sha256", "files"}``; ``sha256``
            is over the sorted lines ``<sha256>  <path>`` of all files.

    Raises:
        TouchstoneError: The model cannot be had, or is not the one that ``files`` describe.
    """
    meter = Meter(progress)
    if placed:
        sources = [f"path:{placed}"]
    with in_turn(folder, meter.say):
        kept = [source for source in sources if scheme_of(source) != "path" and staged(folder, source).exists()]
        source, path = first_that_works(kept[:1] or sources, partial(_stage, Path(folder), [*files], meter), meter)
    if not (path / "model_index.json").exists():
        raise TouchstoneError(
            f"model {name!r} is not a diffusers model folder: it has no model_index.json",
            where=path,
            mend="correct `sources` in models.yaml, or delete the folder to fetch it again",
        )
    there = {file.relative_to(path).as_posix(): file for file in files_below(path)}
    refuse_code(name, path, there, files, placed=path.is_symlink())
    meter = Meter(progress)
    digests = together([partial(sha256_of, file, meter.reading(file)) for file in there.values()], meter)
    hashes = dict(zip(there, digests, strict=True))
    for relative, wanted in files.items():
        if hashes.get(relative) != wanted:
            raise TouchstoneError(
                f"model {name!r} is another one: the sha256 of {relative} is {hashes.get(relative, 'of no file')}, not {wanted}",
                where=f"{path} from {source}",
                mend="correct `files` in models.yaml; or delete the folder, to have it fetched from another of its `sources`",
            )
    digest = hashlib.sha256("".join(f"{value}  {key}\n" for key, value in hashes.items()).encode()).hexdigest()
    revision = parts["revision"] if (parts := SOURCE.fullmatch(source)) else ""
    said = {"model": name, "path": str(path), "source": "placed" if path.is_symlink() else source, "revision": revision or ""}
    write_json(receipt, said | {"sha256": digest, "files": hashes})
    progress.finish(str(path))


def _stage(folder: Path, named: list[str], meter: Meter, source: str) -> tuple[str, Path]:
    """Have the model of one source below ``folder``: the source, and where it lies. ``named`` files are fetched in any case."""
    scheme, _, rest = source.partition(":")
    path = staged(folder, source)
    if scheme == "path":
        if not Path(rest).exists():
            raise TouchstoneError("there is no such folder, and so no model_index.json", where=rest, mend="correct models.yaml")
        link(path, Path(rest))
    elif not path.exists():
        meter.say(f"building {rest} with random weights" if scheme == "demo" else f"fetching {rest}")
        unfinished = path.with_name(f"{path.name}.partial")
        if scheme == "demo":
            from touchstone.demo.models import build

            build(rest, unfinished)
        elif scheme == "hub":
            parts = SOURCE.fullmatch(source)
            found = hub_files("model", parts["name"], parts["revision"], include=[*WANTED, *named], exclude=UNWANTED)
            fetch_remotes(found, unfinished, meter)
        else:
            unwanted = [pattern for pattern in UNWANTED if not any(fnmatch(name, pattern) for name in named)]
            by_client(source, "/", unfinished, ([*WANTED, *named], unwanted))
        os.replace(unfinished, path)
    return source, path
