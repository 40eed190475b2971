r"""Values of the contract's types from JSON, with the one rule that their types leave out: no control characters.

The pattern that says so (:data:`~services.events.vocabulary.PLAIN`) costs more than all the rest of decoding, if every
text is held against it. JSON has none of these characters by itself: they come as an escape, and 0x7f alone as it is.
So where neither a backslash nor 0x7f is in the bytes, every text is plain; where one is, each text is looked at. What
is refused is the same, in the same words.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from services.events.vocabulary import PLAIN

T = TypeVar("T")
_plain = re.compile(PLAIN).match


def decode(decoder: "msgspec.json.Decoder[T]", raw: bytes | msgspec.Raw) -> T:
    """What ``decoder`` makes of ``raw``, every text of it plain. Raises what the decoder raises."""
    value = decoder.decode(raw)
    content = bytes(raw)  # of bytes no copy
    if b"\\" in content or b"\x7f" in content:
        refuse_controls(value)
    return value


def convert(data: Any, shape: Any) -> Any:
    """``data`` as ``shape``, every text of it plain. Raises :class:`msgspec.ValidationError`."""
    value = msgspec.convert(data, shape)
    refuse_controls(value)
    return value


def refuse_controls(value: object) -> None:
    """Look at every text that must be plain. Raises :class:`msgspec.ValidationError`, worded as msgspec would."""
    for path in _not_plain(value, "$", False):
        raise msgspec.ValidationError(f"Expected `str` matching regex {PLAIN!r} - at `{path}`")


def _not_plain(value: object, path: str, is_text: bool) -> Iterator[str]:
    """The paths of texts that are not plain; free values (of corrections) have rules of their own."""
    match value:
        case str() if is_text and not _plain(value):
            yield path
        case msgspec.Struct():
            texts = _texts(value.__class__)
            for name in value.__struct_fields__:
                yield from _not_plain(getattr(value, name), f"{path}.{name}", name in texts)
        case tuple() | list():
            for item in value:
                yield from _not_plain(item, f"{path}[...]", is_text)
        case _:
            pass


@cache
def _texts(shape: type[msgspec.Struct]) -> frozenset[str]:
    """The fields of a struct that hold plain text, or several of them."""
    hints = get_type_hints(shape, include_extras=True)
    return frozenset(name for name in shape.__struct_fields__ if _says_plain(hints[name]))


def _says_plain(hint: Any) -> bool:
    metas = getattr(hint, "__metadata__", ())
    return any(
        isinstance(m, msgspec.Meta) and (m.extra_json_schema or {}).get("pattern") == PLAIN for m in metas
    ) or any(_says_plain(inner) for inner in get_args(hint))
