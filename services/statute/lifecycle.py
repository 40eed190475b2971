"""The case's life: what a request's facts mean in law, whatever the order in which they came.

:func:`read` puts the facts into the order of their legal dates, :func:`~services.statute.walk.walk` moves the answer's
clock by one after the other, :func:`derive` says how the request stands on a day. So the same facts make the same case.
"""

from datetime import date, timedelta

from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.calendar import Calendar
from services.statute.clock import Interval
from services.statute.draft import MEANINGS, Draft, in_legal_order, legal_date, read, reviews
from services.statute.first import first_response
from services.statute.profile import Profile, profile_for, successor
from services.statute.run import Run, limit_due
from services.statute.timers import timers
from services.statute.view import View
from services.statute.walk import walk

__all__ = ["MEANINGS", "derive", "in_legal_order", "legal_date", "read", "receipt", "reviews", "settle"]

_DAY = timedelta(days=1)


def receipt(draft: Draft, profile: Profile) -> date | None:
    """The day of receipt by the profile's rule for the channel; None while it has not come."""
    if draft.received is None:
        return None
    data = draft.received.data
    for name in profile.receipt[data.channel]:
        day: date | None = getattr(data, name)
        if name == "confirmed_on":
            day = day or draft.confirmed_on
        if day is not None:
            return day
    return None


def settle(draft: Draft, statute: str, calendar: Calendar, today: date) -> tuple[View, Profile]:
    """The request at ``today`` under the version of ``statute`` that holds for it, and that version.

    Raises :class:`~services.statute.errors.StatuteError`.
    """
    assert draft.received is not None
    profile = profile_for(statute, draft.received.data.submitted_on)
    received_on = receipt(draft, profile)
    if received_on is not None and received_on > profile.in_force_through:
        # The version is the one in force on the day of receipt; which day that is, an older version may say.
        profile = profile_for(statute, received_on)
    view = derive(draft, profile, calendar, today)
    if view.statute_other and profile.id != statute and profile.says("transition") == "pending-takes-new":
        newer = successor(profile)
        assert newer is not None
        other = derive(draft, newer, calendar, today)
        return replace(other, statute_other=profile.id, due_on_other=view.due_on), newer
    return view, profile


def derive(draft: Draft, profile: Profile, calendar: Calendar, today: date) -> View:
    """The request as it stands at ``today``; call it only with a draft whose request is received."""
    assert draft.received is not None
    data = draft.received.data
    filed = reviews(draft) if draft.filed else ()
    received_on = receipt(draft, profile)
    if received_on is None:
        since = data.submitted_on
        by = limit_due(profile.answer, since, profile, calendar)
        text = f"not yet confirmed; counted from the submission on {since} the limit would end on {by}"
        return View(
            organ=data.organ,
            channel=data.channel,
            applicant=data.applicant,
            submitted_on=since,
            statute=profile.id,
            calendar=calendar.title,
            reviews=filed,
            state="unconfirmed",
            flags=(*draft.flags, text),
        )
    run = walk(draft, profile, calendar, received_on, today)
    _check(run)
    end = run.end
    if end is not None:
        cut(run, end[0])
    clock, due = run.clock, run.due()
    halts = [] if end else run.stands_still(today)
    late_by = end[0] if end else today
    overdue_from = due + _DAY if due is not None and late_by > due else None
    provisional = (
        due is not None and not end and clocks.depends_on_calendar(clock) and calendar.is_provisional(due, run.event)
    )
    rungs = [] if end or due is None else _rungs(run, due)
    statute_other, due_on_other = _other(run, due)
    used = max(0, clocks.used(clock, calendar, end[0])) if end else None
    first_on, first_days = first_response(run, used)
    halted = min([s.days.first for s in halts if s.days], default=None)
    return View(
        organ=data.organ,
        channel=data.channel,
        applicant=data.applicant,
        submitted_on=data.submitted_on,
        statute=profile.id,
        calendar=calendar.title,
        reviews=filed,
        received_on=received_on,
        state=("answered" if end[1] == "answered" else "closed") if end else ("stopped" if halts else "open"),
        flags=tuple([f.text for f in (*draft.findings, *run.findings)]),
        rejected=tuple([(f.fact.source, f.fact.id, f.text) for f in run.rejected if f.fact]),
        due_on=due,
        provisional=provisional,
        extended=run.extended,
        last_due_on=run.last_known if due is None else None,
        moves=_moves(run) if run.steps else (),
        statute_other=statute_other,
        due_on_other=due_on_other,
        stopped_since=halted,
        stopped_for=halts[0].about if halts else "",
        warned=tuple([r for r in rungs if r[0] <= today]),
        overdue_from=overdue_from,
        answered_on=end[0] if end and end[1] == "answered" else None,
        closed_on=end[0] if end else None,
        closing=end[1] if end else "",
        outcome=end[2] if end else "",
        timeliness=("late" if overdue_from else "in-time") if end and end[1] == "answered" else "",
        working_days=used,
        first_response_on=first_on,
        first_working_days=first_days,
        wake_on=None if end else _wake(run, due, rungs, today),
        clocks=timers(run, due, provisional, halted, overdue_from, filed),
    )


