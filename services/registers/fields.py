"""What the contract says of a fact's fields: how a cell must be read to become one."""

import types
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from services.events.envelope import Event

Kind = Literal["date", "number", "whole", "yes-no", "code", "text", "other"]


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a fact's ``data``."""

    name: str
    kind: Kind
    required: bool
    codes: tuple[str, ...] = ()
    """What it may be, where it is one of the contract's codes."""


@cache
def fields_of(event: type[Event]) -> Mapping[str, Field]:
    """The fields of an event's ``data``, by name."""
    shape = get_type_hints(event, include_extras=True)["data"]
    return {f.encode_name: _field(f.encode_name, f.type, f.required) for f in msgspec.structs.fields(shape)}


def _field(name: str, type_: Any, required: bool) -> Field:
    bare = _bare(type_)
    if get_origin(bare) is Literal:
        return Field(name, "code", required, tuple(map(str, get_args(bare))))
    kinds: dict[Any, Kind] = {date: "date", Decimal: "number", int: "whole", bool: "yes-no", str: "text"}
    return Field(name, kinds.get(bare, "other"), required)


def _bare(type_: Any) -> Any:
    """The type without ``None`` and without what is annotated."""
    while True:
        if get_origin(type_) is Annotated:
            type_ = get_args(type_)[0]
        elif get_origin(type_) in (Union, types.UnionType):
            inner = [t for t in get_args(type_) if t is not type(None)]
            if len(inner) != 1:
                return type_
            type_ = inner[0]
        else:
            return type_
