"""The ledger of days: who had a request on each working day since its receipt. Pure.

Every working day after the receipt, up to the end or to today, is somebody's: the applicant's, a third party's or
another organ's while the law does not count it, else the unit's that has a step, else the office's own. Where two have
it at one time the day is the first one's. So the days add up to those that have passed, always.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from heapq import heappop, heappush
from typing import Literal

from msgspec import Struct

from services.statute.answer_clock import AnswerClock
from services.statute.assessment import Assessment
from services.statute.calendar import Calendar
from services.statute.state import Step
from services.words.remark import Remark

Who = Literal["applicant", "third-party", "other-organ", "special-step", "unit", "office"]
_DAY = timedelta(days=1)
_STOPS: dict[str, Who] = {
    "stopped-clarification": "applicant",
    "stopped-fee": "applicant",
    "stopped-special-step": "special-step",
}
"""Who is waited for, by why the clock stands still."""
_PARTIES: dict[str, Who] = {"third-party": "third-party", "other-organ": "other-organ"}
_FIRST = ("applicant", "third-party", "other-organ", "special-step")
"""Whose the day is, where several are waited for at one time."""


class Part(Struct, frozen=True):
    """Days on end of one who had the request."""

    first: date
    last: date
    days: int
    """Working days."""
    who: Who
    unit: str = ""
    step: str = ""


class Used(Struct, frozen=True):
    """All days of one who had the request."""

    who: Who
    days: int
    unit: str = ""
    step: str = ""


class DayLedger(Struct, frozen=True):
    """Who used the working days since the receipt."""

    since: date | None = None
    """The day of receipt; the day after it is the first that counts."""
    through: date | None = None
    """The last day that counts: that of the end, or the day of looking."""
    elapsed: int = 0
    """Working days from ``since`` through ``through``; what :attr:`used` adds up to."""
    used: tuple[Used, ...] = ()
    parts: tuple[Part, ...] = ()


class _Claim(Struct, frozen=True):
    """Somebody had the request from ``first`` through ``last``."""

    rank: tuple[int, date, str]
    first: date
    last: date
    who: Who
    unit: str = ""
    step: str = ""


_OFFICE = _Claim((9, date.min, ""), date.min, date.max, "office")


def day_ledger(assessed: Assessment, calendar: Calendar, today: date) -> DayLedger:
    """The ledger of a request as it stands at ``today``; empty before it is received. Raises
    :class:`~services.statute.errors.OutOfRange`."""
    state, run = assessed.state, assessed.run
    if run is None or state.received_on is None:
        return DayLedger()
    since = state.received_on
    through = max(since, today if state.closed_on is None else min(today, state.closed_on))
    parts = tuple(_parts([*_stops(run, through), *_held(state.steps, through)], since, through, calendar))
    totals: dict[tuple[Who, str, str], int] = {}
    for part in parts:
        key = (part.who, part.unit, part.step)
        totals[key] = totals.get(key, 0) + part.days
    used = tuple([Used(who, days, unit, step) for (who, unit, step), days in sorted(totals.items())])
    return DayLedger(since, through, calendar.count(since, through), used, parts)


def waited_for(about: Remark) -> Who:
    """Who has the request while the clock stands still for that reason."""
    if about.code == "stopped-consultation":
        return _PARTIES[str(about.values["party"])]
    return _STOPS[about.code]


def _stops(run: AnswerClock, through: date) -> Iterator[_Claim]:
    for step in run.steps:
        if step.days is not None and step.about is not None:
            who, first = waited_for(step.about), step.days.first
            yield _Claim((_FIRST.index(who), first, step.fact.id), first, step.days.last or through, who)


def _held(steps: tuple[Step, ...], through: date) -> Iterator[_Claim]:
    for step in steps:
        for one in step.holdings:
            first, last = one.assigned_on + _DAY, one.left_on or through
            yield _Claim((len(_FIRST), one.assigned_on, one.assignment), first, last, "unit", one.unit, step.step)


def _parts(claims: list[_Claim], since: date, through: date, calendar: Calendar) -> Iterator[Part]:
    """The days in their order, each given to the claim that goes first; neighbours of one owner are one part."""
    claims = sorted((c for c in claims if c.first <= c.last), key=lambda c: c.first)
    heap: list[tuple[tuple[int, date, str], int]] = []
    place, day = 0, since + _DAY
    open_part: tuple[_Claim, date] | None = None
    while day <= through:
        while place < len(claims) and claims[place].first <= day:
            heappush(heap, (claims[place].rank, place))
            place += 1
        while heap and claims[heap[0][1]].last < day:
            heappop(heap)
        claim = claims[heap[0][1]] if heap else _OFFICE
        until = min(claim.last, through)
        if place < len(claims):
            until = min(until, claims[place].first - _DAY)
        if open_part is None or not _same(open_part[0], claim):
            if open_part is not None:
                yield _part(open_part, day - _DAY, calendar)
            open_part = (claim, day)
        day = until + _DAY
    if open_part is not None:
        yield _part(open_part, through, calendar)


def _same(one: _Claim, other: _Claim) -> bool:
    return (one.who, one.unit, one.step) == (other.who, other.unit, other.step)


def _part(begun: tuple[_Claim, date], last: date, calendar: Calendar) -> Part:
    claim, first = begun
    return Part(first, last, calendar.count(first - _DAY, last), claim.who, claim.unit, claim.step)
