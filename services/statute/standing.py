"""How a request stands on a day, its clock gone through: the state that follows from the run."""

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.answer_clock import AnswerClock, Step
from services.statute.deadlines import deadlines
from services.statute.first import first_response
from services.statute.moves import walk
from services.statute.office.items import committed_due
from services.statute.office.supervision import warned_before
from services.statute.orders import Order, ordered
from services.statute.state import RequestState
from services.statute.timeline import End, reviews
from services.statute.versions import successor

_DAY = timedelta(days=1)


class _Standing(Struct, frozen=True):
    """How the limit stands that has to be kept: the answer's own or, where a new answer was ordered, that one's."""

    due: date | None
    is_pending: bool
    halts: list[Step] = []
    """The stops that hold the clock."""
    overdue_from: date | None = None
    late: bool = False
    """Whether what ended the request came late."""
    own: date | None = None
    """The last day by the law's own limit."""
    breached_from: date | None = None
    """The first day after that limit, where a later one was missed as well."""


def _standing(run: AnswerClock, orders: list[Order], today: date) -> _Standing:
    end = run.end
    late_by = end.on if end else today
    # An answer that was ordered is judged by the order; the law's own limit ran until that came.
    is_ordered = bool(orders) and (end is None or any(end.fact is each.by for each in orders))
    if is_ordered:
        # The breach of the law's own limit stays; a limit that had not passed when the order came is no breach.
        late_by = min(late_by, orders[0].start)
    own = run.due(late_by)
    overdue_from = own + _DAY if own is not None and late_by > own else None
    late = overdue_from is not None
    if orders:
        missed = [each.missed_from(today, then) for each, then in pairwise([*orders, None]) if each is not None]
        breaches = [day for day in missed if day is not None]
        late = late or (is_ordered and end is not None and any(day <= end.on for day in breaches))
        latest = breaches[-1] if breaches else overdue_from
        before = overdue_from if breaches else None
        return _Standing(orders[-1].due, orders[-1].done is None, [], latest, late, own, before)
    # One rule: the clock stands still exactly while no last day is known. A stop that begins after the last day stops
    # nothing, so a request is never stopped and overdue at once.
    halts = [] if end or own is not None else run.stands_still(today)
    return _Standing(own, end is None, halts, overdue_from, late, own)


def _is_provisional(run: AnswerClock, order: Order | None, stands: _Standing) -> bool:
    """Whether a notice of the calendar that is still to come can move the last day."""
    if stands.due is None or not stands.is_pending:
        return False
    clock, since = (order.clock, order.start) if order else (run.clock, run.event)
    return clocks.depends_on_calendar(clock) and run.calendar.is_provisional(stands.due, since)


def state_on(run: AnswerClock, today: date) -> RequestState:
    """How the request stands at ``today``, its clock gone through."""
    timeline, end = run.timeline, run.end
    assert timeline.received is not None
    data = timeline.received.data
    filed = reviews(timeline) if timeline.filed else ()
    orders = ordered(run, filed) if filed else []
    order = orders[-1] if orders else None
    stands = _standing(run, orders, today)
    due, halts, is_pending = stands.due, stands.halts, stands.is_pending
    halted = min([s.days.first for s in halts if s.days], default=None)
    rungs = _rungs(run, due, order) if is_pending and due is not None else []
    used = max(0, clocks.used(run.clock, run.calendar, end.on)) if end else None
    provisional = _is_provisional(run, order, stands)
    first_on, first_days = first_response(run, used)
    statute_other, due_on_other = _other(run, stands.own)
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
        **_reanswer(order, end, stands),
    )


def _ending(end: End | None, stands: _Standing) -> dict[str, Any]:
    """What a state says of how far the request is: the fields that a request without an end leaves as they are."""
    answered = end is not None and end.how == "answered"
    state = ("stopped" if stands.halts else "open") if stands.is_pending else "answered" if answered else "closed"
    if end is None:
        return {"state": state}
    ended = {"state": state, "closed_on": end.on, "closing": end.how, "outcome": end.outcome}
    return ended | {"answered_on": end.on, "timeliness": "late" if stands.late else "in-time"} if answered else ended


def _reanswer(order: Order | None, end: End | None, stands: _Standing) -> dict[str, Any]:
    """What a state says of a new answer that was ordered; nothing where none was. An answer that ended the request is
    its first."""
    if order is None:
        return {}
    said = {"ordered_by": order.review, "own_due_on": stands.own, "breached_from": stands.breached_from}
    if order.by is None or (end is not None and order.by is end.fact):
        return said
    return said | {"reanswered_on": order.done, "reanswer_outcome": order.outcome}


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
    if newer is None or (due or run.horizon) < newer.in_force.from_:
        return "", None
    if run.received_on >= newer.in_force.from_ or (run.end is not None and run.end.on < newer.in_force.from_):
        return "", None
    other = walk(run.timeline, newer.on(newer.in_force.from_), run.calendar, run.received_on, run.horizon)
    if other.end is not None:
        other.cut(other.end.on)
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
