"""What follows from a fact, or from the clock: the case events, numbered, each explained by its cause. Pure."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, tzinfo
from functools import lru_cache
from hashlib import sha1
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from services.events.case_data import RequestSummary
from services.events.cases import CaseEvent
from services.events.codec import CASE_TYPES
from services.events.envelope import PREFIX, VERSION
from services.events.facts import FactCorrected, FactRetracted, RequestFact, TallyRecorded
from services.events.vocabulary import Ref
from services.statute import decisions, rules
from services.statute.assessment import legal_date
from services.statute.state import Decision, RequestState
from services.tracker.core import contradictions
from services.tracker.core.amend import Amendments
from services.tracker.core.case import (
    MOST_CONFLICTS,
    Case,
    Conflict,
    Tallies,
    amended_root,
    evolve,
    lawful,
    settling,
    tally_value,
)
from services.tracker.core.content import content_of
from services.tracker.core.foreign import holder
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.view import look
from services.words.catalogue import flag, said, text
from services.words.remark import remark

SOURCE = "urn:shixian:tracker"
_IDS = UUID("6e4d4f2e-3f0b-5e0c-9a53-1f3d6c2b7a10")


def decide(
    case: Case,
    fact: RequestFact,
    reference_data: ReferenceData,
    now: datetime,
    tallies: Tallies,
    amendments: Amendments | None = None,
) -> tuple[Case, list[CaseEvent]]:
    """The case after ``fact`` and the events that say so; a fact that the case has seen changes nothing.

    ``now`` is an aware instant; a fact is judged at its own legal date (or the latest that the case knows), so that
    history can be posted years later without false alarms: the clock's own doings are left to :func:`tick`.
    ``amendments`` are those of the case, where somebody keeps them; the fact is added to them.
    """
    if (known := holder(fact, case.facts, case.subject, reference_data.organs)) is not None:
        return again(case, known, fact, reference_data, now)
    if isinstance(fact, TallyRecorded):
        return _count(case, fact, reference_data, now, tallies)
    grown = replace(case, facts=(*case.facts, fact), conflicts=settling(case.conflicts, fact))
    as_of = max(
        case.as_of, min(_dated(fact, reference_data, case, now), _today(reference_data, fact_organ(case, fact), now))
    )
    if amendments is not None:
        amendments.take(fact)
    looked = look(grown, reference_data, as_of, amendments.amended() if amendments is not None else None)
    view = looked.view
    decided = decisions.changes(case.view, view, looked.profile, as_of, case.as_of)
    if view.refused:
        decided += _rejections(case.view, view)
    if tallies:
        decided += _tally_changes(case, grown, fact, tallies, reference_data, as_of)
    if not decided:
        decided = [Decision("fact-recorded", as_of, _recorded(case.view, view))]
    return _conclude(case, view, decided, fact, reference_data, as_of, now)


def again(
    case: Case, known: RequestFact, fact: RequestFact, reference_data: ReferenceData, now: datetime
) -> tuple[Case, list[CaseEvent]]:
    """The case after a fact under a name that it knows: the same once more changes nothing, and so does one with other
    content, but for a rejection that says so."""
    content = content_of(fact)
    reported = len(case.conflicts) >= MOST_CONFLICTS or any(
        c.ref == fact.ref and c.content == content for c in case.conflicts
    )
    if reported or content == content_of(known):
        return case, []
    grown = replace(case, conflicts=(*case.conflicts, Conflict(fact.ref, content, now)))
    view = look(grown, reference_data, case.as_of).view
    wrong = remark(contradictions.ID_CONFLICT, fact)
    values = {"reason": text(wrong), "remark": said(wrong), "cause": fact.ref, "content": content}
    return _conclude(case, view, [Decision("fact-rejected", date.min, values)], None, reference_data, case.as_of, now)


def tick(case: Case, reference_data: ReferenceData, now: datetime) -> tuple[Case, list[CaseEvent], date | None]:
    """The case at ``now`` by the clock (and the calendars known) alone, the events, and when to look again."""
    as_of = max(case.as_of, _today(reference_data, case.view.organ, now))
    looked = look(case, reference_data, as_of)
    view = looked.view
    decided = decisions.changes(case.view, view, looked.profile, as_of, case.as_of) + _rejections(case.view, view)
    if not decided and _unsaid(view) != _unsaid(case.view):
        # What it waited for has come and set no date: the log has to say so, or the case would wait for it for ever.
        # And a calendar can change how long the first response took without moving a date, as another law can be one
        # with the same date.
        decided = [Decision("fact-recorded", as_of, _waits(view))]
    if not decided:
        return case, [], view.wake_on
    after, events = _conclude(case, view, decided, None, reference_data, as_of, now)
    return after, events, view.wake_on


def _recorded(old: RequestState, new: RequestState) -> dict[str, Any]:
    """What a fact that changed no date and no state led to: new remarks, and what the case waits for."""
    known, old_flags = set(old.remarks), set(old.old_flags)
    fresh = [each for each in new.remarks if each not in known]
    if old_flags:  # of a case that was stored before remarks had codes
        fresh = [each for each in fresh if flag(each) not in old_flags]
    values: dict[str, Any] = {"flags": tuple([flag(each) for each in fresh])}
    if fresh:
        values["remarks"] = tuple([said(each) for each in fresh])
    return values | (_waits(new) if new.waiting_for else {})


def _waits(view: RequestState) -> dict[str, Any]:
    return {"waiting_for": view.waiting_for or None, "awaits": said(view.awaits) if view.awaits else None}


def _unsaid(view: RequestState) -> tuple[object, ...]:
    """What changes without a decision of the law."""
    unsaid = (view.waiting_for, view.first_response_on, view.first_working_days, view.statute, view.calendar_id)
    return (*unsaid, view.item, contradicting(view), view.state == "duty" and view.organ)


def contradicting(view: RequestState) -> bool:
    """Whether facts of the case contradict one another, and nobody has put that right."""
    return any(each.code in contradictions.CODES for each in view.refused)


def fact_organ(case: Case, fact: RequestFact) -> str:
    """The organ that the fact or its case names, if any."""
    return str(getattr(fact.data, "organ", "") or case.view.organ)


def _zone(reference_data: ReferenceData, organ: str) -> ZoneInfo:
    return reference_data.zone(organ) if organ in reference_data.organs else ZoneInfo("UTC")


def _today(reference_data: ReferenceData, organ: str, now: datetime) -> date:
    return _at(now, _zone(reference_data, organ)).date()


@lru_cache(maxsize=64)
def _at(now: datetime, zone: tzinfo) -> datetime:
    """``now`` in a zone: it is the same for all facts of a batch."""
    return now.astimezone(zone)


def _dated(fact: RequestFact, reference_data: ReferenceData, case: Case, now: datetime) -> date:
    """The day a fact is judged at: its legal date; for an amendment the day it was made."""
    if isinstance(fact, FactCorrected | FactRetracted):
        made = fact.time or fact.recordedtime or now
        return made.astimezone(_zone(reference_data, case.view.organ)).date()
    return legal_date(lawful(fact))


def _rejections(old: RequestState, new: RequestState) -> list[Decision]:
    known, old_rejected = set(old.refused), set(old.old_rejected)
    return [
        Decision("fact-rejected", date.min, {"reason": reason, "remark": said(each), "cause": Ref(ref.source, ref.id)})
        for each in new.refused
        if (ref := each.fact) is not None
        and each not in known
        and (ref.source, ref.id, full := text(each)) not in old_rejected
        and (reason := full[:500])
    ]


def _tally_changes(
    case: Case, grown: Case, fact: RequestFact, tallies: Tallies, reference_data: ReferenceData, on: date
) -> list[Decision]:
    """A correction or retraction of a tally that the log already has: the tally as it counts now."""
    if not tallies or not isinstance(fact, FactCorrected | FactRetracted):
        return []
    tally = tallies.get(amended_root(fact, grown, reference_data.organs))
    if tally is None:
        return []
    before, after = tally_value(tally, case), tally_value(tally, grown)
    if before == after:
        return []
    return [Decision("tally-recorded", on, {"tally": tally.ref, "counted": after.data if after else None})]


def _count(
    case: Case, fact: TallyRecorded, reference_data: ReferenceData, now: datetime, tallies: Tallies
) -> tuple[Case, list[CaseEvent]]:
    if (known := tallies.get(fact.ref)) is not None:
        return again(case, known, fact, reference_data, now)
    value = tally_value(fact, case)
    decided = [Decision("tally-recorded", fact.data.on, {"tally": fact.ref, "counted": value.data if value else None})]
    return _conclude(case, case.view, decided, fact, reference_data, case.as_of, now)


def _conclude(
    case: Case,
    view: RequestState,
    decided: list[Decision],
    fact: RequestFact | None,
    reference_data: ReferenceData,
    as_of: date,
    now: datetime,
) -> tuple[Case, list[CaseEvent]]:
    """Number the decisions and dress them as events; the case after them."""
    zone = _zone(reference_data, view.organ or (fact_organ(case, fact) if fact else ""))
    request, recorded = summary(view), _at(now, UTC)
    named = fact.ref if fact else None
    events: list[CaseEvent] = []
    rules_in_force = rules.current().digest
    for place, decision in enumerate(decided):
        values = decision.values
        cause = values.pop("cause") if "cause" in values else named
        day = as_of if decision.on == date.min else decision.on
        event_shape, data_shape, types = _SHAPES[decision.name]
        if types:
            values = {k: msgspec.convert(v, types[k]) if v.__class__ is dict else v for k, v in values.items()}
        sequence = case.sequence + place + 1
        event: CaseEvent = event_shape(
            specversion="1.0",
            id=event_id(case.subject, sequence),
            source=SOURCE,
            subject=case.subject,
            time=datetime.combine(day, time.min, zone) if day > date.min else now,
            recordedtime=recorded,
            sequence=sequence,
            data=data_shape(
                **values,
                cause=cause,
                request=request,
                as_of=as_of,
                reference=reference_data.known,
                rules=rules_in_force,
                fact=fact if place == 0 else None,
            ),
            traceparent=fact.traceparent if fact else None,
        )
        events.append(event)
    return replace(evolve(case, *events), view=view), events


def event_id(subject: str, sequence: int) -> str:
    """The id of a subject's event: a UUID of version 5 (RFC 9562) of what it is, so that it comes out the same again.

    As :func:`uuid.uuid5` does it, in a sixth of its time: the version is one digit, the variant the half of another.
    """
    text = sha1(_IDS.bytes + f"{subject}\n{sequence}".encode(), usedforsecurity=False).hexdigest()
    return f"{text[:8]}-{text[8:12]}-5{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:32]}"


_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}


def _shapes(name: str, shape: Any) -> tuple[Any, Any, Mapping[str, Any]]:
    data: Any = {f.name: f.type for f in msgspec.structs.fields(shape)}["data"]
    types = (
        {f.name: f.type for f in msgspec.structs.fields(data)}
        if name.startswith(("review-", "step-", "card-", "duty-"))
        else {}
    )
    return shape, data, types


_SHAPES = {
    name: _shapes(name, shape)
    for name, shape in ((tag.removeprefix(PREFIX).removesuffix(VERSION), s) for tag, s in CASE_TYPES.items())
}
"""By the decision's name: the event's type and its data's; and the types of its values for the decisions on reviews,
steps, cards and duties, which come as plain mappings."""


def summary(view: RequestState) -> RequestSummary | None:
    """The request as a case event carries it; None while the request itself (or its organ) is unknown."""
    if view.submitted_on is None:
        return None
    return _SUMMARY(
        organ=view.organ,
        channel=view.channel,
        applicant=view.applicant,
        statute=view.statute,
        submitted_on=view.submitted_on,
        state=view.state,
        received_on=view.received_on,
        due_on=view.due_on,
        provisional=view.provisional,
        extended=view.extended > 0,
        answered_on=view.answered_on,
        closed_on=view.closed_on,
        outcome=view.outcome or None,
        timeliness=view.timeliness or None,
        working_days=view.working_days,
        overdue_from=view.overdue_from,
        breached_from=view.breached_from,
        first_response_on=view.first_response_on,
        first_working_days=view.first_working_days,
        contradicting=contradicting(view),
        item=view.item or None,
        committed_due_on=view.committed_due_on,
        committed_timeliness=view.committed_timeliness or None,
    )


_SUMMARY: Callable[..., RequestSummary] = RequestSummary
"""The view's codes are those of the facts that were checked when they came, so they need no check here."""
