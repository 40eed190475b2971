"""Refusals in the contract's words: which field, what is wrong with it, and what was expected."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

import msgspec

RefusalCode = Literal[
    "not-json", "field-missing", "field-unknown", "field-invalid", "type-unknown", "type-misplaced",
    "event-too-large", "key-differs", "subject-differs", "subject-not-addressable", "set-by-log",
    "date-out-of-range", "amount-out-of-range", "timezone-unknown", "day-in-both-lists", "amends-itself",
    "nested-too-deep", "nul-character", "calendar-unknown", "statute-unknown", "parent-itself", "parent-unknown",
    "parent-circle", "sequence-missing", "subject-is-organ", "facts-before-request", "case-full",
    "facts-missing", "too-many-facts", "calendar-invalid", "day-not-covered", "statute-not-in-force", "case-unclear",
    "result-too-large", "too-slow", "ends-process", "unfit", "notice-unconfirmed", "fact-or-rules", "not-a-notice",
    "mail-not-by-post", "day-to-come", "day-before-law", "too-many-extensions", "extension-invalid", "id-taken",
    "organ-unknown", "code-taken", "parent-of-another", "listed-twice", "item-not-given", "name-twice",
    "organ-foreign", "not-for-all", "value-unclear",
]  # fmt: skip
"""Why something is refused. The words for each, in Chinese and English, are in ``services/words/refusals.toml``."""
Values = dict[str, str | int]


class FieldError(msgspec.Struct, frozen=True):
    """One thing wrong with an event: where (JSON path), what, and what would have been right."""

    field: str
    problem: str
    expected: str
    code: RefusalCode
    values: Values = {}
    """What the words for the code take beside the field."""


class Reason(msgspec.Struct, frozen=True):
    """Why a record was refused: the code with its values, and a text that says it in full."""

    code: RefusalCode
    text: str
    values: Values = {}


class Refused(ValueError):
    """An event that is not what the contract says; ``error`` names the field."""

    def __init__(self, error: FieldError) -> None:
        super().__init__(f"{error.field}: {error.problem}; expected {error.expected}")
        self.error = error

    @property
    def reason(self) -> Reason:
        """The refusal as it is kept with a record."""
        return Reason(self.error.code, str(self), {"field": self.error.field, **self.error.values})


def too_large(size: int, most: int, what: str) -> FieldError:
    """The refusal of ``what`` (an event, a fact) for its size in bytes."""
    values: Values = {"bytes": size, "most": most}
    return FieldError("$", f"is {size} bytes long", f"{what} of at most {most} bytes", "event-too-large", values)


def explain(
    error: Exception, raw: bytes | msgspec.Raw, types: Mapping[str, type[msgspec.Struct]], shape: Any = None
) -> FieldError:
    """A msgspec refusal in the contract's words: the field's path, the problem and what was expected."""
    text = str(error)
    if not isinstance(error, msgspec.ValidationError):
        return FieldError("$", text[:200], "one JSON object, a CloudEvent in structured mode", "not-json")
    problem, _, path = text.partition(" - at `")
    path = path.rstrip("`") or "$"
    if named := re.search(r"(?:required|unknown) field `(.*)`", problem):
        path = f"{path}.{named[1]}"
    if path == "$.type":
        return FieldError(path, problem.lower(), f"one of {', '.join(sorted(types))}", "type-unknown")
    if shape is None:
        shape = _shape_of(raw, types)
    expected = (
        describe(shape, path)
        if shape is not None
        else "a CloudEvent 1.0 with specversion, id, source, type, subject, data"
    )
    if "unknown field" in problem:
        expected = f"one of {', '.join(_names(shape, path.rpartition('.')[0]))}" if shape is not None else expected
    code: RefusalCode = "field-invalid"
    if "missing required field" in problem:
        code = "field-missing"
    elif "unknown field" in problem:
        code = "field-unknown"
    return FieldError(path[:200], problem[:1].lower() + problem[1:200], expected, code)


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
