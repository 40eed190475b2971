"""``postedfor``: the organs that an account may speak for, in one attribute of an event. Pure.

The codes stand with blanks between, and a code may hold a blank itself: white space and ``%`` within one are
percent-encoded, so that the attribute always gives back the codes that were put in, and no others.
"""

from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, unquote

_KEPT = 1024


def written(organs: Iterable[str]) -> str:
    """The attribute for these codes."""
    return " ".join(_encoded(organ) for organ in sorted(organs))


@lru_cache(_KEPT)
def organs(text: str) -> frozenset[str]:
    """The codes in an attribute."""
    return frozenset(unquote(code) for code in text.split())


def _encoded(organ: str) -> str:
    return "".join(quote(sign) if sign.isspace() or sign == "%" else sign for sign in organ)
