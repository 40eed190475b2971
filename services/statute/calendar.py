"""Working days, counted in constant time.

A calendar holds one number a day, the working days up to and including it, and one list of all working days; to count
and to step are then two look-ups. It knows through which day its days off are published: what lies beyond is the
weekly rhythm and the fixed holidays only, and every date that reaches there is provisional.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from services.statute.errors import OutOfRange

FIRST = date(1948, 1, 1)
LAST = date(2219, 12, 31)
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

    @cached_property
    def _counts(self) -> tuple[list[int], list[int]]:
        week = (_BASE + 6) % 7  # date.fromordinal(1) is a Monday
        pattern = bytes(0 if (week + i) % 7 in self.weekend else 1 for i in range(7))
        works = bytearray((pattern * (_SIZE // 7 + 1))[:_SIZE])
        for day in self.off:
            works[day.toordinal() - _BASE] = 0
        for day in self.on:
            works[day.toordinal() - _BASE] = 1
        upto: list[int] = []
        nth: list[int] = []
        total = 0
        for index, flag in enumerate(works):
            if flag:
                total += 1
                nth.append(index)
            upto.append(total)
        return upto, nth

    def _index(self, day: date) -> int:
        if not FIRST <= day <= LAST:
            raise OutOfRange(f"calendar {self.id}: {day} is outside {FIRST} to {LAST}")
        return day.toordinal() - _BASE

    def is_working(self, day: date) -> bool:
        """Whether ``day`` is a working day. Raises :class:`OutOfRange`."""
        return self.count(date.fromordinal(day.toordinal() - 1), day) == 1

    def count(self, after: date, through: date) -> int:
        """The working days later than ``after``, up to and including ``through``. Raises :class:`OutOfRange`."""
        upto, _ = self._counts
        return upto[self._index(through)] - upto[self._index(after)]

    def add(self, day: date, days: int) -> date:
        """The ``days``-th working day after ``day`` (before it, where negative; 0: the day itself).

        Raises :class:`OutOfRange`.
        """
        if days == 0:
            return day
        upto, nth = self._counts
        index = self._index(day)
        place = upto[index] + days - 1 if days > 0 else upto[index] - (upto[index] - upto[index - 1]) + days
        if not 0 <= place < len(nth):
            raise OutOfRange(f"calendar {self.id}: {days} working days from {day} is outside {FIRST} to {LAST}")
        return date.fromordinal(_BASE + nth[place])

    def why_off(self, day: date) -> str | None:
        """Why ``day`` is no working day; None where it is one."""
        if self.is_working(day):
            return None
        return self.off.get(day) or ("Saturday", "Sunday")[day.weekday() - 5] if day.weekday() > 4 else self.off[day]

    def is_provisional(self, day: date) -> bool:
        """Whether a date counted up to ``day`` could still change by a calendar yet to be published."""
        return day > self.published_through

    def with_notices(self, notices: Iterable[Notice], version: str) -> "Calendar":
        """This calendar with published years laid over it; of several notices for a year the latest holds."""
        latest: dict[int, Notice] = {}
        for item in sorted(notices, key=lambda n: (n.published_on, n.order)):
            latest[item.year] = item
        off = {d: why for d, why in self.off.items() if d.year not in latest}
        on = {d: why for d, why in self.on.items() if d.year not in latest}
        for item in sorted(latest.values(), key=lambda n: (n.published_on, n.order)):
            for day in item.days_off:
                on.pop(day, None)
                off[day] = item.notice
            for day in item.working_days:
                off.pop(day, None)
                on[day] = item.notice
        through = self.published_through
        while through.year + 1 in latest:
            through = date(through.year + 1, 12, 31)
        return Calendar(self.id, version, self.weekend, off, on, through, self.published_from)
