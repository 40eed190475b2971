"""The annual count in its smallest form, which every peer has to come to: received and closed, by organ and year.

A request counts where its latest event puts it; so each event moves it from the cells of the one before.
"""

from collections.abc import Iterator
from typing import Any

COUNTED = frozenset(("open", "stopped", "answered", "closed"))
ENDED = frozenset(("answered", "closed"))
KEPT = ("organ", "state", "received_on", "closed_on", "outcome")

Request = dict[str, Any]


def received(request: Request | None) -> str | None:
    """The cell of a request's receipt."""
    if not request or not request.get("received_on") or request["state"] not in COUNTED:
        return None
    return f"{request['organ']}|{request['received_on'][:4]}|received"


def closed(request: Request | None) -> str | None:
    """The cell of a request's end."""
    if not request or received(request) is None or not request.get("closed_on") or request["state"] not in ENDED:
        return None
    return f"{request['organ']}|{request['closed_on'][:4]}|{request.get('outcome') or 'other'}"


def slim(request: Request | None) -> Request | None:
    """What of a request the fold has to keep."""
    return request and {name: request[name] for name in KEPT if name in request}


def moves(before: Request | None, now: Request | None) -> Iterator[tuple[str, int]]:
    """Cell and difference, from a request as it was to the request as it is."""
    for cell in (received, closed):
        left, entered = cell(before), cell(now)
        if left != entered:
            if left is not None:
                yield left, -1
            if entered is not None:
                yield entered, 1
