"""Whether a calendar's notice can be meant so: what looks wrong is remarked, what drops days must be confirmed. Pure.

A notice replaces its year whole, so one that forgets a week gives every request of the year an earlier date. What it
drops has a digest, which a rehearsal shows and ``confirms`` repeats: whoever posts it has seen what it drops.
"""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any

from services.statute import rules
from services.statute.calendar import Calendar, Notice
from services.statute.calendars import BY_NOTICE, shipped
from services.words.catalogue import text
from services.words.remark import Remark, remark

BEFORE_NEW_YEAR = (12, 29)
"""The earliest day, month and day, that the notice for the following year ever shifted (2007 and 2018)."""
NAMED = 20
"""How many days a remark names."""
DIGEST = 16
CONFIRMED = "the digest that `shixian rehearse` shows for this very notice"
"""What is expected in ``confirms``."""


@dataclass(frozen=True)
class Findings:
    """What the check of a notice came to."""

    remarks: tuple[Remark, ...]
    lacking: tuple[date, ...]
    """Public holidays of the law that would be working days."""
    fewer: int
    """How many days off fewer there would be than the law has, those made up for on other days included."""
    dropped: tuple[date, ...]
    """Days off that the year had so far, by an earlier notice, and that would be working days."""
    digest: str
    """Names the notice and what it drops: another notice, or the same one over another year, has another."""

    @property
    def needs_confirming(self) -> bool:
        """Whether it may only be posted with its digest as ``confirms``."""
        return bool(self.lacking or self.fewer or self.dropped)

    def refusal(self, confirms: str | None) -> str | None:
        """What is wrong with what the sender confirmed, in words; None where nothing is."""
        if confirms is None:
            return "; ".join(text(r) for r in self.remarks if r.code in _DROPPING) if self.needs_confirming else None
        return None if confirms == self.digest else f"is {confirms!r}, which confirms another notice or other days"


_DROPPING = ("notice-lacks-holidays", "notice-fewer-holidays", "notice-drops-days")
_MADE_UP = "(observed)"
"""How the holidays package names a day off in place of a holiday on a weekend; which day that is, a notice may say."""


def check(
    calendar_id: str, notice: Notice, days_off: Sequence[date], working_days: Sequence[date], earlier: Iterable[Notice]
) -> Findings:
    """What there is to say about ``notice``, given the notices of the calendar that count already.

    ``days_off`` and ``working_days`` are its lists as they were written. Raises
    :class:`~services.statute.errors.UnknownCalendar`.
    """
    return _checked(calendar_id, notice, tuple(days_off), tuple(working_days), tuple(sorted(earlier, key=_holds)))


@lru_cache(64)  # a rebuild and an audit read the same notices again for each partition
def _checked(
    calendar_id: str,
    notice: Notice,
    days_off: Sequence[date],
    working_days: Sequence[date],
    known: Sequence[Notice],
) -> Findings:
    base = shipped(calendar_id)
    after = base.with_notices([*known, notice], "")
    in_force = max((n for n in known if n.year == notice.year), key=_holds, default=None)
    year = {day: why for day, why in base.off.items() if day.year == notice.year and not why.startswith(BY_NOTICE)}
    law = {day for day, why in year.items() if not why.endswith(_MADE_UP)}
    had = _had(base, in_force, notice.year)
    if in_force is not None and _holds(in_force) > _holds(notice):
        lacking, dropped, fewer = list[date](), list[date](), 0  # it is out of date, and changes nothing
        superseded = [remark("notice-superseded", by=in_force.notice[:100], on=in_force.published_on)]
    else:
        lacking = sorted(day for day in law if after.is_working(day))
        dropped = sorted(day for day in had - law if after.is_working(day))
        named, given = _weekdays_off(base, year, ()), _weekdays_off(base, notice.days_off, notice.working_days)
        fewer = max(0, named - given)
        superseded = []
    remarks = [
        *superseded,
        *_days("notice-lacks-holidays", lacking),
        *([remark("notice-fewer-holidays", named=named, given=given)] if fewer and not lacking else []),
        *_days("notice-drops-days", dropped, before=in_force.notice[:100] if in_force else base.version),
        *_days("notice-works-weekday", [d for d in sorted(set(working_days)) if _is_odd(d, notice, base, law | had)]),
        *_days("notice-day-twice", sorted({d for each in (days_off, working_days) for d in each if each.count(d) > 1})),
        *_days("notice-outside-year", [d for d in sorted({*days_off, *working_days}) if _outside(d, notice.year)]),
    ]
    if notice.published_on.year > notice.year:
        remarks.append(remark("notice-after-year", on=notice.published_on, year=notice.year))
    digest = _digest(calendar_id, notice, lacking, dropped, fewer)
    return Findings(tuple(remarks), tuple(lacking), fewer, tuple(dropped), digest)


rules.remembered(_checked.cache_clear)


def notice_of(data: Any, order: int = 0) -> Notice:
    """A published year as the calendar takes it, from the data of a fact; ``order`` is its place in the log."""
    days_off, working_days = frozenset(data.days_off), frozenset(data.working_days)
    return Notice(data.year, days_off, working_days, data.notice, data.published_on, order)


def check_data(data: Any, earlier: Iterable[Notice], order: int = sys.maxsize) -> Findings:
    """:func:`check` of the data of a fact."""
    return check(data.calendar, notice_of(data, order), data.days_off, data.working_days, earlier)


def _holds(notice: Notice) -> tuple[date, int]:
    return notice.published_on, notice.order


def _weekdays_off(base: Calendar, off: Iterable[date], worked: Iterable[date]) -> int:
    """How many days off there are besides the weekends: those listed, less the weekend days worked for them."""
    free = sum(day.weekday() not in base.weekend for day in off)
    return free - sum(day.weekday() in base.weekend for day in worked)


def _had(base: Calendar, in_force: Notice | None, year: int) -> set[date]:
    """The days off of the year so far, where it was published at all."""
    if in_force is not None:
        return set(in_force.days_off)
    return {day for day in base.off if base.belongs.get(day, day.year) == year} if base.is_published(year) else set()


def _is_odd(day: date, notice: Notice, base: Calendar, off: set[date]) -> bool:
    """Whether a day listed as worked is an ordinary weekday. One that follows a day off of the same notice is none:
    an extended holiday ends so (Monday 2020-02-03)."""
    return day.weekday() not in base.weekend and day not in off and day - timedelta(days=1) not in notice.days_off


def _outside(day: date, year: int) -> bool:
    return day.year != year and not (day.year == year - 1 and (day.month, day.day) >= BEFORE_NEW_YEAR)


def _days(code: str, days: Sequence[date], **values: object) -> list[Remark]:
    if not days:
        return []
    more = f" (+{len(days) - NAMED})" if len(days) > NAMED else ""
    return [remark(code, days=", ".join(map(str, days[:NAMED])) + more, **values)]


def _digest(calendar_id: str, notice: Notice, lacking: list[date], dropped: list[date], fewer: int) -> str:
    lists = [sorted(notice.days_off), sorted(notice.working_days), lacking, dropped]
    days = [" ".join(map(str, each)) for each in lists]
    parts = [calendar_id, notice.year, notice.notice, notice.published_on, *days, fewer]
    return sha256("\n".join(map(str, parts)).encode()).hexdigest()[:DIGEST]
