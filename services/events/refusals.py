"""Refusals in the contract's words: which field, what is wrong with it, and what was expected."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with an event: where (JSON path), what, and what would have been right."""

    field: str
    problem: str
    expected: str


class Refused(ValueError):
    """An event that is not what the contract says; ``error`` names the field."""

    def __init__(self, error: FieldError) -> None:
        super().__init__(f"{error.field}: {error.problem}; expected {error.expected}")
        self.error = error


def explain(
    error: Exception, raw: bytes | msgspec.Raw, types: Mapping[str, type[msgspec.Struct]], shape: Any = None
) -> FieldError:
    """A msgspec refusal in the contract's words: the field's path, the problem and what was expected."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return FieldError("$", text[:200], "one JSON object, a CloudEvent in structured mode")
    problem, _, path = text.partition(" - at `")
    path = path.rstrip("`") or "$"
    if named := re.search(r"(?:required|unknown) field `(.*)`", problem):
        path = f"{path}.{named[1]}"
    if path == "$.type":
        return FieldError(path, problem.lower(), f"one of {', '.join(sorted(types))}")
    if shape is None:
        shape = _shape_of(raw, types)
    expected = (
        describe(shape, path)
        if shape is not None
        else "a CloudEvent 1.0 with specversion, id, source, type, subject, data"
    )
    if "unknown field" in problem:
        expected = f"one of {', '.join(_names(shape, path.rpartition('.')[0]))}" if shape is not None else expected
    return FieldError(path[:200], problem[:1].lower() + problem[1:200], expected)


def _shape_of(raw: bytes | msgspec.Raw, types: Mapping[str, type[msgspec.Struct]]) -> type[msgspec.Struct] | None:
    try:
        return types.get(msgspec.json.decode(raw, type=_OnlyType).type)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


class _OnlyType(msgspec.Struct):
    type: str


@cache
def _schema(shape: Any) -> dict[str, Any]:
    (top,), parts = msgspec.json.schema_components([shape], ref_template="{name}")
    return {"top": top, **parts}


def _walk(shape: Any, path: str) -> dict[str, Any]:
    """The JSON Schema at ``path``; empty where the path leads nowhere."""
    schema = _schema(shape)
    at: dict[str, Any] = schema["top"]
    for step in [None, *re.findall(r"\.([^.\[]+)|\[", path)]:
        if step is not None:
            at = at.get("properties", {}).get(step, {}) if step else at.get("items", {})
        while "$ref" in at:
            at = schema[at["$ref"]]
        for choice in at.get("anyOf", ()):
            if choice.get("type") != "null":
                at = schema[choice["$ref"]] if "$ref" in choice else choice
    return at


def _names(shape: Any, path: str) -> list[str]:
    return list(_walk(shape, path).get("properties", {}))


_FORMATS = {"date": "a date YYYY-MM-DD that exists", "date-time": "an RFC 3339 instant with a time zone"}


def describe(shape: Any, path: str) -> str:
    """In words, what may stand at ``path`` of ``shape``."""
    at = _walk(shape, path)
    if "enum" in at:
        return f"one of {', '.join(map(str, at['enum']))}"
    if at.get("format") in _FORMATS:
        return _FORMATS[at["format"]]
    if "..." in path:  # inside a correction's free data
        return "a JSON value with numbers that the amended fact can hold"
    return str(at.get("description") or (f"a JSON {at['type']}" if "type" in at else "a known field"))
