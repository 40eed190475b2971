"""What may come next for a request: the facts for which it has room as it stands, and what the law would say of each if
it were of today. Pure.

Nothing is forbidden by it: a fact that happened is taken, whatever the law says against it. What the law would give no
effect however it is dated is left out.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeGuard

import msgspec
from msgspec import Struct

from services.events.codec import decode_fact
from services.events.envelope import type_of
from services.events.facts import AnswerDelivered, AnswerIssued, ConsultationOpened, ConsultationReached, RequestFact
from services.statute.office.items import leaves_out_special
from services.statute.profile_tables import LAPSED
from services.statute.status import status
from services.statute.versions import profiles
from services.tracker.core.case import Case
from services.tracker.core.proposal import proposal
from services.tracker.core.reference_data import ReferenceData
from services.words.catalogue import Said

SOURCE, ID = "urn:shixian:next", "next"
WITHOUT_EFFECT = frozenset(
    {
        *("extension-beyond-cap", "extension-too-often", "clarification-too-often"),
        *("deferral-unknown", "agreement-unknown", "fact-after-end"),
    }
)
"""Remarks by which the law gives such a fact nothing at all, whenever it was."""
_AT_WORK = frozenset({"assigned", "accepted"})
_WITH_STOP = {
    "stopped-clarification": ("clarification-received",),
    "stopped-consultation": ("consultation-reached", "consultation-closed"),
    "stopped-fee": ("fee-paid",),
    "stopped-special-step": ("special-step-closed",),
}
_WHILE_ASKED = ("consultation-opened", "extension-granted", "fee-notified", "request-transferred")
"""What an office may do while it waits for a view: ask somebody else as well, take longer, ask a fee, pass it on."""
_RUNNING = (
    *("answer-issued", "extension-granted", "clarification-requested", "consultation-opened", "fee-notified"),
    *("volume-deferred", "date-agreed", "request-transferred", "request-withdrawn", "assignment-opened"),
)


class NextFact(Struct, frozen=True, kw_only=True):
    """A fact that may come next."""

    fact: str
    """The contract's name of it, without prefix and version."""
    article: str = ""
    """What it rests on, by the request's statute; empty where its file names none."""
    remarks: list[Said] = []
    """What the law would say against it, or has to add, if it were of today; of those that can be tried without knowing
    what they say."""


class NextFacts(Struct, frozen=True, kw_only=True):
    """What may come next for a request as it stands."""

    request: str
    as_of: datetime
    facts: list[NextFact]


def next_facts(case: Case, reference_data: ReferenceData, now: datetime) -> NextFacts:
    """The facts that may come next, the likeliest first."""
    organ = case.view.organ
    zone = reference_data.zone(organ) if organ in reference_data.organs else None
    today = now.astimezone(zone).date()
    tried = [_tried(name, case, reference_data, now, today) for name in dict.fromkeys(_named(case, today))]
    return NextFacts(request=case.subject, as_of=now, facts=[each for each in tried if each is not None])


def _named(case: Case, today: date) -> Iterator[str]:
    view = case.view
    stands = status(view, today)
    match stands:
        case "waiting" if not view.organ:
            yield "request-received"
            return
        case "waiting":
            pass
        case "unconfirmed":
            yield from ("receipt-confirmed", "clarification-requested", "request-transferred", "request-withdrawn")
        case "open" | "due-today" | "overdue":
            yield from _RUNNING
            if view.item and _leaves_out_special(view.statute):
                yield "special-step-opened"
            yield from _entered_late(case)
            if stands == "overdue":
                yield "review-filed"  # silence can be challenged as an answer can
        case "stopped":
            why = view.stop.code if view.stop else ""
            yield from _WITH_STOP.get(why, ())
            yield from ("answer-issued", "assignment-opened", "request-withdrawn")
            yield from _entered_late(case)
            if why == "stopped-consultation":
                yield from _WHILE_ASKED
        case "answered":
            if not any(map(_says_delivery, case.facts)):
                yield "answer-delivered"
            yield "review-filed"
        case "closed":
            yield from _entered_late(case)
            yield "review-filed"
        case _:
            return
    states = {each.state for each in view.steps}
    if "assigned" in states:
        yield from ("assignment-accepted", "assignment-returned")
    if states & _AT_WORK:
        yield "assignment-completed"
    if any(each.decided_on is None for each in view.reviews):
        yield "review-decided"
    if any(each.decided_on is not None and each.delivered_on is None for each in view.reviews):
        yield "review-decision-delivered"
    if any(each.done_on is None for each in view.duties):
        yield "duty-done"


