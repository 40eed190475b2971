"""No control character gets past decoding, though no pattern is held against texts that can't have one."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from services.events import plain
from services.events.codec import CASE_TYPES, FACT_TYPES, decode_case_event, decode_fact
from services.events.examples import FOLDER
from services.events.refusals import Refused
from services.events.vocabulary import PLAIN, Code

EXAMPLES = sorted(FOLDER.glob("*/*.json"))
FREE = "$.data.data."
"""A correction's data, which are held against the amended fact's type later."""


def _texts(node: Any, path: str = "$") -> Iterator[tuple[Any, Any, str]]:
    """Each text of a document: what holds it, under which key, and its path."""
    for key, item in node.items() if isinstance(node, dict) else enumerate(node):
        at = f"{path}.{key}" if isinstance(node, dict) else f"{path}[...]"
        if isinstance(item, str):
            yield node, key, at
        elif isinstance(item, dict | list):
            yield from _texts(item, at)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_a_control_character_is_refused_wherever_it_stands(file: Any) -> None:
    event = json.loads(file.read_bytes())
    decode = decode_case_event if file.parent.name == "cases" else decode_fact
    decode(json.dumps(event).encode())
    for holder, key, path in list(_texts(event)):
        if path.startswith(FREE):
            continue
        before = holder[key]
        for bad in ("\x01", "a\nb", "a\x7f"):
            for ascii_only in (True, False):  # 0x7f as an escape, and as it is
                holder[key] = bad
                with pytest.raises(Refused) as refused:
                    decode(json.dumps(event, ensure_ascii=ascii_only).encode())
                assert refused.value.error.field.startswith("$")
        holder[key] = before


def test_the_refusal_names_the_field_and_what_was_expected() -> None:
    event = json.loads((FOLDER / "facts/request-received.json").read_bytes())
    event["data"]["organ"] = "a\nb"
    with pytest.raises(Refused) as refused:
        decode_fact(json.dumps(event).encode())
    error = refused.value.error
    assert (error.field, error.code) == ("$.data.organ", "field-invalid")
    assert error.expected == "an identifier of 1 to 200 characters"
    assert error.problem.startswith("expected `str` matching regex")


def test_what_is_escaped_and_plain_is_taken() -> None:
    raw = (FOLDER / "facts/request-received.json").read_bytes().replace(b'"id"', b'"\\u0069d"')
    decode_fact(raw)


def test_every_text_of_every_event_is_looked_at() -> None:
    """By the schemas, which say for each text that it is plain."""
    for shape in (*FACT_TYPES.values(), *CASE_TYPES.values()):
        (_,), parts = msgspec.json.schema_components([shape], ref_template="{name}")
        structs = {c.__name__: c for c in _structs(shape)}
        for name, part in parts.items():
            said = {field for field, of in part.get("properties", {}).items() if json.dumps(PLAIN) in json.dumps(of)}
            assert said == plain._texts(structs[name]), name


def _structs(shape: Any, seen: set[Any] | None = None) -> set[type[msgspec.Struct]]:
    found = set() if seen is None else seen
    info = msgspec.inspect.type_info(shape)
    todo = [info]
    while todo:
        at = todo.pop()
        if isinstance(at, msgspec.inspect.StructType) and at.cls not in found:
            found.add(at.cls)
            todo += [field.type for field in at.fields]
        todo += [
            getattr(at, n) for n in ("type", "item_type") if isinstance(getattr(at, n, None), msgspec.inspect.Type)
        ]
        todo += getattr(at, "types", ())
    return found


def test_converted_values_are_looked_at_too() -> None:
    class Named(msgspec.Struct):
        names: tuple[Code, ...]

    assert plain.convert({"names": ["a", "b"]}, Named) == Named(("a", "b"))
    with pytest.raises(msgspec.ValidationError, match=r"\$\.names\[\.\.\.\]"):
        plain.convert({"names": ["a", "b\x00"]}, Named)
