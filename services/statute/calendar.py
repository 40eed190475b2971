"""Working days, counted in constant time.

A calendar holds one number a day, the working days up to and including it, and one list of all working days; to count
and to step are then two look-ups. It knows which years' days off are published: what lies beyond is the weekly rhythm
and the fixed holidays only, and every date that reaches there is provisional.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate, compress
from typing import Any, TypeVar

from services.statute.errors import OutOfRange

T = TypeVar("T")

FIRST = date(1948, 1, 1)
LAST = date(2219, 12, 31)
WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
REMEMBERED = 50_000
"""Answers that a calendar remembers: five limits of every day of 27 years."""
REACH = timedelta(days=90)
"""How far back from its last day a limit is taken to begin, where its beginning isn't given."""
_BASE = FIRST.toordinal()
_SIZE = LAST.toordinal() - _BASE + 1


@dataclass(frozen=True, slots=True)
class Notice:
    """A published calendar of one year: its days off, its working days, and who published it when.

    Days of the neighbouring years may be named too (a notice can shift the days around New Year).
    """

    year: int
    days_off: frozenset[date]
    working_days: frozenset[date]
    notice: str
    published_on: date
    order: int = 0
    """Where it stands in the log; of two notices published on one day the later one holds."""


@dataclass(frozen=True)
class Calendar:
    """The working days from :data:`FIRST` to :data:`LAST` under one version of the published days."""

    id: str
    version: str
    weekend: frozenset[int]
    """Days of the week off, Monday = 0."""
    off: Mapping[date, str]
    """Days off besides the weekend, each with its reason."""
    on: Mapping[date, str]
    """Working days in spite of the weekend, each with its reason."""
    published_through: date
    published_from: date = FIRST
    published_years: frozenset[int] = frozenset()
    """Years outside the span above whose days are published all the same."""
    belongs: Mapping[date, int] = field(default_factory=dict)
    """Days set by the notice of another year than their own: with that year's notice they come and go."""
    reach: tuple[int, int] | None = None
    """The month and day of a year from which the next year's notice can still move days."""

    @cached_property
    def title(self) -> str:
        """Its id and its version."""
        return f"{self.id} {self.version}"

    @cached_property
    def memory(self) -> dict[Any, Any]:
        """What was worked out with this calendar and is asked for again and again; lost with it, so never out of date.

        :meth:`remember` adds to it.
        """
        return {}

    def remember(self, asked: Hashable, answer: T) -> T:
        """``answer``, kept under ``asked``, which must say everything that it depends on besides the calendar."""
        if len(self.memory) >= REMEMBERED:
            self.memory.clear()
        self.memory[asked] = answer
        return answer

    @cached_property
    def _counts(self) -> tuple[list[int], list[int], bytes]:
        week = (_BASE + 6) % 7  # date.fromordinal(1) is a Monday
        pattern = bytes(0 if (week + i) % 7 in self.weekend else 1 for i in range(7))
        works = bytearray((pattern * (_SIZE // 7 + 1))[:_SIZE])
        for days, flag in ((self.off, 0), (self.on, 1)):
            for day in days:
                works[self._index(day)] = flag
        return list(accumulate(works)), list(compress(range(_SIZE), works)), bytes(works)

    def _index(self, day: date) -> int:
        index = day.toordinal() - _BASE
        if not 0 <= index < _SIZE:
            raise OutOfRange("out-of-range", calendar=self.id, day=day, first=FIRST, last=LAST)
        return index

    def is_working(self, day: date) -> bool:
        """Whether ``day`` is a working day. Raises :class:`OutOfRange`."""
        return self._counts[2][self._index(day)] == 1

    def count(self, after: date, through: date) -> int:
        """The working days later than ``after``, up to and including ``through``; negative if ``through`` is earlier.

        Raises :class:`OutOfRange`.
        """
        upto = self._counts[0]
        return upto[self._index(through)] - upto[self._index(after)]

    def add(self, day: date, days: int) -> date:
        """The ``days``-th working day after ``day`` (before it, where negative; 0: the day itself).

        Raises :class:`OutOfRange`.
        """
        if days == 0:
            return day
        upto, nth, works = self._counts
        index = day.toordinal() - _BASE
        if not 0 <= index < _SIZE:
            index = self._index(day)
        place = upto[index] + days - 1 if days > 0 else upto[index] - works[index] + days
        if not 0 <= place < len(nth):
            raise OutOfRange("count-out-of-range", calendar=self.id, days=days, day=day, first=FIRST, last=LAST)
        return date.fromordinal(_BASE + nth[place])

    def why_off(self, day: date) -> str | None:
        """Why ``day`` is no working day; None where it is one. Raises :class:`OutOfRange`."""
        if self._counts[2][self._index(day)]:
            return None
        return self.off.get(day) or WEEK[day.weekday()]

    def is_provisional(self, day: date, since: date | None = None) -> bool:
        """Whether a date counted from ``since`` up to ``day`` reaches days that a notice still to come can move.

        Those are the days of a year that isn't published, and the last days of the year before it (:attr:`reach`).

        Without ``since`` the count is taken to reach back :data:`REACH`.
        """
        first = since or day - REACH
        last = day.year + 1 if self.reach is not None and (day.month, day.day) >= self.reach else day.year
        if self.published_from.year <= first.year and last <= self.published_through.year:
            return False
        return not all(self.is_published(year) for year in range(first.year, last + 1))

    def is_published(self, year: int) -> bool:
        """Whether the days of that year are published."""
        return self.published_from.year <= year <= self.published_through.year or year in self.published_years

    def with_notices(self, notices: Iterable[Notice], version: str) -> "Calendar":
        """This calendar with published years laid over it; of several notices for a year the latest holds."""
        ordered = sorted(notices, key=lambda n: (n.published_on, n.order))
        latest = {item.year: item for item in ordered}
        off = {d: why for d, why in self.off.items() if self.belongs.get(d, d.year) not in latest}
        on = {d: why for d, why in self.on.items() if self.belongs.get(d, d.year) not in latest}
        belongs = {d: year for d, year in self.belongs.items() if year not in latest}
        for item in sorted(latest.values(), key=lambda n: (n.published_on, n.order)):
            for day in item.days_off:
                on.pop(day, None)
                off[day] = item.notice
            for day in item.working_days:
                off.pop(day, None)
                on[day] = item.notice
            belongs |= {day: item.year for day in item.days_off | item.working_days if day.year != item.year}
        years, through = self.published_years | latest.keys(), self.published_through
        while through.year + 1 in years:
            through = date(through.year + 1, 12, 31)
        return Calendar(
            self.id, version, self.weekend, off, on, through, self.published_from, years, belongs, self.reach
        )
