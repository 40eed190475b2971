"""What the tracker knows besides the facts of a request: organs and calendars, as of a point in the reference topic."""

from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from zoneinfo import ZoneInfo

from services.events.facts import CalendarPublished, OrganData, OrganRegistered, ReferenceFact
from services.statute.calendar import Calendar, Notice
from services.statute.calendars import shipped
from services.statute.explain import Earlier, shipped_changes


class World:
    """Organs and calendars after ``known`` records of the reference topic; grows, and never forgets a version."""

    def __init__(self, facts: Iterable[ReferenceFact] = ()) -> None:
        self.known = 0
        self.organs: dict[str, OrganData] = {}
        self._facts: list[tuple[int, ReferenceFact]] = []
        self._notices: dict[str, list[Notice]] = defaultdict(list)
        self._calendars: dict[tuple[str, int], Calendar] = {}
        """By id and number of notices, so that copies can share them."""
        for fact in facts:
            self.learn(fact)

    def learn(self, fact: ReferenceFact, offset: int | None = None) -> None:
        """Take in one reference fact; ``offset`` is its place in the topic (the next one, where left out)."""
        order = self.known if offset is None else offset
        match fact:
            case OrganRegistered():
                self.organs[fact.data.code] = fact.data
            case CalendarPublished(data=data):
                self._notices[data.calendar].append(
                    Notice(
                        data.year,
                        frozenset(data.days_off),
                        frozenset(data.working_days),
                        data.notice,
                        data.published_on,
                        order,
                    )
                )
        self._facts.append((order, fact))
        self.known = order + 1

    def as_known(self) -> "World":
        """A copy that stays as it is: a thread may decide by it while this one goes on learning."""
        copy = World()
        copy.known, copy.organs, copy._facts = self.known, dict(self.organs), self._facts
        copy._notices = defaultdict(list, {name: list(found) for name, found in self._notices.items()})
        copy._calendars = self._calendars
        return copy

    def since(self, offset: int) -> tuple[list[str], list[str]]:
        """The organs and the calendars that records from ``offset`` on are about."""
        new = [fact for order, fact in self._facts if order >= offset]
        organs = [f.data.code for f in new if isinstance(f, OrganRegistered)]
        return organs, [f.data.calendar for f in new if isinstance(f, CalendarPublished)]

    def calendar(self, calendar_id: str) -> Calendar:
        """The calendar with everything published so far laid over it. Raises ``UnknownCalendar``."""
        notices = self._notices[calendar_id]
        found = self._calendars.get((calendar_id, len(notices)))
        if found is None:
            base = shipped(calendar_id)
            found = base.with_notices(notices, _version(base.version, notices)) if notices else base
            self._calendars[calendar_id, len(notices)] = found
        return found

    def changes(self, calendar_id: str) -> tuple[Earlier, ...]:
        """What the calendar was before each notice that changed it. Raises ``UnknownCalendar``."""
        notices = sorted(self._notices[calendar_id], key=lambda n: (n.published_on, n.order))
        base, years = shipped(calendar_id), {n.year for n in notices}
        found = [e for e in shipped_changes(calendar_id) if e.on.year not in years]
        for place, notice in enumerate(notices):
            before = base.with_notices(notices[:place], _version(base.version, notices[:place])) if place else base
            found.append(Earlier(before, notice.published_on, notice.notice))
        return tuple(found)

    def zone(self, organ: str) -> ZoneInfo:
        """The time zone of an organ that is known."""
        return _zone(self.organs[organ].timezone)


_zone = cache(ZoneInfo)


def _version(base: str, notices: list[Notice]) -> str:
    """The base with the notice that was published last by name, so that a date moved by it can say so."""
    last = max(notices, key=lambda n: (n.published_on, n.order))
    known = max(n.order for n in notices) + 1
    return f"{base} + {len(notices)} notices, the last one {last.notice[:300]} ({last.published_on}), reference {known}"
