"""YAML files checked against the schemas in workflow/schemas, with errors a person can act on."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import ClassVar

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from touchstone.errors import TouchstoneError

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
SEE = "workflow/schemas says what is allowed"
MAX_DEPTH, MAX_VALUES = 50, 1_000_000  # of a YAML file; references count as what they stand for
WANTED = {  # a rule of JSON Schema, in words
    "enum": "must be one of {}",
    "const": "must be {!r}",
    "type": "must be of type {}",
    "pattern": "must be like {}",
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "exclusiveMinimum": "must be more than {}",
    "multipleOf": "must be a multiple of {}",
    "minItems": "must have at least {} entries",
    "maxItems": "must have at most {} entries",
    "minProperties": "must have at least {} keys",
}


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Safe YAML in which dates, on, off, yes and no stay texts; a key that is no text or occurs twice is a mistake."""

    yaml_implicit_resolvers: ClassVar = {
        first: [
            (tag, pattern)
            for tag, pattern in resolvers
            if not tag.endswith(":timestamp") and (not tag.endswith(":bool") or first in "tTfF")
        ]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen = set()
        for key, _ in node.value:
            if key.tag.endswith((":int", ":float", ":bool", ":null")):
                raise yaml.MarkedYAMLError(problem=f"the key {key.value} needs quotes", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} occurs twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    value = yaml.SafeLoader.construct_yaml_int(loader, node)
    if abs(value) >= 1 << 63:
        raise yaml.MarkedYAMLError(problem="a number of more than 64 bits", problem_mark=node.start_mark)
    return value


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


@cache
def validator(name: str) -> Draft202012Validator:
    """The validator of ``workflow/schemas/<name>.schema.yaml``."""
    return Draft202012Validator(read_yaml(SCHEMAS / f"{name}.schema.yaml"), format_checker=Draft202012Validator.FORMAT_CHECKER)


def read_yaml(path: str | Path) -> object:
    """Parse one YAML file.

    Raises:
        TouchstoneError: It is missing, not UTF-8 or not YAML; names file and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        _refuse_bombs(text)
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - it is the safe one, in C where PyYAML has it
    except FileNotFoundError:
        raise TouchstoneError("a file is missing", where=path, mend="put it there, or correct the name") from None
    except UnicodeDecodeError as error:
        raise TouchstoneError(f"the file is not UTF-8 text ({error.reason})", where=path, mend="save it as UTF-8") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"{path}, line {mark.line + 1}" if mark else path
        raise TouchstoneError(
            f"the file is not YAML: {getattr(error, 'problem', error)}", where=line, mend="correct it near that line"
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:  # values that are not what their tag says
        raise TouchstoneError(f"the file holds what is no value: {error}", where=path, mend="correct it") from None


def _refuse_bombs(text: str) -> None:
    """Raise a YAMLError at what would take all memory, or end the process: deep nesting, and references to references."""
    weights: dict[str, int] = {}
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and values before it
    values = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            weights[anchor] = values - before
        elif isinstance(event, yaml.NodeEvent):
            values += weights.get(event.anchor, MAX_VALUES) if isinstance(event, yaml.AliasEvent) else 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((event.anchor, values))
            elif isinstance(event, yaml.ScalarEvent):
                weights[event.anchor] = 1
        if len(open_nodes) > MAX_DEPTH or values > MAX_VALUES:
            fault = "nested too deeply" if values <= MAX_VALUES else "of too many values, or of references that go round"
            raise yaml.MarkedYAMLError(problem=f"it is {fault}", problem_mark=event.start_mark)


def load_checked(schema: str, path: str | Path, value: object = None) -> dict:
    """Read ``path`` (or take ``value``, which was read from it), check it, fill in defaults.

    Raises:
        TouchstoneError: The first mistake: file, key, value and mend.
    """
    value = read_yaml(path) if value is None else value
    check = validator(schema)
    error = best_match(check.iter_errors(value), key=_relevance)
    if error is not None:
        raise _explain(error, path)
    _fill(value, check.schema, check.schema)
    return value


def suggest(name: str, known: Iterable[str]) -> str | None:
    """``did you mean 'x'?``, if something known is spelt like ``name``."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else None


def _relevance(error: ValidationError) -> tuple:
    # An unknown or missing key explains the rest. Of several forms, the one whose type is right is meant, and a deeper
    # error says more than its parents.
    return (
        error.validator in ("additionalProperties", "required"),
        error.validator in ("type", "const"),
        -len(error.path),
        error.validator not in ("anyOf", "oneOf"),
    )


def _explain(error: ValidationError, path: str | Path) -> TouchstoneError:
    key = ".".join(str(step) for step in error.absolute_path)
    where = f"{path}: {key}" if key else str(path)
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        known = schema.get("properties", {})
        unknown = next((name for name in error.instance if name not in known), "?")
        return TouchstoneError(
            f"unknown key {unknown!r}",
            where=where,
            mend=suggest(str(unknown), known) or f"known keys: {', '.join(known)}",
        )
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        about = schema.get("properties", {}).get(missing)
        about = about.get("description") if isinstance(about, dict) else None
        return TouchstoneError(f"the key {missing!r} is missing", where=where, mend=about or f"add {missing!r}")
    if error.validator == "not":  # how a schema says that a key may not be there, or not be called so
        name = error.instance if isinstance(error.instance, str) else key
        return TouchstoneError(f"the key {name!r} does not belong here", where=where, mend=f"remove it; {SEE}")
    about = _description(error) or SEE
    forms = error.validator_value if error.validator in ("anyOf", "oneOf") else []
    if keys := [key for form in forms for key in form.get("required", [])]:
        count = "exactly one" if error.validator == "oneOf" else "at least one"
        return TouchstoneError(f"{count} of the keys {', '.join(keys)} is needed", where=where, mend=about)
    return TouchstoneError(
        f"the value {_shown(error.instance)} is not allowed: {_wanted(error.validator, error.validator_value) or error.message}",
        where=where,
        mend=about,
    )


def _description(error: ValidationError | None) -> str:
    """What the schema says of the value, or of the one of whose forms this is one."""
    while error is not None:
        if isinstance(error.schema, dict) and "description" in error.schema:
            return error.schema["description"]
        error = error.parent
    return ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def _wanted(rule: str, limit: object) -> str:
    """What a schema's rule asks for, or an empty text for rules that are rare."""
    if rule in ("anyOf", "oneOf"):
        return "; or ".join(", ".join(filter(None, (_wanted(*entry) for entry in form.items()))) for form in limit)
    if rule == "enum":
        limit = ", ".join(map(str, limit))
    return WANTED[rule].format(limit) if rule in WANTED else ""


def _fill(value: object, schema: object, root: dict) -> None:
    """Set missing keys to their ``default``; only plain nested objects are walked."""
    if not isinstance(value, dict) or not isinstance(schema, dict):
        return
    for key, below in schema.get("properties", {}).items():
        if isinstance(below, dict) and "$ref" in below:
            below = root["$defs"][below["$ref"].rsplit("/", 1)[1]]
        if not isinstance(below, dict):
            continue
        if key not in value and "default" in below:
            value[key] = below["default"]
        elif key not in value and below.get("type") == "object" and _has_defaults(below):
            value[key] = {}
        if key in value:
            _fill(value[key], below, root)


def _has_defaults(schema: dict) -> bool:
    """Whether a default stands in an object's schema, or in that of an object below it."""
    below = [entry for entry in schema.get("properties", {}).values() if isinstance(entry, dict)]
    return any("default" in entry or (entry.get("type") == "object" and _has_defaults(entry)) for entry in below)
