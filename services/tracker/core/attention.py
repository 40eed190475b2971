"""What of a case needs a person: what was rejected, has no effect, contradicts, waits, or stands still. Pure.

Each item follows from the case as it stands, and goes when the case is put right; so it can be made again at any time.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args

from msgspec import Struct

from services.events.facts import RequestReceived
from services.events.vocabulary import Ref
from services.statute.state import RequestState
from services.tracker.core.amend import amend
from services.tracker.core.case import Case, is_amendment
from services.tracker.core.contradictions import CODES as CONTRADICTING
from services.tracker.core.view import organ_of
from services.words.remark import FactRef, Remark, remark

Kind = Literal[
    "rejected", "without-effect", "contradicting", "waiting", "unconfirmed", "open-stop", "expected", "doubtful"
]
KINDS: tuple[Kind, ...] = get_args(Kind)

UNCONFIRMED_DAYS = 7
"""How long a receipt may be unconfirmed before somebody has to look."""
ID_REUSED = "id-reused"
"""The remark on a source and id under two subjects, which no case can see by itself."""

WITHOUT_EFFECT = frozenset(
    {
        "second-receipt",
        "confirmed-again",
        "delivered-before-answer",
        "delivered-again",
        "reached-again",
        "decision-not-known",
        "deferral-void",
        "ended-before-receipt",
        "ended-already",
        "ended-unconfirmed",
        "fact-after-end",
        "reply-after-end",
        "fact-before-receipt",
        "after-limit",
        "consultation-after-limit",
        "buys-no-time",
        "clarification-too-often",
        "respond-by-before-notice",
        "correction-not-asked",
        "consultation-opened-again",
        "consultation-closed-again",
        "consultation-not-opened",
        "fee-asked-again",
        "fee-paid-late",
        "payment-not-asked",
        "extension-too-often",
        "deferral-unknown",
        "deferral-not-later",
        "agreement-unknown",
        "agreed-not-later",
        "review-filed-again",
        "review-decided-again",
        "review-not-filed",
        "duty-done-again",
    }
)
"""The law's remarks on facts that moved nothing."""
INSIDE = frozenset(
    {
        "assignment-opened-again",
        "assignment-not-opened",
        "assignment-closed-already",
        "assignment-after-end",
        "duty-opened-again",
        "duty-of-another",
        "duty-unknown",
        "duty-not-opened",
        "review-opens-no-duty",
        "special-step-unknown",
        "special-step-opened-again",
        "special-step-not-opened",
    }
)
"""Remarks on facts about the work inside the office, and on duties, that moved nothing."""
DOUBTFUL = frozenset({"dates-reversed", "answer-not-ordered", "upheld-orders", "handed-apart"})
"""The law's remarks on facts that count as they were entered, and can't be right together with others."""
WITH_EFFECT = frozenset(
    {
        "correction-late",
        "correction-excused",
        "clarification-notice-late",
        "respond-by-rolls",
        "consultation-closed-early",
        "extension-beyond-cap",
        "stop-without-limit",
        "stops-no-clock",
    }
)
"""The law's remarks on facts that count, if perhaps for less than was meant: nothing about them has to be put right.

One that, as the law is read here, does nothing is marked ``void``. What by its law stops no clock for anybody was
not meant to: its own limit is watched, and that is all it does.
"""
OTHERS = ("clarification-reply", "consultation", "fee-payment", "special-step")
"""The limits that others have while the clock stands still."""
ENDED_DAYS = 3
"""How long after somebody else's limit a stop is surely one that the clock did not end by itself, wherever that is."""
EASTERNMOST = timedelta(hours=14)
"""How far the earliest zone on earth is ahead of UTC."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Item(Struct, frozen=True):
    """One thing that needs a person."""

    kind: Kind
    since: datetime
    """From when on; it may lie ahead, and is no matter for anybody until then."""
    remark: Remark
    organ: str


def items(case: Case) -> list[Item]:
    """What of a case (or a strand, given as one) needs a person, in a fixed order.

    A receipt of another organ's that does not stand is that organ's matter as well: its request has no limit running.
    """
    organ, found = organ_of(case) or case.subject, list[Item]()
    receipts: Mapping[FactRef | None, str] | None = None
    for kind, since, what in _needing(case):
        found.append(Item(kind, since, what, organ))
        if kind in ("rejected", "contradicting"):
            receipts = _receipts(case) if receipts is None else receipts
            if (other := receipts.get(what.fact, organ)) != organ:
                found.append(Item(kind, since, what, other))
    return found


def _receipts(case: Case) -> Mapping[FactRef | None, str]:
    """The organs that receipts of a case name, by the fact."""
    return {FactRef(f.source, f.id): f.data.organ for f in case.facts if isinstance(f, RequestReceived)}


def ineffective(view: RequestState) -> Iterator[tuple[Kind, Remark]]:
    """The facts of a view that were rejected or have no effect."""
    for each in view.refused:
        yield ("contradicting" if each.code in CONTRADICTING else "rejected"), each
    for each in view.remarks:
        if without_effect(each):
            yield "without-effect", each


def without_effect(about: Remark) -> bool:
    """Whether a remark of the law says that its fact moved nothing."""
    return about.code in WITHOUT_EFFECT or about.code in INSIDE or bool(about.values.get("void"))


def _needing(case: Case) -> Iterator[tuple[Kind, datetime, Remark]]:
    view, times = case.view, _times(case)
    first = min(times.values(), default=begins(case.as_of))
    conflicts = {FactRef(c.ref.source, c.ref.id): c.at for c in reversed(case.conflicts)}
    for kind, about in ineffective(view):
        since = times.get(about.fact) if about.fact is not None else None
        if about.code == "id-conflict" and about.fact is not None:
            since = conflicts.get(about.fact)
        yield kind, since or first, about
    for about in view.remarks:
        if about.code in DOUBTFUL:
            yield "doubtful", (times.get(about.fact) if about.fact is not None else None) or first, about
    if view.awaits is not None and (view.awaits.code != "request-received" or _holds_any(case)):
        yield "waiting", _waiting_since(case, view.awaits, times) or first, view.awaits
    if view.state == "unconfirmed" and view.submitted_on is not None:
        days = UNCONFIRMED_DAYS
        waits = remark("unconfirmed-for-long", submitted_on=view.submitted_on, days=days)
        yield "unconfirmed", begins(view.submitted_on + timedelta(days=days)), waits
    if view.state == "stopped" and view.stopped_since is not None:
        yield "open-stop", _without_end(view, view.stopped_since), remark("stop-without-end", since=view.stopped_since)


def _holds_any(case: Case) -> bool:
    """Whether a case without its request has anything at all that waits for it: what was taken back does not, what
    amends a fact that never came does."""
    amended, known = amend(case.facts), {fact.ref for fact in case.facts}
    return bool(amended.facts) or any(is_amendment(f) and f.data.amends not in known for f in case.facts)


def _without_end(view: RequestState, since: date) -> datetime:
    """From when on nothing but a person ends a stop: where somebody else has a limit, once that has passed.

    A limit of the office's own ends none. Where the law ends the stop with the other one's limit the clock does so
    first, and this is gone before its time.
    """
    limits = [clock.due_on for clock in view.clocks if clock.limit in OTHERS and clock.done_on is None]
    last = max((day for day in limits if day is not None), default=None)
    return begins(since if last is None else max(since, last + timedelta(days=ENDED_DAYS)))


def _times(case: Case) -> Mapping[FactRef, datetime]:
    return {FactRef(f.source, f.id): f.recordedtime for f in case.facts if f.recordedtime is not None}


def _waiting_since(case: Case, awaits: Remark, times: Mapping[FactRef, datetime]) -> datetime | None:
    if awaits.code != "fact":
        return None
    target = Ref(str(awaits.values["source"]), str(awaits.values["id"]))
    aimed = [f for f in case.facts if is_amendment(f) and f.data.amends == target]
    return min((t for f in aimed if (t := times.get(FactRef(f.source, f.id))) is not None), default=None)


def begins(day: date) -> datetime:
    """When a day begins, somewhere: it is a local date, and where it has begun, this must not lie ahead."""
    return max(datetime.combine(max(day, _LONG_AGO.date()), time.min, UTC) - EASTERNMOST, _LONG_AGO)
