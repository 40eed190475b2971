"""JSON Schema (draft 2020-12) of the events, from the types that decode them."""

import re
from functools import cache
from typing import Any

import msgspec

from services.events import extensions, meanings
from services.events.cases import CaseEvent
from services.events.codec import CASE_TYPES, FACT_TYPES
from services.events.envelope import PREFIX, VERSION, Event
from services.events.facts import Fact
from services.events.vocabulary import DECIMALS, MOST

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FAMILIES: dict[str, tuple[Any, dict[str, type[Event]], dict[str, tuple[str, str]]]] = {
    "facts": (Fact, FACT_TYPES, meanings.FACTS),
    "cases": (CaseEvent, CASE_TYPES, meanings.CASES),
}
_WHOLE = len(str(MOST)) - 1
_AMOUNT = {
    "description": "a number from 0 up, decimals kept exactly; as text where the sender's JSON has no exact numbers",
    "anyOf": [
        {"type": "number", "minimum": 0, "maximum": int(MOST)},
        {"type": "string", "pattern": rf"^[0-9]{{1,{_WHOLE}}}(\.[0-9]{{1,{DECIMALS}}})?$"},
    ],
}
_SET_BY_US = {
    "recordedtime": "when the event was written to the log; set by the service that writes it, never by a sender",
    "postedby": "the account that posted the fact; set by intake, never by a sender",
    "postedfor": "the organs that this account may speak for, with blanks between, where these are not all; white "
    "space and % within a code are percent-encoded; set by intake, never by a sender",
    "sequence": "the event's number within its request, from 1; on case events only",
}


class UnknownType(KeyError):
    """No event type has this name; the message lists those that exist."""

    def __str__(self) -> str:
        return str(self.args[0])


def short_name(type_: str) -> str:
    """``request-received`` for ``org.shixian.request-received.v1``."""
    return type_.removeprefix(PREFIX).removesuffix(VERSION)


def event_class(name: str) -> tuple[str, type[Event]]:
    """The family (``facts`` or ``cases``) and the class of an event type.

    ``name`` is a short or a full type name, with ``facts/`` or ``cases/`` before it where both have one (a fact wins
    otherwise). Raises :class:`UnknownType`.
    """
    family, _, bare = name.rpartition("/")
    for each, (_, types, _) in FAMILIES.items():
        for type_, cls in types.items():
            if family in ("", each) and bare in (type_, short_name(type_)):
                return each, cls
    known = (f"{each}/{short_name(t)}" for each, (_, types, _) in FAMILIES.items() for t in types)
    raise UnknownType(f"unknown event type {name!r}; there are facts, cases, {', '.join(known)}")


def json_schema(name: str | None = None) -> dict[str, Any]:
    """The schema of one event type, of ``facts``, of ``cases``, or (without a name) of any event of the log.

    Raises :class:`UnknownType`.
    """
    if name is None:
        shape, title = Fact | CaseEvent, "any event of the log"
    elif name in FAMILIES:
        shape, title = FAMILIES[name][0], f"any of the {name}"
    else:
        family, shape = event_class(name)
        type_ = str(shape.__struct_config__.tag)
        name = f"{family}:{short_name(type_)}"
        title = FAMILIES[family][2][short_name(type_)][0]
    top, parts = components(shape, "#/$defs/{name}")
    return {"$schema": DIALECT, "$id": f"urn:shixian:events:v1:{name or 'any'}", "title": title, **top, "$defs": parts}


def components(shape: Any, ref_template: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a type (a class, or one of the unions) and of the types that it is made of, by name."""
    # The two families both have a tag `tally-recorded`, which one msgspec union can't hold: each is exported by itself.
    tops: list[dict[str, Any]] = []
    parts: dict[str, Any] = {}
    for family in (Fact, CaseEvent) if shape == Fact | CaseEvent else (shape,):
        (top,), components = msgspec.json.schema_components([family], ref_template=ref_template)
        tops.append(_tidy(top))
        parts |= {key: _tidy(value) for key, value in components.items()}
        if family == Fact:
            for name in (fact.__name__ for fact in FACT_TYPES.values()):
                parts[name] |= _extensible(parts[name])
    for cls, meaning in _meanings().items():
        if cls in parts:
            parts[cls]["description"] = meaning
    return tops[0] if len(tops) == 1 else {"anyOf": [c for top in tops for c in top["anyOf"]]}, parts


def _extensible(schema: dict[str, Any]) -> dict[str, Any]:
    """What else a fact may have: extension attributes, which are kept as they stand."""
    value = {
        "type": ["string", "boolean", "integer"],
        "description": "an extension attribute of CloudEvents, kept as it is",
    }
    return {
        "additionalProperties": value,
        "propertyNames": {"pattern": extensions.NAME},
        "maxProperties": len(schema["properties"]) + extensions.MOST,
    }


@cache
def _meanings() -> dict[str, str]:
    return {
        cls.__name__: " ".join(texts[short_name(type_)])
        for _, types, texts in FAMILIES.values()
        for type_, cls in types.items()
    }


def _tidy(node: Any) -> Any:
    """What msgspec says of Python's types, as a reader of JSON needs it."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("format") == "decimal":
        return _AMOUNT
    at = {key: _tidy(value) for key, value in node.items() if key != "discriminator"}
    if isinstance(at.get("enum"), list) and len(at["enum"]) == 1:
        at["const"] = at.pop("enum")[0]
    if isinstance(at.get("pattern"), str):
        at["pattern"] = re.sub(r"\\Z$", "$", at.pop("pattern"))  # last, as msgspec has it for patterns of its own
    properties = at.get("properties")
    if isinstance(properties, dict) and "specversion" in properties:
        for name, why in _SET_BY_US.items():
            properties[name] = {**properties[name], "description": why, "readOnly": True}
    return at
