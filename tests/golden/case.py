"""What a case of the golden file is, and the facts of one written briefly."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from tests.golden.days import Worked, d

Fact = dict[str, Any]


def fact(name: str, **data: Any) -> Fact:
    return {"type": name, "data": data}


def got(on: str, channel: str = "in-person", **more: str) -> Fact:
    """The request handed in on a day; by a channel other than in person the day of receipt can differ."""
    rest = {"organ": "any", "channel": channel, "applicant": "natural-person", "submitted_on": on}
    return fact("request-received", **rest, **more)


def confirmed(on: str) -> Fact:
    return fact("receipt-confirmed", confirmed_on=on)


def extended(on: str, amount: int) -> Fact:
    return fact("extension-granted", decided_on=on, notified_on=on, amount=amount)


def asked(on: str, by: str) -> Fact:
    return fact("clarification-requested", requested_on=on, respond_by=by)


def clarified(on: str) -> Fact:
    return fact("clarification-received", received_on=on)


def consulted(on: str, until: str = "", party: str = "third-party", key: str = "c1", **more: str) -> list[Fact]:
    """Others asked on a day, and their reply if there is one."""
    found = [fact("consultation-opened", consultation=key, party=party, sent_on=on, **more)]
    if until:
        found.append(fact("consultation-closed", consultation=key, closed_on=until, reply="objected"))
    return found


def fee(on: str, paid: str = "") -> list[Fact]:
    found = [fact("fee-notified", notified_on=on, amount=100)]
    return [*found, fact("fee-paid", paid_on=paid)] if paid else found


def deferred(on: str, until: str) -> Fact:
    return fact("volume-deferred", notified_on=on, until=until)


def answered(on: str) -> Fact:
    return fact("answer-issued", outcome="granted", answered_on=on, service="posted")


def withdrawn(on: str) -> Fact:
    return fact("request-withdrawn", withdrawn_on=on)


def transferred(on: str) -> Fact:
    return fact("request-transferred", transferred_on=on, to_organ="other")


_HAPPENED = {
    "request-received": "submitted_on",
    "receipt-confirmed": "confirmed_on",
    "extension-granted": "notified_on",
    "clarification-requested": "requested_on",
    "clarification-received": "received_on",
    "consultation-opened": "sent_on",
    "consultation-closed": "closed_on",
    "fee-notified": "notified_on",
    "fee-paid": "paid_on",
    "volume-deferred": "notified_on",
    "answer-issued": "answered_on",
    "request-withdrawn": "withdrawn_on",
    "request-transferred": "transferred_on",
    "review-filed": "filed_on",
    "review-decided": "decided_on",
}


@dataclass(frozen=True)
class Case:
    id: str
    statute: str
    facts: list[Fact]
    due: Worked | None
    why: str
    as_of: str = ""
    """The day of looking; the last fact's day where it is left out."""
    status: str = ""
    """Found from the dates where it is left out."""
    official: bool = False
    provisional: bool = False
    more: dict[str, Any] = field(default_factory=dict)
    """``calendar`` (an id), ``calendar_as_of``, ``settings``, ``limit`` (other than the answer's), ``any_due``."""

    def line(self) -> dict[str, Any]:
        last = max(f["data"][_HAPPENED[f["type"]]] for f in self.facts)
        as_of = self.as_of or last
        status = self.status
        if not status and "limit" not in self.more:
            status = "stopped" if self.due is None else _stands(d(as_of), self.due.on)
        found: dict[str, Any] = {"id": self.id, "statute": self.statute, "facts": self.facts, "as_of": as_of}
        found |= self.more
        if "any_due" not in self.more:
            found["due_on"] = self.due.on.isoformat() if self.due else None
        if status:
            found["status"] = status
        if "limit" not in self.more:
            found["provisional"] = self.provisional
        found["kind"] = "official" if self.official else "worked"
        found["source"] = f"{self.why}. {self.due.text}." if self.due else f"{self.why}."
        return found


def _stands(as_of: date, due: date) -> str:
    return "open" if as_of < due else "due-today" if as_of == due else "overdue"


def around(case: Case) -> Iterator[Case]:
    """The case, and how it stands the day before its due date, on it and after it."""
    yield case
    assert case.due is not None
    for name, shift in (("eve", -1), ("day", 0), ("after", 1)):
        as_of = (case.due.on + timedelta(days=shift)).isoformat()
        yield Case(f"{case.id}-{name}", case.statute, case.facts, case.due, case.why, as_of=as_of, more=case.more)
