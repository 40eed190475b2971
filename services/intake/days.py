"""Whether what a fact says happened can have happened by now, and under the law that it is about."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from services.events.days import each_ahead, each_before
from services.events.facts import Fact, OrganData, OrganRegistered
from services.events.refusals import FieldError
from services.runtime.clock import Clock
from services.statute import rules
from services.statute.versions import profiles, versions


class Days:
    """Judges the dates of facts when they are posted, in the zone and by the law of the organ that they name.

    A fact that names none is judged by the latest date that any registered organ has, and by the oldest of the laws
    that count by a calendar of theirs: its request may have named another than its organ's.
    """

    def __init__(self, clock: Clock, organs: Callable[[], Mapping[str, OrganData]]) -> None:
        self._clock = clock
        self._organs = organs

    def wrong(self, facts: list[Fact]) -> Callable[[Fact], FieldError | None]:
        """What is wrong first with the dates of a fact of a call that has these."""
        each = self.each(facts)
        return lambda fact: next(each(fact), None)

    def laws(self) -> dict[str, str]:
        """The statute of each registered organ."""
        return {code: organ.statute for code, organ in self._organs().items()}

    def each(self, facts: list[Fact]) -> Callable[[Fact], Iterator[FieldError]]:
        """All that is wrong with the dates of a fact of a call that has these."""
        now = self._clock.now()
        organs = dict(self._organs())
        organs |= {fact.data.code: fact.data for fact in facts if isinstance(fact, OrganRegistered)}
        latest = max(
            (now.astimezone(_zone(zone)).date() for zone in {o.timezone for o in organs.values()}),
            default=now.date() + timedelta(days=1),
        )
        calendars = {organ.calendar for organ in organs.values()}
        laws = {profile.statute for profile in profiles().values() if profile.calendar in calendars}

        def each(fact: Fact) -> Iterator[FieldError]:
            organ = organs.get(getattr(fact.data, "organ", ""))
            today = now.astimezone(_zone(organ.timezone)).date() if organ else latest
            named = getattr(fact.data, "statute", None) or (organ.statute if organ else None)
            asked = {named} if named in _first_days() else laws
            yield from each_ahead(fact, today)
            if asked and not isinstance(fact, OrganRegistered):
                oldest = min(asked, key=lambda law: _first_days()[law])
                yield from each_before(fact, _first_days()[oldest], oldest)

        return each


_zone = cache(ZoneInfo)


@cache
def _first_days() -> dict[str, date]:
    """By each name that a law has: the first day on which it or a predecessor was in force."""
    names = {name for profile in profiles().values() for name in (profile.id, profile.statute)}
    return {name: versions(versions(name)[0].statute)[0].in_force.from_ for name in names}


rules.remembered(_first_days.cache_clear)
