"""Where a request went and what it came from: the organ that it was transferred to, the requests that it follows. Pure.

A transfer ends a request at one organ; at the other one it begins anew, under an id of that organ's, and its receipt
says what it ``follows``. Between the two nobody would have it, if the receiving organ did not know that it is coming.
"""

from datetime import date
from typing import Any

import msgspec
from msgspec import Struct

from services.events import plain
from services.events.facts import FactCorrected, Follows, RequestFact, RequestReceived, RequestTransferred
from services.statute.state import RequestState
from services.tracker.core.amend import amend
from services.tracker.core.case import Case
from services.tracker.core.foreign import counted
from services.tracker.core.view import organ_of


class HandedOn(Struct, frozen=True):
    """A request that a transfer ended."""

    to_organ: str
    from_organ: str
    on: date


class Following(Struct, frozen=True, order=True):
    """A request that another one follows."""

    request: str
    """The earlier one."""
    why: str


def handed_on(case: Case) -> HandedOn | None:
    """The transfer that ended the case; of several the one of that day."""
    view: RequestState = case.view
    if view.closing != "transferred" or view.closed_on is None:
        return None
    moves = [f.data for f in _standing(case) if isinstance(f, RequestTransferred)]
    to = next((m.to_organ for m in moves if m.transferred_on == view.closed_on), "")
    return HandedOn(to, view.organ, view.closed_on) if to else None


def follows(case: Case) -> list[Following]:
    """The requests that the case's receipt says it follows, in its order."""
    receipts = [
        f.data
        for f in amend(counted(case.facts, case.subject)).facts
        if isinstance(f, RequestReceived) and f.data.follows
    ]
    if not receipts:
        return []
    organ = organ_of(case)
    named = [one for data in receipts if data.organ == organ for one in data.follows]
    return list(dict.fromkeys(Following(one.request, one.why) for one in named))


def _standing(case: Case) -> tuple[RequestFact, ...]:
    return amend(counted(case.facts, case.subject)).facts


def bears_on(case: Case) -> set[str]:
    """The requests whose trail the case has, or once had, a part in: itself if a transfer of it is known, and all that
    it ever claimed to follow."""
    requests: set[str] = set()
    for fact in case.facts:
        if isinstance(fact, RequestTransferred):
            requests.add(case.subject)
        elif isinstance(fact, RequestReceived):
            requests.update(one.request for one in fact.data.follows)
        elif isinstance(fact, FactCorrected):
            requests |= _named(fact.data.data)
    return requests


def _named(data: dict[str, Any]) -> set[str]:
    """The requests that a correction's data name, if it is a receipt's; none where they are not what a receipt's are,
    since such a correction never had an effect."""
    try:
        return {one.request for one in plain.convert(data.get("follows", ()), tuple[Follows, ...])}
    except msgspec.ValidationError:
        return set()
