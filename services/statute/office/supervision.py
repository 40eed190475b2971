"""A request under supervision: its steps, and the rungs of the ladder that its limits have come to. Pure.

A rung is reached at the beginning of its day if its limit has not been kept by then. So it is there once, dated as the
ladder says, and gone when its cause is: a corrected fact, a new calendar, another ladder.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import zip_longest

from msgspec import Struct
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.calendar import Calendar
from services.statute.errors import OutOfRange
from services.statute.office.duties import duties
from services.statute.office.ladder import Ladder, Supervised, ladder_for
from services.statute.office.procedure import procedure_for
from services.statute.office.steps import OPENED, Bounds, holder, steps
from services.statute.orders import Order
from services.statute.profile import Profile
from services.statute.profile_tables import Unit
from services.statute.state import Duty, Fact, Reached, RequestState, Step
from services.statute.timeline import Timeline

_DAY = timedelta(days=1)


class _Limit(Struct, frozen=True):
    """A limit to be watched."""

    limit: Supervised
    start: date
    due_on: date
    unit: Unit
    done_on: date | None
    step: Step | None = None
    about: str = ""


def laws_of(profile: Profile) -> tuple[str, str]:
    """What a file of an office's work may call the law of a request: the version, the statute."""
    return profile.id, profile.statute


def warned_before(profile: Profile, organ: str) -> tuple[int, ...]:
    """The days before the answer's last day on which a warning goes out, the furthest first."""
    if profile.warnings is not None:
        return profile.warnings.ladder
    ladder = ladder_for(organ, laws_of(profile))
    return ladder.answer_warnings if ladder else ()


def supervised(
    state: RequestState,
    timeline: Timeline,
    profile: Profile,
    calendar: Calendar,
    today: date,
    orders: Sequence[Order] = (),
) -> RequestState:
    """The request at ``today`` with its steps and rungs; its own dates stay as they are. ``orders`` are those of new
    answers, by their receipt."""
    laws, ended = laws_of(profile), state.closed_on
    ladder = ladder_for(state.organ, laws)
    if (promise := state.committed_due_on) is not None and state.answered_on is not None:
        state = replace(state, committed_timeliness="late" if state.answered_on > promise else "in-time")
    watched: list[_Limit] = []
    remarks, taken = state.remarks, state.steps
    if timeline.office:
        procedure = procedure_for(state.organ, laws)
        for facts, bounds in _rounds(state, timeline.office, orders, today):
            work = steps(facts, procedure, calendar, bounds)
            remarks, taken = (*remarks, *work.remarks), (*taken, *work.steps)
        watched = [
            _Limit("step", s.started_on, s.due_on, "working-day", s.done_on, s) for s in taken if s.due_on is not None
        ]
    if ladder is not None and ladder.has_cards:
        watched += _answers(state, orders, profile)
    if ladder is not None and promise is not None and timeline.item is not None and ladder.of("committed"):
        unit = clocks.days_of(timeline.item.committed.unit)
        watched.append(_Limit("committed", state.received_on or promise, promise, unit, ended))
    owed = duties(timeline, state.organ, profile, calendar, today)
    if owed.duties or owed.remarks:
        remarks, state = (*remarks, *owed.remarks), replace(state, duties=owed.duties)
        watched += _owed(owed.duties)
    if not watched:
        return replace(state, remarks=remarks, steps=taken) if remarks or taken else state
    return _reached_by(replace(state, remarks=remarks, steps=taken), watched, ladder, calendar, today)


def _rounds(
    state: RequestState, facts: Sequence[Fact], orders: Sequence[Order], today: date
) -> list[tuple[Sequence[Fact], Bounds]]:
    """The facts about steps with what those depend on. The work on an answer that a review ordered is a round of its
    own, from the order to the next one: it takes nothing back of the work before."""
    if not orders:
        # Of a clock that stands still the last day before the stop is nobody's any more.
        return [(facts, Bounds(today, state.due_on or state.latest_due_on, state.closed_on))]
    bounds = [Bounds(today, state.own_due_on, state.closed_on)]
    bounds += [Bounds(today, order.due, ended) for order, ended in _ended(orders)]
    starts, round_of = [order.start for order in orders], dict[str, int]()
    for fact in facts:
        if fact.name == OPENED:
            round_of.setdefault(fact.data.assignment, bisect_right(starts, fact.data.assigned_on))
    rounds: list[list[Fact]] = [[] for _ in bounds]
    for fact in facts:
        rounds[round_of.get(fact.data.assignment, 0)].append(fact)
    return list(zip(rounds, bounds, strict=True))


