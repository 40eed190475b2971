"""A clock: a budget of days and a ledger of days that don't count; its due date is derived, never stored as truth."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from services.statute.calendar import Calendar
from services.statute.profile import Unit

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Interval:
    """Days that don't count, both ends included; ``last`` is None while the end is not known."""

    first: date
    last: date | None
    reason: str = ""
    article: str = ""


@dataclass(frozen=True, slots=True)
class Clock:
    """``budget`` units counted from the day after ``start``, without the days of ``excluded``."""

    start: date
    """Day 0: the day whose end the counting starts from."""
    budget: int
    unit: Unit
    excluded: tuple[Interval, ...] = ()


def count(unit: Unit, calendar: Calendar, after: date, through: date) -> int:
    """Units later than ``after`` up to and including ``through``; none where the second is not later."""
    if through <= after:
        return 0
    return calendar.count(after, through) if unit == "working-day" else (through - after).days


def add(unit: Unit, calendar: Calendar, day: date, amount: int) -> date:
    """The ``amount``-th unit after ``day`` (before it, where negative)."""
    return calendar.add(day, amount) if unit == "working-day" else day + timedelta(days=amount)


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same days without overlap, in order: two consultations at once exclude a day once."""
    merged: list[Interval] = []
    for item in sorted(intervals, key=lambda i: (i.first, i.last is not None, i.last or date.max)):
        if merged and (merged[-1].last is None or item.first <= merged[-1].last + _DAY):
            last = None if merged[-1].last is None or item.last is None else max(merged[-1].last, item.last)
            merged[-1] = Interval(merged[-1].first, last, merged[-1].reason, merged[-1].article)
        else:
            merged.append(item)
    return merged


def due_on(clock: Clock, calendar: Calendar) -> date | None:
    """The last day of the limit; None while the clock stands still with no known end.

    An interval that begins after the budget is used up changes nothing: a pause after the breach keeps the breach.
    """
    due = add(clock.unit, calendar, clock.start, clock.budget)
    for gap in union(clock.excluded):
        first = max(gap.first, clock.start + _DAY)
        if first > due:
            break
        if gap.last is None:
            return None
        if gap.last >= first:
            left = count(clock.unit, calendar, first - _DAY, due)
            due = add(clock.unit, calendar, gap.last, left)
    return due


def used(clock: Clock, calendar: Calendar, through: date) -> int:
    """Units of the budget used up by the end of ``through``."""
    lost = 0
    for gap in union(clock.excluded):
        first = max(gap.first, clock.start + _DAY)
        last = through if gap.last is None else min(gap.last, through)
        lost += count(clock.unit, calendar, first - _DAY, last)
    return count(clock.unit, calendar, clock.start, through) - lost


def stopped_on(clock: Clock, day: date) -> Interval | None:
    """The interval that holds the clock still on ``day``, if one does."""
    for gap in clock.excluded:
        if gap.first <= day and (gap.last is None or day <= gap.last):
            return gap
    return None
