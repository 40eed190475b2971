"""The case's life: what a request's facts mean in law, whatever the order in which they came.

:func:`read` puts the facts into the order of their legal dates, :func:`~services.statute.moves.walk` moves the answer's
clock by one after the other, :func:`assess_under` says how the request stands on a day. So the same facts make the
same case.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.answer_clock import AnswerClock, Step, limit_due
from services.statute.calendar import Calendar
from services.statute.clock import Interval
from services.statute.deadlines import deadlines
from services.statute.first import first_response
from services.statute.moves import walk
from services.statute.office.items import committed_due
from services.statute.office.supervision import supervised, warned_before
from services.statute.orders import Order, ordered
from services.statute.profile import Profile
from services.statute.state import RequestState
from services.statute.timeline import MEANINGS, End, Timeline, in_legal_order, legal_date, read, reviews
from services.statute.versions import profile_for, successor
from services.words.remark import remark

__all__ = [
    "MEANINGS",
    "Assessment",
    "assess",
    "assess_under",
    "in_legal_order",
    "legal_date",
    "read",
    "receipt",
    "reviews",
]

ANOTHER_READING = "another reading, asked for with the case"
_DAY = timedelta(days=1)


def receipt(timeline: Timeline, profile: Profile) -> date | None:
    """The day of receipt by the profile's rule for the channel; None while it has not come."""
    if timeline.received is None:
        return None
    data = timeline.received.data
    for name in profile.receipt_rule(data.channel, data.mail):
        day: date | None = getattr(data, name)
        if name == "confirmed_on":
            day = day or timeline.confirmed_on
        if day is not None:
            return day
    return None


class Assessment(Struct, frozen=True):
    """A request as it stands on a day, and how the law came to that."""

    state: RequestState
    profile: Profile
    """The version of the statute that holds for it."""
    timeline: Timeline
    run: AnswerClock | None = None
    """The answer's clock; None while the receipt is not confirmed."""


def assess(
    timeline: Timeline, statute: str, calendar: Calendar, today: date, read_as: Mapping[str, str] = MappingProxyType({})
) -> Assessment:
    """The request at ``today`` under the version of ``statute`` that holds for it.

    ``read_as`` are settings read another way than the statute's file does. Raises
    :class:`~services.statute.errors.StatuteError`.
    """
    assert timeline.received is not None
    profile = _read_as(profile_for(statute, timeline.received.data.submitted_on), read_as)
    received_on = receipt(timeline, profile)
    if received_on is not None and received_on > profile.in_force.through:
        # The version is the one in force on the day of receipt; which day that is, an older version may say.
        profile = _read_as(profile_for(statute, received_on), read_as)
    assessed = assess_under(timeline, profile, calendar, today)
    if assessed.state.statute_other and profile.id != statute and profile.says("transition") == "pending-takes-new":
        newer = successor(profile)
        assert newer is not None
        other = assess_under(timeline, _read_as(newer.on(newer.in_force.from_), read_as), calendar, today)
        return replace(other, state=replace(other.state, statute_other=profile.id, due_on_other=assessed.state.due_on))
    return assessed


def _read_as(profile: Profile, settings: Mapping[str, str]) -> Profile:
    return profile.with_settings(settings, ANOTHER_READING) if settings else profile


def assess_under(timeline: Timeline, profile: Profile, calendar: Calendar, today: date) -> Assessment:
    """The request as it stands at ``today`` under one version of a statute; call it only once it is received."""
    if timeline.item is not None:
        profile = timeline.item.applied(profile)
    received_on = receipt(timeline, profile)
    if received_on is None:
        unconfirmed = _unconfirmed(timeline, profile, calendar)
        return Assessment(supervised(unconfirmed, timeline, profile, calendar, today), profile, timeline)
    run = walk(timeline, profile, calendar, received_on, today)
    _check(run)
    if run.end is not None:
        cut(run, run.end.on)
    return Assessment(supervised(_state(run, today), timeline, profile, calendar, today), profile, timeline, run)


def _unconfirmed(timeline: Timeline, profile: Profile, calendar: Calendar) -> RequestState:
    """No limit runs yet; what it would be, had the submission been the receipt."""
    assert timeline.received is not None
    data = timeline.received.data
    since = data.submitted_on
    by = limit_due(profile.answer, since, profile, calendar)
    return RequestState(
        organ=data.organ,
        channel=data.channel,
        applicant=data.applicant,
        submitted_on=since,
        statute=profile.id,
        calendar=calendar.title,
        item=data.item or "",
        reviews=reviews(timeline) if timeline.filed else (),
        state="unconfirmed",
        remarks=(*timeline.remarks, remark("receipt-unconfirmed", submitted_on=since, would_end_on=by)),
    )


