"""A remark: an observation as a code with values. The words stand in the catalogue, and only the edge uses them."""

from typing import Any

from msgspec import Struct

Value = str | int | bool
"""A date is written YYYY-MM-DD; a code of the contract stands for itself."""


class FactRef(Struct, frozen=True, order=True):
    """What names a fact for ever."""

    source: str
    id: str


class Remark(Struct, frozen=True, omit_defaults=True):
    """One observation: its code, the fact that it is about (if any), and the values that belong to it."""

    code: str
    fact: FactRef | None = None
    values: dict[str, Value] = {}

    def __hash__(self) -> int:
        return hash((self.code, self.fact, tuple(self.values.items())))


def remark(code: str, fact: Any = None, **values: object) -> Remark:
    """A remark about ``fact`` (anything with ``source`` and ``id``); dates become text, ``None`` is left out."""
    plain: dict[str, Value] = {}
    for name, value in values.items():
        if value is not None:
            plain[name] = value if isinstance(value, str | int) else str(value)
    return Remark(code, None if fact is None else FactRef(fact.source, fact.id), plain)


_NAMING = ("organ", "item", "source", "id", "statute", "calendar")
"""The values that say which one is meant."""


def key(about: Remark | None) -> str:
    """A remark as a key to find it by: its code and the first of its values; empty for none."""
    if about is None:
        return ""
    return " ".join([about.code, *(str(value) for name, value in about.values.items() if name in _NAMING)])
