"""One run of the answer's clock: how far the facts have moved it, what moved it, and what speaks against them."""

from collections.abc import Iterator
from datetime import date

from msgspec import Struct, field
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.calendar import Calendar
from services.statute.clock import Clock, Interval
from services.statute.ledger import Ledger
from services.statute.profile import Profile
from services.statute.profile_tables import Limit
from services.statute.state import Deadline, Fact
from services.statute.timeline import End, Timeline
from services.words.remark import Remark, remark


class Step(Struct, frozen=True):
    """Something that moved the clock."""

    kind: str
    """``exclude``, ``suspend``, ``restart``, ``extend`` or ``defer``."""
    fact: Fact
    on: date
    article: str
    confirmed: bool
    days: Interval | None = None
    """The days that don't count."""
    resumed_on: date | None = None
    """The day from which the clock runs again; None while it isn't known, or where nothing stopped."""
    amount: int = 0
    """Units added."""
    until: date | None = None
    start: date | None = None
    """Day 0 of the limit counted anew."""
    about: Remark | None = None
    """What stopped the clock, or lengthened the limit by itself; None for an extension that was granted."""


class AnswerClock(Struct):
    """The clock as far as the facts have moved it."""

    timeline: Timeline
    profile: Profile
    calendar: Calendar
    received_on: date
    horizon: date
    """The later of the day of looking and the latest fact: what the clock alone does happens up to it."""
    ledger: Ledger
    event: date
    """The day that the present limit counts from."""
    end: End | None = None
    """The first end that the facts give; a lapse by the clock takes its place if it is earlier."""
    steps: list[Step] = field(default_factory=list)
    deadlines: list[Deadline] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    refused: list[Remark] = field(default_factory=list)
    wakes: list[date] = field(default_factory=list)
    """Days on which the clock alone changes something."""
    last_known: date | None = None
    extended: int = 0
    granted: int = 0
    rounds: int = 0
    notices: int = 0
    corrections: Iterator[Fact] = iter(())
    """Those that no notice has taken yet, in the order of their days; payments likewise."""
    payments: Iterator[Fact] = iter(())
    used: set[int] = field(default_factory=set)
    """Replies that were taken, by their identity."""
    consulted: set[str] = field(default_factory=set)
    """Consultations that were opened."""
    unpaid: bool = False
    """Whether a fee was asked that nobody paid."""
    restarts: list[tuple[date, Clock]] = field(default_factory=list)
    """The clock as it stood before each restart, with the day of what stopped it for that; kept for an item's promise:
    one that had been broken by then stays broken."""
    grown: bool = False
    """Whether asking someone has lengthened the limit, which it does once."""

    @property
    def clock(self) -> Clock:
        return self.ledger.clock

    def due(self, on: date | None = None) -> date | None:
        """The last day; with ``on``, for an answer given on that day, for which temporary law can set another limit."""
        due = self.ledger.due()
        if due is None or on is None or not self.profile.temporary:
            return due
        for law in self.profile.temporary:
            # What was in time when the temporary law ended was no breach; what was late before it began is one, except
            # for an answer given while it holds.
            if law.from_ <= on <= law.through or (on > law.through and due >= law.from_):
                longer = clocks.due_on(replace(self.clock, budget=law.amount), self.calendar)
                if longer is not None:
                    due = max(due, min(longer, law.through))
        return due

    def note(self, fact: Fact | None, code: str, **values: object) -> None:
        """Remark on a fact, or on the case: a code of the catalogue, with its values."""
        self.remarks.append(remark(code, fact, **values))

    def unlawful(self, fact: Fact, code: str, **values: object) -> bool:
        """Record what the law says against a fact; True where the fact may still have what effect the law allows."""
        if self.profile.says("unlawful-facts") == "reject":
            self.refused.append(remark(code, fact, **values))
            return False
        self.note(fact, code, **values)
        return True

    def in_time(self, fact: Fact, on: date, code: str = "after-limit", **values: object) -> bool:
        """Whether the answer's limit still ran on that day; if not, the fact is unlawful and cures nothing."""
        due = self.due(on)
        if due is not None and on > due:
            self.unlawful(fact, code, on=on, due_on=due, **values)
            return False
        return True

    def stands_still(self, today: date) -> list[Step]:
        """The stops that hold the clock at the end of ``today``."""
        return [s for s in self.steps if s.days and s.on <= today and (s.resumed_on is None or today < s.resumed_on)]

    def cut(self, end: date) -> None:
        """What was still stopping the clock when the request ended stops it no longer than that."""
        if self.clock.excluded:
            gaps = tuple(
                Interval(g.first, end, g.reason, g.article) if g.last is None or g.last > end else g
                for g in self.clock.excluded
                if g.first <= end
            )
            self.ledger.settle(replace(self.clock, excluded=gaps))


def limit_clock(limit: Limit, event: date, profile: Profile, calendar: Calendar) -> Clock:
    """The clock of a limit that counts from what happened on ``event``."""
    rule = limit.start or profile.read_as["start-day"].value
    zero = event if rule == "next-day" else clocks.day_zero(event, rule, calendar)  # type: ignore[arg-type]
    return Clock(zero, limit.amount, limit.unit, (), limit.roll, rule != "next-day")


def named_date(day: date, profile: Profile, calendar: Calendar) -> date:
    """The last day that a notice names, as the profile reads one that is no working day."""
    return clocks.rolled(day, "next-working-day", calendar) if profile.says("named-date") == "rolls" else day


def limit_due(limit: Limit, event: date, profile: Profile, calendar: Calendar) -> date:
    """The last day of a limit that nothing interrupts."""
    rule = limit.start or profile.read_as["start-day"].value
    asked = (event, limit.amount, limit.unit, limit.roll, rule)
    known: date | None = calendar.memory.get(asked)
    if known is not None:
        return known
    due = clocks.due_on(limit_clock(limit, event, profile, calendar), calendar)
    assert due is not None
    return calendar.remember(asked, due)