class _Standing(Struct, frozen=True):
    """How the limit stands that has to be kept: the answer's own or, where a new answer was ordered, that one's."""

    due: date | None
    is_pending: bool
    halts: list[Step] = []
    """The stops that hold the clock."""
    overdue_from: date | None = None
    late: bool = False


def _standing(run: AnswerClock, order: Order | None, today: date) -> _Standing:
    end = run.end
    late_by = end.on if end else today
    if order is not None and end is None:
        # The breach of the law's own limit stays; a limit that had not passed when the order came is no breach.
        late_by = min(late_by, order.start)
    own = run.due(late_by)
    overdue_from = own + _DAY if own is not None and late_by > own else None
    late = overdue_from is not None
    if order is not None:
        if order.late(today):
            overdue_from, late = order.due + _DAY, late or end is None or not run.timeline.reanswers
        return _Standing(order.due, order.done is None, [], overdue_from, late)
    # One rule: the clock stands still exactly while no last day is known. A stop that begins after the last day stops
    # nothing, so a request is never stopped and overdue at once.
    halts = [] if end or own is not None else run.stands_still(today)
    return _Standing(own, end is None, halts, overdue_from, late)


def _is_provisional(run: AnswerClock, order: Order | None, stands: _Standing) -> bool:
    """Whether a notice of the calendar that is still to come can move the last day."""
    if stands.due is None or not stands.is_pending:
        return False
    clock, since = (order.clock, order.start) if order else (run.clock, run.event)
    return clocks.depends_on_calendar(clock) and run.calendar.is_provisional(stands.due, since)


def _state(run: AnswerClock, today: date) -> RequestState:
    """How the request stands at ``today``, its clock gone through."""
    timeline, end = run.timeline, run.end
    assert timeline.received is not None
    data = timeline.received.data
    filed = reviews(timeline) if timeline.filed else ()
    order = ordered(run, filed) if filed else None
    stands = _standing(run, order, today)
    due, halts, is_pending = stands.due, stands.halts, stands.is_pending
    halted = min([s.days.first for s in halts if s.days], default=None)
    rungs = _rungs(run, due, order) if is_pending and due is not None else []
    used = max(0, clocks.used(run.clock, run.calendar, end.on)) if end else None
    provisional = _is_provisional(run, order, stands)
    first_on, first_days = first_response(run, used)
    statute_other, due_on_other = _other(run, due)
    return RequestState(
        organ=data.organ,
        channel=data.channel,
        applicant=data.applicant,
        submitted_on=data.submitted_on,
        statute=run.profile.id,
        calendar=run.calendar.title,
        item=data.item or "",
        reviews=filed,
        received_on=run.received_on,
        remarks=(*timeline.remarks, *run.remarks),
        refused=tuple(run.refused),
        due_on=due,
        provisional=provisional,
        extended=run.extended,
        last_due_on=run.last_known if due is None else None,
        latest_due_on=latest_due(run) if due is None else None,
        moves=_moves(run) if run.steps else (),
        statute_other=statute_other,
        due_on_other=due_on_other,
        stopped_since=halted,
        stop=halts[0].about if halts else None,
        warned=tuple([r for r in rungs if r[0] <= today]),
        overdue_from=stands.overdue_from,
        working_days=used,
        first_response_on=first_on,
        first_working_days=first_days,
        committed_due_on=committed_due(run, timeline.item, run.calendar),
        wake_on=_wake(run, due, rungs, today) if is_pending else None,
        clocks=deadlines(run, due, provisional, halted, stands.overdue_from, filed, order),
        **_ending(end, stands),
        **_reanswer(order, timeline),
    )


def _ending(end: End | None, stands: _Standing) -> dict[str, Any]:
    """What a state says of how far the request is: the fields that a request without an end leaves as they are."""
    answered = end is not None and end.how == "answered"
    state = ("stopped" if stands.halts else "open") if stands.is_pending else "answered" if answered else "closed"
    if end is None:
        return {"state": state}
    ended = {"state": state, "closed_on": end.on, "closing": end.how, "outcome": end.outcome}
    return ended | {"answered_on": end.on, "timeliness": "late" if stands.late else "in-time"} if answered else ended


