"""A clock while the facts move it: each stop is counted in once, however many came before it.

:func:`services.statute.clock.due_on` says what a clock's last day is; asked anew after each of many stops it would go
through all of them each time. Facts come in the order of their days, so only the last of the days left out can still
change: what was counted up to there is kept.
"""

from datetime import date, timedelta

from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.calendar import Calendar
from services.statute.clock import Clock, Interval
from services.statute.profile_tables import Roll, Unit

_DAY = timedelta(days=1)

_State = tuple[int, date | None, date]
"""Which limit is counted (0: the first one, then the extensions from its expiry), its last day, the day it starts."""


class Shift:
    """The last day of a limit, moved by the days that don't count."""

    def __init__(self, due: date, unit: Unit, start: date, calendar: Calendar, roll: Roll = "none") -> None:
        self.spans: list[tuple[date, date | None]] = []
        """The days left out: in order, none touching another."""
        self._limits: list[tuple[int, Unit]] = [(0, unit)]
        self._calendar, self._roll = calendar, roll
        self._reached: list[_State] = []
        """How the count stood as it came to each span, and to the place of the next one."""
        self._place = 0
        self._state: _State = (0, due, start)

    def leave_out(self, first: date, last: date | None) -> bool:
        """Don't count the days from ``first`` through ``last``; ``first`` is at most a day before the latest so far.

        Whether that leaves out any day that was not left out already.
        """
        if self.spans:
            begun, known = self.spans[-1]
            if begun <= first and (known is None or (last is not None and last <= known)):
                return False
        while self.spans and ((before := self.spans[-1][1]) is None or first <= before + _DAY):
            first = min(first, self.spans.pop()[0])
            last = None if before is None or last is None else max(before, last)
        self.spans.append((first, last))
        place = len(self.spans) - 1
        if place < len(self._reached):
            self._state, self._place = self._reached[place], place
            del self._reached[place:]
        return True

    def lengthen(self, amount: int, unit: Unit) -> None:
        """So many units more, counted from the expiry."""
        self._limits.append((amount, unit))

    def start_again(self, due: date, start: date) -> None:
        """Count anew from the day after ``start``; ``due`` is the last day as long as nothing is left out."""
        kept = len(self.spans)
        while kept and ((last := self.spans[kept - 1][1]) is None or last > start):
            kept -= 1
        del self.spans[:kept]
        self._reached, self._place, self._state = [], 0, (0, due, start)

    def due(self) -> date | None:
        """The last day; None while the end of a stop is not known."""
        (level, due, start), spans, calendar = self._state, self.spans, self._calendar
        while due is not None:
            unit = self._limits[level][1]
            if self._place == len(self._reached):
                self._reached.append((level, due, start))
            while self._place < len(spans):
                first, last = max(spans[self._place][0], start + _DAY), spans[self._place][1]
                if first > due:
                    break
                if last is None:
                    self._state = (level, None, start)
                    return None
                if last >= first:
                    left = clocks.count(unit, calendar, first - _DAY, due)
                    due = max(due, clocks.add(clocks.days_of(unit), calendar, last, left))
                self._place += 1
                self._reached.append((level, due, start))
            self._state = (level, due, start)
            if level + 1 == len(self._limits):
                return clocks.rolled(due, self._roll, calendar)
            level += 1
            start = clocks.rolled(due, self._roll, calendar)
            due = clocks.add(self._limits[level][1], calendar, start, self._limits[level][0])
        return None


