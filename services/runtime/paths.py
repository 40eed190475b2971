"""The parts of a path and a query, as text: read strictly, written so that they come back as they were.

Identifiers are the authorities' own and may hold slashes, question marks or Chinese. In a path each is one part, with
its slashes as ``%2F``; a path whose slashes are plain is understood where nothing else could be meant.
"""

import re
import unicodedata
from typing import Any
from urllib.parse import quote, unquote_to_bytes

from litestar.types import ASGIApp, Receive, Scope, Send

from services.runtime.problems import FieldProblem, ProblemError

_SLASH = "\x00"
"""Stands for a slash within an identifier between here and :func:`whole`: no path has a NUL, it is refused before."""
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_NO_TEXT = "valid percent-encoded UTF-8 without control characters"


def part(identifier: str) -> str:
    """``identifier`` as one part of a path."""
    return quote(identifier, safe="")


def no_text(field: str, trouble: str) -> ProblemError:
    """The refusal of a parameter with :func:`trouble`."""
    return ProblemError(
        400,
        f"{field}: {trouble}; expected {_NO_TEXT}",
        errors=[FieldProblem(field=field, problem=trouble, expected=_NO_TEXT)],
    )


def trouble(raw: bytes) -> str:
    """What is wrong with percent-encoded text; empty for nothing."""
    if _BROKEN.search(raw):
        return "has a percent sign without two hexadecimal digits behind it"
    try:
        text = unquote_to_bytes(raw).decode()
    except UnicodeDecodeError as error:
        return f"is not UTF-8 at byte {error.start}"
    bad = control(text)
    return f"holds the control character U+{ord(bad):04X}" if bad else ""


def control(text: str) -> str:
    """The first control character."""
    return next((c for c in text if unicodedata.category(c) == "Cc"), "")


def decoded(scope: Scope) -> str:
    """The decoded path, in which the slashes of identifiers (``%2F``) differ from those between its parts."""
    raw = scope.get("raw_path", b"").partition(b"?")[0]
    if b"%2f" not in raw.lower():
        return scope["path"]
    return "/".join(unquote_to_bytes(one).decode().replace("/", _SLASH) for one in raw.split(b"/"))


def whole(app: ASGIApp) -> ASGIApp:
    """Behind the router: the slashes of identifiers are slashes again."""

    async def called(scope: Scope, receive: Receive, send: Send) -> None:
        if _SLASH in scope["path"]:
            given: dict[str, Any] = scope["path_params"]
            values = {k: v.replace(_SLASH, "/") if isinstance(v, str) else v for k, v in given.items()}
            scope["path_params"] = values
            scope["path"] = scope["path"].replace(_SLASH, "/")
        await app(scope, receive, send)

    return called
