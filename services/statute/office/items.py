"""A service item of an office: its law, a statutory limit of its own, a promise, special steps. Pure.

The promise (承诺时限) is the same clock with a smaller budget: what stops or restarts the one does so to the other, and
an extension moves it not. A promise once broken stays so, whatever restarts the clock later. The days of a special step
(a hearing, an inspection, an expert review) count in neither.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from services.statute import clock as clocks
from services.statute.answer_clock import AnswerClock, limit_due
from services.statute.calendar import Calendar
from services.statute.clock import Clock
from services.statute.profile import Profile
from services.statute.profile_tables import Limit, Unit

SPECIAL_LAW, SPECIAL_ARTICLE = "CN-LICENSING", "行政许可法 第四十五条"
"""Which steps don't count, and by which law; that the applicant is informed of them in writing is for the office to see
to. No other law knows them: an item that is handled under another one has them without any effect on its limit."""


class ItemLimit(Struct, frozen=True):
    """So many units."""

    amount: int
    unit: Unit


class Special(Struct, frozen=True):
    """A special step: what it is called, and the most that does not count."""

    zh: str
    en: str
    limit: ItemLimit | None = None


class Item(Struct, frozen=True):
    """An item as the law reads it."""

    code: str
    limit: ItemLimit | None = None
    """Left out: the statute's."""
    committed: ItemLimit | None = None
    special: Mapping[str, Special] = {}
    """By code, the special steps."""

    def applied(self, profile: Profile) -> Profile:
        """The statute's version with the item's own statutory limit. What the law extends a limit by stays in its own
        unit: ten working days are no ten months of an item that has a month."""
        if self.limit is None:
            return profile
        answer, extension = replace(profile.answer, amount=self.limit.amount, unit=self.limit.unit), profile.extension
        if answer.unit != profile.extension_unit:
            extension = replace(extension, unit=profile.extension_unit, counts_from="expiry")
        return replace(profile, answer=answer, extension=extension)


def item_of(data: Any) -> Item:
    """An item from the data of its registration."""

    def limit(given: Any) -> ItemLimit | None:
        return None if given is None else ItemLimit(given.amount, given.unit)

    special = {step.code: Special(step.name.zh, step.name.en, limit(step.limit)) for step in data.special_steps}
    return Item(data.code, limit(data.limit), limit(data.committed), special)


def committed_clock(run: AnswerClock, item: Item | None, calendar: Calendar) -> Clock | None:
    """The clock of the promise; None without one. What had passed before a restart stays broken: it is the clock that
    ran until then."""
    if item is None or item.committed is None:
        return None
    for stopped_on, clock in run.restarts:
        promised = _promised(clock, item.committed)
        due = clocks.due_on(promised, calendar)
        if due is not None and due < stopped_on:
            return promised
    return _promised(run.clock, item.committed)


def _promised(clock: Clock, limit: ItemLimit) -> Clock:
    return replace(clock, budget=limit.amount, unit=limit.unit, beyond=(), deferred=None)


def committed_due(run: AnswerClock, item: Item | None, calendar: Calendar) -> date | None:
    """The last day of the promise; None without one, or while its clock stands still."""
    clock = committed_clock(run, item, calendar)
    return None if clock is None else clocks.due_on(clock, calendar)


def leaves_out_special(profile: Profile) -> bool:
    """Whether the law leaves the days of special steps out of the count."""
    return profile.statute == SPECIAL_LAW


def special_due(item: Item, code: str, opened_on: date, profile: Profile, calendar: Calendar) -> date | None:
    """The last day that a special step may take; None where it has no limit."""
    limit = item.special[code].limit
    if limit is None:
        return None
    rule = Limit(amount=limit.amount, unit=limit.unit, article=SPECIAL_ARTICLE, start="next-day", confirmed=False)
    return limit_due(rule, opened_on, profile, calendar)
