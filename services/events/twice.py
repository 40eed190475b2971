"""Names that stand twice in one JSON object: readers disagree on which value counts (RFC 8259, 4), so neither does.

Looked for where facts come in. What is in the log already is never judged again: there the last one counts.
"""

import json
from collections.abc import Sequence
from typing import Any

from services.events.refusals import FieldError, Refused


class _Twice(str):
    """The path of a name that stands twice, below the object in whose place this is."""


def refuse_twice(raw: bytes) -> None:
    """Raise :class:`Refused` if a name stands twice in an object of ``raw``, which is JSON that could be decoded."""
    found = _decoder.decode(raw.decode(errors="replace"))
    if (path := _below(found)) is not None:
        name = path.rpartition(".")[2][:60]
        wrong, expected = f"{name!r} is there twice", "each name once in an object"
        raise Refused(FieldError(f"${path}"[:200], wrong, expected, "name-twice", {"value": name}))


def _object(pairs: Sequence[tuple[str, Any]]) -> Any:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                return _Twice(f".{name}")
            seen.add(name)
    if not _DEEPER.isdisjoint(map(type, found.values())):
        for name, value in found.items():
            if (below := _below(value)) is not None:
                return _Twice(f".{name}{below}")
    return found


def _below(value: Any) -> str | None:
    if isinstance(value, _Twice):
        return value
    if isinstance(value, list):
        for place, each in enumerate(value):
            if (below := _below(each)) is not None:
                return f"[{place}]{below}"
    return None


_DEEPER: frozenset[type] = frozenset({_Twice, list})
# Numbers are of no matter here, and one of thousands of digits must not be one to Python's own limit.
_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=str, parse_float=str)