def _ended(orders: Sequence[Order]) -> Iterator[tuple[Order, date | None]]:
    """Each order with the day on which it ended: that of its answer or, where that came first, of the next order."""
    for order, then in zip_longest(orders, orders[1:]):
        ends = (order.done, then.start if then else None)
        yield order, min((day for day in ends if day is not None), default=None)


def _answers(state: RequestState, orders: Sequence[Order], profile: Profile) -> Iterator[_Limit]:
    """The answer's limit; the law's own, and that of each answer that a review ordered."""
    unit, ended = clocks.days_of(profile.answer.unit), state.closed_on
    if not orders:
        if state.due_on is not None:
            yield _Limit("answer", state.received_on or state.due_on, state.due_on, unit, ended)
        return
    if state.own_due_on is not None:
        kept = orders[0].start if ended is None else min(ended, orders[0].start)
        yield _Limit("answer", state.received_on or state.own_due_on, state.own_due_on, unit, kept)
    for order, done in _ended(orders):
        yield _Limit("answer", order.start, order.due, unit, done, about=order.review)


def on_duty(state: RequestState, profile: Profile, calendar: Calendar, today: date) -> RequestState:
    """A subject that has nothing but duties, with the rungs that they have come to."""
    ladder = ladder_for(state.organ, laws_of(profile))
    return _reached_by(state, _owed(state.duties), ladder, calendar, today)


def _owed(duties: tuple[Duty, ...]) -> list[_Limit]:
    return [
        _Limit("duty", d.event_on, d.due_on, d.unit, d.done_on, about=d.duty) for d in duties if d.due_on is not None
    ]


def _reached_by(
    state: RequestState, watched: list[_Limit], ladder: Ladder | None, calendar: Calendar, today: date
) -> RequestState:
    reached: list[Reached] = []
    ahead = [] if state.wake_on is None else [state.wake_on]
    for limit in watched:
        coming = [limit.due_on + _DAY] if limit.limit in ("step", "duty") else []
        for rung in _rungs(limit, ladder, calendar):
            if limit.done_on is not None and (limit.done_on < rung.on or rung.level == "warning"):
                continue  # a warning about what is done says nothing any more
            if rung.on <= today:
                reached.append(rung)
            else:
                coming.append(rung.on)
        if limit.done_on is None:
            ahead += [day for day in coming if day > today]
    return replace(state, rungs=tuple(reached), wake_on=min(ahead, default=None))


def _rungs(limit: _Limit, ladder: Ladder | None, calendar: Calendar) -> Iterator[Reached]:
    """All rungs that a limit may come to, if it is never kept; those that the calendar can't reach are left out."""
    second: date | None = None
    for rung in ladder.of(limit.limit) if ladder else ():
        try:
            if rung.level == "warning":
                if limit.limit == "answer":
                    continue  # those are the request's own
                left = rung.before or 0
                day = clocks.add(limit.unit, calendar, limit.due_on, -left)
                if day > limit.start:
                    yield _reached("warning", limit, day, left=left)
                continue
            if rung.second is not None:
                if second is None:
                    continue
                day = calendar.add(second, rung.second)
            else:
                day = clocks.add(limit.unit, calendar, limit.due_on, rung.after or 1)
            second = calendar.add(day, rung.within) if rung.within is not None else None
            yield _reached(rung.level, limit, day, answer_by=second)
        except OutOfRange:
            return


def _reached(level: str, limit: _Limit, day: date, left: int = 0, answer_by: date | None = None) -> Reached:
    step = limit.step
    return Reached(
        level=level,
        limit=limit.limit,
        on=day,
        due_on=limit.due_on,
        about=step.about if step else limit.about,
        left=left,
        step=step.step if step else "",
        unit=holder(step.holdings, day) if step else "",
        answer_by=answer_by,
    )
