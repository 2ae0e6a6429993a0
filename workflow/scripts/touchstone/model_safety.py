"""What a model's folder may hold: weights and configuration, and nothing that runs when it is loaded."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Mapping
from pathlib import Path

from touchstone.errors import TouchstoneError

PICKLES = (".bin", ".ckpt", ".pt", ".pth", ".pkl", ".pickle", ".joblib", ".dill", ".t7")
CODE = (".py", ".pyc", ".so", ".pth")
LIBRARIES = ("diffusers", "transformers")  # and the pipelines of diffusers, which old models name


def refuse_code(name: str, path: Path, files: Mapping[str, Path], allowed: Mapping[str, str], *, placed: bool) -> None:
    """Look through a staged model for what could run.

    Args:
        name: Of the model, for the message.
        files: Its files by their path in the folder.
        allowed: Paths and SHA-256 that models.yaml gives; a pickle among them may stay (its checksum is compared elsewhere,
            and diffusers and transformers load it with ``weights_only``).
        placed: A person has put it there, so links may lead where that person wants.

    Raises:
        TouchstoneError: It holds pickled weights that nobody allowed, code, a configuration that asks for code, or links
            that lead out of it.
    """
    for relative, file in files.items():
        if file.suffix.lower() in PICKLES and relative not in allowed:
            raise TouchstoneError(
                f"model {name!r} holds pickled weights, which can run code when loaded",
                where=file,
                mend="use a revision with safetensors files only, or remove the file; or, if there is no other and you trust it, "
                f"name it with its SHA-256 in models.yaml: files: {{{relative}: ...}}",
            )
        if file.suffix.lower() in CODE:
            raise _refusal(name, "holds code of its own", file)
        if not placed and not file.resolve().is_relative_to(path.resolve()):
            raise _refusal(name, "has a link that leads out of its folder", file)
        if relative == "model_index.json":
            _refuse_foreign_parts(name, file)
        if file.suffix == ".json" and b"auto_map" in (text := file.read_bytes()) and _asks_for_code(text):
            raise _refusal(name, "asks for code of its own (auto_map)", file)


def _refuse_foreign_parts(name: str, file: Path) -> None:
    index = _parsed(file.read_bytes())
    if not isinstance(index, dict) or not isinstance(index.get("_class_name", ""), str):
        raise _refusal(name, "names no pipeline of diffusers", file)
    for part, value in index.items():
        library = value[0] if isinstance(value, list) and value else None
        if library not in (None, *LIBRARIES) and library not in _pipelines():
            raise _refusal(name, f"takes its {part} from {library!r}, which is no part of {' or '.join(LIBRARIES)}", file)


def _pipelines() -> set[str]:
    """Names of the pipelines' folders in diffusers, which is not imported for it."""
    found = importlib.util.find_spec("diffusers")
    return {path.name for path in Path(found.origin).parent.joinpath("pipelines").iterdir() if path.is_dir()} if found else set()


def _asks_for_code(text: bytes) -> bool:
    value = _parsed(text)
    return isinstance(value, dict) and bool(value.get("auto_map"))


def _parsed(text: bytes) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None  # whoever needs it will say so


def _refusal(name: str, what: str, file: Path) -> TouchstoneError:
    mend = "use a model that diffusers loads by itself; code that comes with a model is never run"
    return TouchstoneError(f"model {name!r} {what}", where=file, mend=mend)