def _check(run: Run) -> None:
    """What is odd about the receipt and the ends."""
    draft, profile, received_on = run.draft, run.profile, run.received_on
    assert draft.received is not None
    data = draft.received.data
    if received_on > data.submitted_on and profile.receipt[data.channel][0] == "confirmed_on":
        apart = (received_on - data.submitted_on).days
        due = limit_due(profile.answer, data.submitted_on, profile, run.calendar)
        run.note(
            None,
            f"submitted on {data.submitted_on}, confirmed on {received_on}, {apart} days later; "
            f"counted from the submission the limit would end on {due}",
        )
    if received_on < data.submitted_on:
        run.note(None, f"received on {received_on}, before the submission on {data.submitted_on}")
    if run.end is None:
        return
    if run.end[0] < received_on:
        run.note(None, f"{run.end[1]} on {run.end[0]}, before the receipt on {received_on}")
    others = [end for end in draft.ends if end[3] is not run.end[3]]
    for day, how, _, fact in sorted(others, key=lambda e: e[:3]):
        if fact is not None:
            run.note(fact, f"{how} on {day}: the request had ended on {run.end[0]}")


def cut(run: Run, end: date) -> None:
    """What was still stopping the clock when the request ended stops it no longer than that."""
    if run.clock.excluded:
        gaps = tuple(
            Interval(g.first, end, g.reason, g.article) if g.last is None or g.last > end else g
            for g in run.clock.excluded
            if g.first <= end
        )
        run.ledger.settle(replace(run.clock, excluded=gaps))


def _moves(run: Run) -> tuple[tuple[str, str, str], ...]:
    return tuple(
        (f"{s.fact.source} {s.fact.id}", s.days.last.isoformat() if s.days and s.days.last else "", s.article)
        for s in run.steps
    )


def _other(run: Run, due: date | None) -> tuple[str, date | None]:
    """The newer version that a request pending when it came into force can be held to, and its due date.

    The breach of the older limit before the change stays a breach; such a request has one date only.
    """
    newer = successor(run.profile)
    if newer is None or (due is not None and due < newer.in_force_from):
        return "", None
    if run.received_on >= newer.in_force_from or (run.end is not None and run.end[0] < newer.in_force_from):
        return "", None
    other = walk(run.draft, newer, run.calendar, run.received_on, run.horizon)
    if other.end is not None:
        cut(other, other.end[0])
    return newer.id, other.due()


def _rungs(run: Run, due: date) -> list[tuple[date, int]]:
    """The days on which a warning is due, the first one first; none on or before the day that the limit counts from."""
    unit, calendar, start = clocks.days_of(run.clock.unit), run.calendar, run.clock.start
    return [(day, n) for n in run.profile.ladder if (day := clocks.add(unit, calendar, due, -n)) > start]


def _wake(run: Run, due: date | None, rungs: list[tuple[date, int]], today: date) -> date | None:
    """The next day on which the clock alone changes the view."""
    ahead = [day for day, _ in rungs]
    if due is not None:
        ahead.append(due + _DAY)
    for step in run.steps:
        if step.days is not None:
            ahead.append(step.on)
            if step.resumed_on is not None:
                ahead.append(step.resumed_on)
    return min((day for day in (*ahead, *run.wakes) if day > today), default=None)