class Ledger:
    """A clock with what was done to it; :attr:`clock` is the same as one value."""

    def __init__(self, clock: Clock, calendar: Calendar) -> None:
        self._base, self._calendar = clock, calendar
        self._gaps: list[tuple[date, Interval]] = []
        """The days left out, each with the day of what leaves them out."""
        self._before = 0
        """How many of them are older than the day that the limit starts from."""
        self._shift: Shift | None = None
        self._put_off: Shift | None = None
        self._due: tuple[date | None] | None = None
        self._clock: Clock | None = clock

    @property
    def start(self) -> date:
        """Day 0 of the present limit."""
        return self._base.start

    @property
    def deferred(self) -> tuple[date, date] | None:
        """The day on which the applicant was notified, and the day to which the answer was put off."""
        return self._base.deferred

    @property
    def clock(self) -> Clock:
        """The clock as it stands."""
        if self._clock is None:
            self._clock = replace(self._base, excluded=self._excluded())
        return self._clock

    def _excluded(self) -> tuple[Interval, ...]:
        start = self._base.start
        return tuple(
            [
                gap
                for place, (_, gap) in enumerate(self._gaps)
                if place >= self._before or gap.last is None or gap.last > start
            ]
        )

    def due(self) -> date | None:
        """The last day of the limit; None while the clock stands still with no known end."""
        if self._due is None:
            self._due = (self._counted(),)
        return self._due[0]

    def _counted(self) -> date | None:
        if self._shift is None:
            return clocks.due_on(self.clock, self._calendar)
        due = self._shift.due()
        if due is None or self._put_off is None:
            return due
        later = self._put_off.due()
        return None if later is None else max(due, later)

    def stop(self, on: date, days: Interval) -> None:
        """Leave out ``days``, which something on ``on`` does; what was before came on no later day."""
        self._gaps.append((on, days))
        shift, self._clock = self._shift or self._moved(), None
        moved, deferred = shift.leave_out(days.first, days.last), self._base.deferred
        if self._put_off is not None and deferred is not None and days.first > deferred[0]:
            moved |= self._put_off.leave_out(days.first, days.last)
        if moved:
            self._due = None

    def restart(self, start: date) -> None:
        """Count the whole limit anew from the day after ``start``, a later day than the present one."""
        self._base = replace(self._base, start=start, deferred=None)
        self._before, self._put_off = len(self._gaps), None
        self._moved().start_again(self._first_due(), start)

    def grow(self, amount: int) -> None:
        """Add units to the limit's own."""
        self._base = replace(self._base, budget=self._base.budget + amount)
        self._moved().start_again(self._first_due(), self._base.start)

    def lengthen(self, amount: int, unit: Unit) -> None:
        """Add units counted from the last day of the limit so far."""
        shift = self._moved()
        self._base = replace(self._base, beyond=(*self._base.beyond, (amount, unit)))
        shift.lengthen(amount, unit)

    def put_off(self, notified: date, until: date) -> None:
        """Put the answer off to a day; the applicant was notified on ``notified``, today."""
        self._moved()
        before = self._put_off if self._base.deferred and self._base.deferred[0] == notified else None
        self._base = replace(self._base, deferred=(notified, until))
        self._put_off = Shift(until, self._base.unit, notified, self._calendar)
        if before is not None:
            self._put_off.spans = before.spans
            return
        ends: list[date | None] = []
        for place in range(len(self._gaps) - 1, -1, -1):
            on, gap = self._gaps[place]
            if on < notified:
                break
            if gap.first > notified and (place >= self._before or gap.last is None or gap.last > self._base.start):
                ends.append(gap.last)
        if ends:
            # All begin on the day after.
            known = [last for last in ends if last is not None]
            self._put_off.leave_out(notified + _DAY, max(known) if len(known) == len(ends) else None)

    def settle(self, clock: Clock) -> None:
        """Hold to ``clock``; nothing moves it any more."""
        self._base, self._clock, self._shift, self._due = clock, clock, None, None

    def _moved(self) -> Shift:
        """What counts from here on, as something is about to change."""
        self._due = self._clock = None
        if self._shift is None:
            base = self._base
            self._shift = Shift(self._first_due(), base.unit, base.start, self._calendar, base.roll)
        return self._shift

    def _first_due(self) -> date:
        base = self._base
        return clocks.add(base.unit, self._calendar, base.start, base.budget, base.whole_days)
