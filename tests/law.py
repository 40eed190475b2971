"""Histories for the tests of the law: facts with their dates as text, and what the law makes of them."""

from collections.abc import Sequence
from datetime import date
from itertools import count
from types import SimpleNamespace
from typing import Any

from services.statute import assessment
from services.statute.calendars import shipped
from services.statute.state import Deadline, Fact, RequestState
from services.statute.versions import profiles

FAR = "2030-01-01"
_numbers = count(1)


def fact(name: str, **values: Any) -> Fact:
    """A fact with its dates as text; what the contract makes optional is filled in."""
    base: dict[str, Any] = {}
    if name == "request-received":
        base = {"organ": "o", "channel": "in-person", "applicant": "business", "received_on": None}
        base |= {"confirmed_on": None, "statute": None, "item": None, "mail": None}
    if name == "clarification-received":
        base = {"excused": False}
    if name == "consultation-opened":
        base = {"consultation": "c1", "party": "third-party", "reached_on": None}
    if name == "consultation-closed":
        base = {"consultation": "c1", "reply": "agreed"}
    if name == "extension-granted":
        base = {"decided_on": values["notified_on"], "approved_on": None}
    if name == "answer-issued":
        base = {"outcome": "granted", "service": "posted", "delivered_on": None, "after_review": None}
    if name == "review-filed":
        base = {"first_handling_disputed": False, "served_on": None, "statute": None}
    if name == "review-decided":
        base = {"delivered_on": None, "answer_within": None}
    if name == "assignment-opened":
        base = {"due_on": None, "continues": None}
    if name == "fee-notified":
        base = {"amount": 100}
    base |= values
    read = {k: date.fromisoformat(v) if isinstance(v, str) and v[:2] in ("19", "20") else v for k, v in base.items()}
    return Fact(name, "urn:t", f"{name}/{next(_numbers)}", SimpleNamespace(**read))


def received(on: str, **values: Any) -> Fact:
    return fact("request-received", submitted_on=on, **values)


def view(facts: Sequence[Fact], today: str = FAR, statute: str = "CN", **settings: str) -> RequestState:
    draft = assessment.read(facts)
    day, calendar = date.fromisoformat(today), shipped("CN")
    if settings:
        assert draft.received is not None
        dated = profiles()[statute].on(draft.received.data.submitted_on)
        profile = dated.with_settings({k.replace("_", "-"): v for k, v in settings.items()}, "test")
        return assessment.assess_under(draft, profile, calendar, day).state
    return assessment.assess(draft, statute, calendar, day).state


def due(facts: Sequence[Fact], today: str = FAR, statute: str = "CN", **settings: str) -> str | None:
    found = view(facts, today, statute, **settings).due_on
    return found.isoformat() if found else None


def timer(found: RequestState, limit: str, about: str | None = None) -> Deadline:
    return next(t for t in found.clocks if t.limit == limit and about in (None, t.about))


def clarified(asked: str, by: str, came: str | None = None) -> list[Fact]:
    found = [fact("clarification-requested", requested_on=asked, respond_by=by)]
    return found + ([fact("clarification-received", received_on=came)] if came else [])


def consulted(sent: str, closed: str | None, key: str = "c1", party: str = "third-party") -> list[Fact]:
    found = [fact("consultation-opened", consultation=key, party=party, sent_on=sent)]
    return found + ([fact("consultation-closed", consultation=key, closed_on=closed)] if closed else [])


def extended(told: str, amount: int) -> Fact:
    return fact("extension-granted", notified_on=told, amount=amount)
