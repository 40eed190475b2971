"""A clock: a budget and a ledger of days that don't count; its due date is derived, never stored as truth."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta

from msgspec import Struct

from services.statute.calendar import Calendar
from services.statute.profile_tables import Limit, Roll, Start, Unit
from services.words.remark import Remark

_DAY = timedelta(days=1)
_WORKING = ("working-day", "working-week")


class Interval(Struct, frozen=True):
    """Days that don't count, both ends included; ``last`` is None while the end is not known."""

    first: date
    last: date | None
    reason: Remark | None = None
    article: str = ""
    until: date | None = None
    """The day with which it ends at the latest, where that is known."""


class Clock(Struct, frozen=True):
    """``budget`` units counted from the day after ``start``, without the days of ``excluded``."""

    start: date
    """Day 0: the day whose end the counting starts from."""
    budget: int
    unit: Unit
    excluded: tuple[Interval, ...] = ()
    roll: Roll = "none"
    whole_days: bool = False
    """Whether the count starts with the beginning of the day after ``start`` instead of with an event on ``start``: a
    month then ends on the day before the one with the first day's number."""
    beyond: tuple[tuple[int, Unit], ...] = ()
    """Extensions counted from the last day of the limit before them."""
    deferred: tuple[date, date] | None = None
    """An answer put off to a day: when the applicant was notified, and the day."""


def day_zero(event: date, rule: Start, calendar: Calendar) -> date:
    """The day before day 1, for something that happened on ``event``."""
    if rule == "next-day":
        return event
    return (event if rule == "same-day" else calendar.add(event, 1)) - _DAY


def add_months(day: date, months: int) -> date:
    """The day of the same number so many months later; the month's last day where it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def days_of(unit: Unit) -> Unit:
    """The unit in which the rest of a limit is counted once it has been interrupted."""
    return "working-day" if unit in _WORKING else "calendar-day"


def count(unit: Unit, calendar: Calendar, after: date, through: date) -> int:
    """Days (working days, for a unit of these) later than ``after`` up to and including ``through``; never negative."""
    if through <= after:
        return 0
    return calendar.count(after, through) if unit in _WORKING else (through - after).days


def add(unit: Unit, calendar: Calendar, day: date, amount: int, whole_days: bool = False) -> date:
    """The end of the ``amount``-th unit after ``day`` (before it, where negative)."""
    match unit:
        case "working-day":
            return calendar.add(day, amount)
        case "working-week":
            return calendar.add(day, 5 * amount)
        case "calendar-day":
            return day + timedelta(days=amount)
        case "week":
            return day + timedelta(days=7 * amount)
        case "month":
            return _months_from(day + _DAY, amount) if whole_days else add_months(day, amount)


def _months_from(first: date, months: int) -> date:
    """The end of so many months beginning with ``first``: the day before the one of the same number, or the month's
    last day where it has no such day (three months from 30 November end with February)."""
    same = add_months(first, months)
    return same - _DAY if same.day == first.day else same


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same days without overlap, in order: two consultations at once leave out a day once."""
    merged: list[Interval] = []
    for item in sorted(intervals, key=lambda i: (i.first, i.last is not None, i.last or date.max)):
        if merged and (merged[-1].last is None or item.first <= merged[-1].last + _DAY):
            last = None if merged[-1].last is None or item.last is None else max(merged[-1].last, item.last)
            merged[-1] = Interval(merged[-1].first, last, merged[-1].reason, merged[-1].article)
        else:
            merged.append(item)
    return merged


def rolled(day: date, roll: Roll, calendar: Calendar) -> date:
    """The last day, moved to the next working day where the rule says so."""
    return day if roll == "none" or calendar.is_working(day) else calendar.add(day, 1)


def due_on(clock: Clock, calendar: Calendar) -> date | None:
    """The last day of the limit; None while the clock stands still with no known end.

    An interval that begins after the budget is used up changes nothing: a pause after the breach keeps the breach.
    """
    due = add(clock.unit, calendar, clock.start, clock.budget, clock.whole_days)
    if not clock.excluded and not clock.beyond and clock.deferred is None:
        return due if clock.roll == "none" else rolled(due, clock.roll, calendar)
    gaps = union(g for g in clock.excluded if g.last is None or g.last > clock.start)
    last, place = _shifted(due, clock.unit, gaps, 0, clock.start, calendar)
    for amount, unit in clock.beyond:
        if last is None:
            return None
        expiry = rolled(last, clock.roll, calendar)
        last, place = _shifted(add(unit, calendar, expiry, amount), unit, gaps, place, expiry, calendar)
    if last is None:
        return None
    due = rolled(last, clock.roll, calendar)
    if clock.deferred is None:
        return due
    notified, until = clock.deferred
    after = union(g for g in clock.excluded if g.first > notified)
    later, _ = _shifted(until, clock.unit, after, 0, notified, calendar)
    return None if later is None else max(due, later)


def _shifted(
    due: date, unit: Unit, gaps: list[Interval], place: int, start: date, calendar: Calendar
) -> tuple[date | None, int]:
    """``due`` moved by the gaps from ``place`` on that begin before it has passed, and the first gap that doesn't."""
    while place < len(gaps):
        first, last = max(gaps[place].first, start + _DAY), gaps[place].last
        if first > due:
            break
        if last is None:
            return None, place
        if last >= first:
            left = count(unit, calendar, first - _DAY, due)
            due = max(due, add(days_of(unit), calendar, last, left))
        place += 1
    return due, place


def used(clock: Clock, calendar: Calendar, through: date) -> int:
    """Days of the budget (working days, for a unit of these) used up by the end of ``through``."""
    lost = 0
    for gap in union(clock.excluded):
        first = max(gap.first, clock.start + _DAY)
        last = through if gap.last is None else min(gap.last, through)
        lost += count(clock.unit, calendar, first - _DAY, last)
    return count(clock.unit, calendar, clock.start, through) - lost


def asks_calendar(limit: Clock | Limit) -> bool:
    """Whether a limit is counted, or rolled, by a calendar."""
    return limit.unit in _WORKING or limit.roll != "none"


def depends_on_calendar(clock: Clock) -> bool:
    """Whether another calendar could give another due date."""
    return asks_calendar(clock) or any(unit in _WORKING for _, unit in clock.beyond)
