"""Data files of the law: TOML, read into Structs that are reader, checker and JSON Schema at once.

A shape says what a file holds; what no shape can say (that one key needs another) is checked by the reader of each
format. Every refusal is a :class:`BadData` that names the file, the key and the reason.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib.resources.abc import Traversable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from services.statute.errors import BadData

T = TypeVar("T")

Text = Annotated[str, Meta(pattern=r"\S", description="some text")]
Confirmed = Annotated[bool, Meta(description="false where the basis was not read")]


class Title(Struct, frozen=True, forbid_unknown_fields=True):
    """The same in Chinese and in English."""

    zh: Text
    en: Text


Source = Text | Title
"""A citation; in both languages where it is not the same in both."""


def in_both(source: str | Title) -> Title:
    """A citation in Chinese and in English."""
    return source if isinstance(source, Title) else Title(source, source)


MAX_PARTS = 50
"""Parts of a key, with dots between."""
SHOWN = 80
"""Characters of a wrong value that a refusal repeats."""
_LIMITS = {"minimum": "from {}", "maximum": "to {}", "minItems": "at least {} of them", "minLength": "not empty"}


def text_of(file: str, path: Traversable) -> str:
    """The text of a data file. Raises :class:`BadData`."""
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise BadData(file, "$", f"expected UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise BadData(file, "$", f"can't be read: {error.strerror or error}") from None


def parse(file: str, text: str) -> dict[str, Any]:
    """The content of a TOML file. Raises :class:`BadData`."""
    if any(_key(piece).count(".") >= MAX_PARTS for piece in text.split("=")[:-1]) or any(
        _heading(line).count(".") >= MAX_PARTS for line in text.splitlines()
    ):  # reading them takes the square of their number
        raise BadData(file, "$", f"a key has too many parts; expected at most {MAX_PARTS}")
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadData(file, "$", f"not TOML: {error}") from None
    except RecursionError:
        raise BadData(file, "$", "lists or tables stand too deep in one another") from None


def _key(before: str) -> str:
    """Of what stands before a sign ``=``: the key."""
    return before[max(before.rfind(sign) for sign in "\n{,") + 1 :]


def _heading(line: str) -> str:
    """Of a line: what stands between its first brackets, if it begins with one."""
    return line.partition("]")[0].partition(",")[0] if line.lstrip().startswith("[") else ""


def convert(file: str, data: object, shape: type[T], at: str = "") -> T:
    """``data`` as a ``shape``; ``at`` is the key that it stands under in the file. Raises :class:`BadData`."""
    try:
        return msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        key, reason, wanted = explained(error, shape)
        key = _named(data, shape, key, str(error))
        if wanted:
            reason = f"expected {wanted}, got {_cut(repr(_at(data, key)))}"
        whole = f"{at}{key}" if key.startswith("[") or not at or not key else f"{at}.{key}"
        raise BadData(file, whole or "$", reason) from None


def _named(data: Any, shape: Any, key: str, text: str) -> str:
    """``key`` with its entries named: msgspec says ``[...]`` for any entry of a table whose keys are free."""
    while "[...]" in key:
        before, _, after = key.partition("[...]")
        steps = _steps(before)
        inner = _at(data, before)
        guilty = next(name for name in inner if _refusal(_with(data, steps, {name: inner[name]}), shape) == text)
        key = f"{before}.{guilty}{after}"
        data = _with(data, steps, {guilty: inner[guilty]})
    return key


def _steps(key: str) -> list[Any]:
    return [int(s[1:-1]) if s.startswith("[") else s for s in re.findall(r"\[\d+\]|[^.\[\]]+", key)]


def _at(data: Any, key: str) -> Any:
    for step in _steps(key):
        data = data[step]
    return data


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _with(data: Any, steps: list[Any], value: object) -> Any:
    if not steps:
        return value
    copied = list(data) if isinstance(data, list) else dict(data)
    copied[steps[0]] = _with(data[steps[0]], steps[1:], value)
    return copied


def _refusal(data: object, shape: Any) -> str:
    try:
        msgspec.convert(data, shape)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def explained(error: msgspec.ValidationError, shape: Any) -> tuple[str, str, str]:
    """The key and the reason of msgspec's refusal, and what would have been right there, where the shape says it.

    msgspec has no other account of a refusal than its text; its form is part of what its tests hold fixed.
    """
    problem, _, path = str(error).partition(" - at `$")
    key = path.rstrip("`").removeprefix(".")
    if named := re.search(r"(required|unknown) field `(.*)`", problem):
        where = f"{key}.{named[2]}" if key else named[2]
        if named[1] == "required":
            return where, "is missing", ""
        known = sorted(schema_at(shape, key).get("properties", {}))
        return where, f"unknown key; known are {', '.join(known)}", ""
    return key, problem, expected(shape, key)


def expected(shape: Any, key: str) -> str:
    """In words, what may stand under ``key`` of ``shape``; empty where its schema has nothing to say."""
    schema = schema_at(shape, key)
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if "discriminator" in schema:
        return f"one of {', '.join(schema['discriminator']['mapping'])}"
    if schema.get("format") == "date":
        return "a date YYYY-MM-DD"
    bounds = [words.format(schema[name]) for name, words in _LIMITS.items() if name in schema]
    if "items" in schema and (inner := _plain(schema["items"])):
        bounds.insert(0, f"each {inner}")
    joint = ", " if "items" in schema else " "
    return joint.join(
        part for part in (_plain(schema), " ".join(bounds) if joint == " " else ", ".join(bounds)) if part
    )


def _plain(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    kinds = {
        "integer": "a number",
        "boolean": "true or false",
        "array": "a list",
        "object": "a table",
        "string": "text",
    }
    if schema.get("type") == "object":
        return kinds["object"]
    return str(schema.get("description") or kinds.get(schema.get("type", ""), ""))


def schema_at(shape: Any, key: str) -> dict[str, Any]:
    """The JSON Schema of what stands under ``key``; empty where the key leads nowhere."""
    (top,), parts = msgspec.json.schema_components([shape], ref_template="{name}")
    at: dict[str, Any] = top
    for step in [None, *re.findall(r"([^.\[\]]+|\[\d*[^\]]*\])", key)]:
        if step is not None:
            inner = at.get("items") if step.startswith("[") else _property(at, step, parts)
            if not isinstance(inner, dict):
                return {}
            at = inner
        while "$ref" in at or "anyOf" in at:
            at = parts[at["$ref"]] if "$ref" in at else _choice(at)
            if "discriminator" in at:
                break
    return at


def _choice(at: dict[str, Any]) -> dict[str, Any]:
    if "discriminator" in at:
        return at
    return next(c for c in at["anyOf"] if c.get("type") != "null")


def _property(at: dict[str, Any], name: str, parts: Mapping[str, Any]) -> Any:
    if "discriminator" in at:
        if name == at["discriminator"]["propertyName"]:
            return {"enum": list(at["discriminator"]["mapping"])}
        alternatives = (parts[ref].get("properties", {}).get(name) for ref in at["discriminator"]["mapping"].values())
        return next((each for each in alternatives if each is not None), None)
    return at.get("properties", {}).get(name, at.get("additionalProperties"))


def json_schema(shape: Any, title: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a file, for editors; TOML's dates appear in it as strings ``YYYY-MM-DD``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **msgspec.json.schema(shape),
        "title": title,
    }