def _entered_late(case: Case) -> Iterator[str]:
    """What the clock has taken as not done, and what may have been done in its time all the same, or with good cause
    after it: it is only entered now."""
    view = case.view
    if view.closing:
        yield from _AGAINST_LAPSE.get(view.outcome, ())
        return
    unanswered = {clock.about for clock in view.clocks if clock.limit == "consultation" and clock.done_on is None}
    reached = {fact.data.consultation for fact in case.facts if _says_reached(fact)}
    if unanswered - reached:
        yield "consultation-reached"
    if unanswered:
        yield "consultation-closed"


_AGAINST_LAPSE = {LAPSED["clarification"]: ("clarification-received",), LAPSED["fee"]: ("fee-paid",)}
"""By the outcome of a request that the clock has closed, what keeps it open."""


def _says_reached(fact: RequestFact) -> TypeGuard[ConsultationOpened | ConsultationReached]:
    """Whether it says when a letter that asks for a view reached whom it asks."""
    return isinstance(fact, ConsultationReached) or (
        isinstance(fact, ConsultationOpened) and fact.data.reached_on is not None
    )


def _leaves_out_special(version: str) -> bool:
    """Whether special steps stop anything under the version of a law that a request is under."""
    return version in profiles() and leaves_out_special(profiles()[version])


def _says_delivery(fact: RequestFact) -> bool:
    """Whether it says when the answer reached the applicant."""
    if isinstance(fact, AnswerIssued):
        return fact.data.delivered_on is not None or fact.data.service == "handed"
    return isinstance(fact, AnswerDelivered)


def _trial(name: str, case: Case, today: date) -> Mapping[str, Any] | None:
    """The data of a fact of today that says as little as it can; None where it is all in what it says."""
    match name:
        case "receipt-confirmed":
            return {"confirmed_on": today}
        case "clarification-received" if case.view.closing:
            return {"received_on": today}  # it is late today; what came in its time is entered with its day
        case "fee-paid" if case.view.closing:
            return {"paid_on": today}
        case "clarification-requested":
            return {"requested_on": today, "respond_by": today + timedelta(days=30)}
        case "extension-granted":
            return {"decided_on": today, "notified_on": today, "amount": 1}
        case "fee-notified":
            return {"notified_on": today, "amount": 1}
        case "volume-deferred":
            return {"notified_on": today, "until": today + timedelta(days=365)}
        case "date-agreed":
            return {"agreed_on": today, "until": today + timedelta(days=365)}
        case "consultation-opened":
            number = sum(isinstance(fact, ConsultationOpened) for fact in case.facts) + 1
            return {"consultation": f"{number}", "party": "third-party", "sent_on": today}
        case _:
            return None


def _tried(name: str, case: Case, reference_data: ReferenceData, now: datetime, today: date) -> NextFact | None:
    """The fact with what the law says of it; None where it would be given no effect."""
    data = _trial(name, case, today)
    if data is None:
        return NextFact(fact=name)
    raw = {"specversion": "1.0", "type": type_of(name), "source": SOURCE, "id": ID, "subject": case.subject}
    fact: Any = decode_fact(msgspec.json.encode(raw | {"data": data}))
    found = proposal(case, fact, reference_data, now)
    own = [one for one in found.remarks if _is_ours(one) and one.code != "respond-by-rolls"]
    if any(one.code in WITHOUT_EFFECT for one in own) or any(map(_is_ours, found.rejected)):
        return None
    return NextFact(fact=name, article=found.article, remarks=own)


def _is_ours(said: Said) -> bool:
    return said.fact is not None and (said.fact.source, said.fact.id) == (SOURCE, ID)