def _reanswer(order: Order | None, timeline: Timeline) -> dict[str, Any]:
    """What a state says of a new answer that was ordered; nothing where none was."""
    if order is None:
        return {}
    if not timeline.reanswers:
        return {"ordered_by": order.review}
    return {"ordered_by": order.review, "reanswered_on": order.done, "reanswer_outcome": order.outcome}


def _check(run: AnswerClock) -> None:
    """What is odd about the receipt and the ends."""
    timeline, profile, received_on = run.timeline, run.profile, run.received_on
    assert timeline.received is not None
    data = timeline.received.data
    if received_on > data.submitted_on and profile.receipt_rule(data.channel, data.mail)[0] == "confirmed_on":
        apart = (received_on - data.submitted_on).days
        due = limit_due(profile.answer, data.submitted_on, profile, run.calendar)
        values = {"submitted_on": data.submitted_on, "received_on": received_on, "would_end_on": due}
        if apart == 1:
            run.note(None, "receipt-confirmed-next-day", **values)
        else:
            run.note(None, "receipt-confirmed-later", days=apart, **values)
    if received_on < data.submitted_on:
        run.note(None, "received-before-submission", received_on=received_on, submitted_on=data.submitted_on)
    if run.end is None:
        return
    if run.end.on < received_on:
        run.note(None, "ended-before-receipt", how=run.end.how, on=run.end.on, received_on=received_on)
    if timeline.reanswers and run.end.how != "answered":
        for fact in timeline.reanswers:
            run.note(fact, "ended-already", how="answered", on=legal_date(fact), ended_on=run.end.on)
    others = [end for end in timeline.ends if end.fact is not run.end.fact]
    for end in sorted(others, key=lambda end: end.order):
        run.note(end.fact, "ended-already", how=end.how, on=end.on, ended_on=run.end.on)


def cut(run: AnswerClock, end: date) -> None:
    """What was still stopping the clock when the request ended stops it no longer than that."""
    if run.clock.excluded:
        gaps = tuple(
            Interval(g.first, end, g.reason, g.article) if g.last is None or g.last > end else g
            for g in run.clock.excluded
            if g.first <= end
        )
        run.ledger.settle(replace(run.clock, excluded=gaps))


def _moves(run: AnswerClock) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (f"{s.fact.source} {s.fact.id}", s.days.last.isoformat() if s.days and s.days.last else "", s.article)
        for s in run.steps
    )


def _other(run: AnswerClock, due: date | None) -> tuple[str, date | None]:
    """The newer version that a request pending when it came into force can be held to, and its due date.

    The breach of the older limit before the change stays a breach; such a request has one date only.
    """
    newer = successor(run.profile)
    if newer is None or (due is not None and due < newer.in_force.from_):
        return "", None
    if run.received_on >= newer.in_force.from_ or (run.end is not None and run.end.on < newer.in_force.from_):
        return "", None
    other = walk(run.timeline, newer.on(newer.in_force.from_), run.calendar, run.received_on, run.horizon)
    if other.end is not None:
        cut(other, other.end.on)
    return newer.id, other.due()


def latest_due(run: AnswerClock) -> date | None:
    """The due date if every stop that is on ends on the last day that it can; None where one has no such day."""
    gaps = run.clock.excluded
    if any(g.last is None and g.until is None for g in gaps):
        return None
    ended = tuple([g if g.last is not None else replace(g, last=g.until) for g in gaps])
    return clocks.due_on(replace(run.clock, excluded=ended), run.calendar)


def _rungs(run: AnswerClock, due: date, order: Order | None) -> list[tuple[date, int]]:
    """The days on which a warning is due, the first one first; none on or before the day that the limit counts from."""
    calendar, counted = run.calendar, order.clock if order else run.clock
    unit, start = clocks.days_of(counted.unit), counted.start
    days = warned_before(run.profile, _organ(run))
    return [(day, n) for n in days if (day := clocks.add(unit, calendar, due, -n)) > start]


def _organ(run: AnswerClock) -> str:
    assert run.timeline.received is not None
    organ: str = run.timeline.received.data.organ
    return organ


def _wake(run: AnswerClock, due: date | None, rungs: list[tuple[date, int]], today: date) -> date | None:
    """The next day on which the clock alone changes the view."""
    ahead = [day for day, _ in rungs]
    if due is not None:
        ahead.append(due + _DAY)
    for step in run.steps:
        if step.days is not None:
            ahead.append(step.on)
            if step.resumed_on is not None:
                ahead.append(step.resumed_on)
    for law in run.profile.temporary:
        ahead += [law.from_, law.through + _DAY]
    return min((day for day in (*ahead, *run.wakes) if day > today), default=None)
