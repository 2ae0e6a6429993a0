"""Repositories of models and datasets: what a pinned revision holds, with sizes and checksums.

The Hugging Face hub is asked through its own library for the list of files, and each file is then fetched
like any other. Kaggle and ModelScope are asked through their own clients, which are not part of the
environment. ``HF_ENDPOINT`` and ``HF_TOKEN`` are read from the environment and nowhere else.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from touchstone.containers.base import is_safe
from touchstone.download import Meter
from touchstone.errors import TouchstoneError
from touchstone.web import read_document

HUB = "https://huggingface.co"
ZENODO = "https://zenodo.org"
SOURCE = re.compile(r"(?P<scheme>hub|modelscope|kaggle|zenodo):(?P<name>[^@:]+)(@(?P<revision>[^:]+))?(:(?P<inside>.+))?")


@dataclass(frozen=True)
class Remote:
    """One file that can be fetched: its path below what was asked for, address, size and checksums."""

    path: str
    url: str
    n_bytes: int | None = None
    checksums: dict[str, str] = field(default_factory=dict)
    from_hub: str = ""  # page of the repository, where a token is sent


def remotes(source: str, file: dict, meter: Meter) -> list[Remote]:
    """The files that ``source`` stands for: one, or all those below a folder of a repository.

    Args:
        source: ``https://...``, ``hub:<owner>/<name>@<commit>[:<path>]`` or ``zenodo:<record>[:<file>]``.
        file: The card's entry; its ``path`` is the path in the repository, unless the source names one.

    Raises:
        TouchstoneError: There is no such file, or it may not be had.
    """
    parts = SOURCE.fullmatch(source)
    if not parts:
        return [Remote(Path(file["path"]).name, source)]
    inside = parts["inside"] or file["path"]
    if parts["scheme"] == "zenodo":
        return [_of_zenodo(parts["name"], inside, meter)]
    return hub_files("dataset", parts["name"], parts["revision"], inside, file.get("include", ["*"]))


def hub_files(
    kind: str, repository: str, revision: str, inside: str = "", include: list[str] | None = None, exclude: tuple = ()
) -> list[Remote]:
    """Files of a hub repository at a commit, by path.

    Args:
        kind: ``dataset`` or ``model``.
        inside: A file of the repository, or a folder, which ends with ``/``; paths are then below it.
        include: Patterns of paths; none means all.
        exclude: Patterns of paths that are left out, unless ``include`` names the very path.

    Raises:
        TouchstoneError: The hub does not give the list, or nothing fits.
    """
    from huggingface_hub import HfApi, hf_hub_url
    from huggingface_hub.errors import HfHubHTTPError, HTTPError
    from huggingface_hub.hf_api import RepoFile

    endpoint = os.environ.get("HF_ENDPOINT", HUB).rstrip("/")
    page = f"{endpoint}/{'datasets/' if kind == 'dataset' else ''}{repository}"
    where = f"{page} at {revision}"
    folder = inside if not inside or inside.endswith("/") else f"{inside.rpartition('/')[0]}/".lstrip("/")
    try:
        tree = HfApi(endpoint=endpoint, token=os.environ.get("HF_TOKEN") or False).list_repo_tree(
            repository, folder.rstrip("/") or None, recursive=inside == folder, revision=revision, repo_type=kind
        )
        entries = [entry for entry in tree if isinstance(entry, RepoFile)]
    except (HfHubHTTPError, HTTPError, OSError) as error:
        status = getattr(getattr(error, "response", None), "status_code", 0)
        raise TouchstoneError(
            f"the hub did not list the repository: {str(error).strip().splitlines()[0]}", where=where, mend=mend_for(status, page)
        ) from None
    found = []
    for entry in sorted(entries, key=lambda entry: entry.path):
        path = entry.path.removeprefix(folder) if inside == folder else entry.path
        fits = any(fnmatch(path, pattern) for pattern in include or ["*"]) and not any(fnmatch(path, each) for each in exclude)
        fits = fits or path in (include or [])
        if not fits if inside == folder else path != inside:
            continue
        if not is_safe(path):
            raise TouchstoneError(f"the repository names a file {path!r}", where=where, mend="do not use it")
        checksums = {"sha256": entry.lfs.sha256} if entry.lfs else {"git": entry.blob_id}
        url = hf_hub_url(repository, entry.path, repo_type=kind, revision=revision, endpoint=endpoint)
        found.append(Remote(path, url, entry.size, checksums, page))
    if not found:
        raise TouchstoneError(f"the repository holds no {inside or 'such file'}", where=where, mend="correct path or commit")
    return found


def mend_for(status: int, page: str) -> str:
    """What a person can do about a hub that answered ``status``."""
    if status in (401, 403):
        return f"ask for access on {page}, then put a token of your account into HF_TOKEN in the environment"
    if status == 404:
        return "correct name and commit; a private repository needs HF_TOKEN in the environment"
    return "run this where the internet can be reached"


def _of_zenodo(record: str, name: str, meter: Meter) -> Remote:
    url = f"{os.environ.get('ZENODO_ENDPOINT', ZENODO).rstrip('/')}/api/records/{record}"
    files = read_document(url, say=meter.say, stop=meter.stop).get("files", [])
    for file in files:
        if file["key"] == name:
            kind, _, value = file["checksum"].partition(":")
            return Remote(name, file["links"]["self"], file["size"], {kind: value})
    known = ", ".join(file["key"] for file in files)
    raise TouchstoneError(f"the record has no file {name!r}", where=url, mend=f"it has {known or 'none that may be seen'}")


def by_client(source: str, path: str, folder: Path, patterns: tuple[list[str], list[str]] | None = None) -> Path:
    """Fetch from Kaggle or ModelScope into ``folder``, and say where file or folder then lie.

    Args:
        path: The card's; a file of that path is fetched, or the whole if it is a folder's and ``source`` names none.
        patterns: Of a model: what is fetched, and what is not.

    Raises:
        TouchstoneError: The client is not installed, or did not bring it.
    """
    parts = SOURCE.fullmatch(source)
    name, revision = parts["name"], parts["revision"]
    inside = parts["inside"] or ("" if path.endswith("/") else path)
    package = {"kaggle": "kagglehub", "modelscope": "modelscope"}[parts["scheme"]]
    try:
        if package == "kagglehub":
            import kagglehub

            single = None if not inside or inside.endswith("/") else inside
            handle = f"{name}/versions/{revision}" if revision else name
            there = kagglehub.dataset_download(handle, path=single, output_dir=str(folder))
            return Path(there) if single else Path(there, inside)
        import modelscope

        if patterns:
            allow, ignore = patterns
            there = modelscope.snapshot_download(
                name, revision=revision, local_dir=str(folder), allow_patterns=allow, ignore_patterns=ignore
            )
        else:
            allow = f"{inside}*" if inside.endswith("/") else inside or None
            there = modelscope.dataset_snapshot_download(name, revision=revision, local_dir=str(folder), allow_patterns=allow)
        return Path(there, inside)
    except ImportError:
        mend = f"pip install {package}, or place the files by hand"
        raise TouchstoneError(f"the client of {parts['scheme']} is not installed", where=source, mend=mend) from None
    except Exception as error:  # each client has its own
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        mend = "log in as the client's manual says, or place the files by hand"
        raise TouchstoneError(f"{package} did not bring it: {first}", where=source, mend=mend) from None
