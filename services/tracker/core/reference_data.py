"""What the tracker knows besides the facts of a request: organs and calendars, as of a point in the reference topic."""

from collections import deque
from collections.abc import Iterable
from datetime import date
from functools import cache
from hashlib import blake2b
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.events import registrations
from services.events.facts import CalendarData, CalendarPublished, Fact, OrganData, OrganRegistered, ReferenceFact
from services.events.office_facts import ItemData, ItemRegistered, UnitData, UnitRegistered
from services.events.refusals import FieldError
from services.events.registrations import Check, says_the_same
from services.events.vocabulary import Ref
from services.statute import rules
from services.statute.calendar import Calendar, Notice
from services.statute.calendars import calendar_as_of, calendar_ids, shipped
from services.statute.errors import UnknownCalendar
from services.statute.explain import Earlier, shipped_changes
from services.statute.notice_check import CONFIRMED, Findings
from services.statute.notices import Notices
from services.statute.versions import statute_ids

_STAMPED = "2"
"""Releases before could store a stamp with organs in it that they had not looked over: theirs are none of ours."""
REJECTED = 1000
"""Reference facts without effect that are remembered, the latest of them."""


class Rejected(NamedTuple):
    """A reference fact that has no effect, or whose parent has none."""

    offset: int
    source: str
    id: str
    subject: str
    reason: str


_TAKEN = ("names another event already, and source and id name one for ever", "an id of its own")


class ReferenceData:
    """Organs and calendars after ``known`` records of the reference topic; grows, and never forgets a version.

    A fact that names a law or a calendar that this release does not know has no effect: the organ stays as it was. The
    topic is read anew at every start, so a release that knows it makes up for it. What was taken once is counted when
    it comes again, and changes nothing: its source and id name it for ever, whatever came between.
    """

    def __init__(self, facts: Iterable[ReferenceFact] = ()) -> None:
        self.known = 0
        self.organs: dict[str, OrganData] = {}
        """In the order of their latest registrations."""
        self.units: dict[str, UnitData] = {}
        """Units by code; a code is its first organ's."""
        self.items: dict[str, ItemData] = {}
        """Service items by code; a code is its first organ's."""
        self._offered: dict[str, str] = {}
        """By organ, a digest of its items as they were registered."""
        self._changes: dict[str, int] = {}
        """By organ, how often its law, zone or calendar became another."""
        self._registered: dict[str, tuple[int, OrganRegistered]] = {}
        self._taken: dict[Ref, ReferenceFact] = {}
        """The facts that had an effect, by their names."""
        self._rejected: deque[Rejected] = deque(maxlen=REJECTED)
        self._notices = Notices()
        self._calendars: dict[tuple[str, int], Calendar] = {}
        """By id and number of notices, so that copies can share them."""
        self._terms: dict[str, str] | None = None
        self._stamp = ""
        self._copy: ReferenceData | None = None
        for fact in facts:
            self.learn(fact)

    def learn(self, fact: ReferenceFact, offset: int | None = None) -> None:
        """Take in one reference fact; ``offset`` is its place in the topic (the next one, where left out)."""
        order = self.known if offset is None else offset
        self.known = order + 1
        if (known := self._taken.get(fact.ref)) is not None:
            # Else a sender that repeats itself would undo what came after the first time.
            if not says_the_same(fact, known):
                self._rejected.append(_rejected(order, fact, "$.id", *_TAKEN))
            return
        self._terms = None
        if self._takes(fact, order, judged=offset is None):
            self._taken[fact.ref] = fact

    def _takes(self, fact: ReferenceFact, order: int, *, judged: bool) -> bool:
        """Whether a fact that comes for the first time has an effect; ``judged``: it is of a file, not of a log, and a
        notice is taken as it is."""
        if (wrong := check(fact)) is not None:
            self._rejected.append(_rejected(order, fact, wrong.field, wrong.problem, wrong.expected))
            return False
        match fact:
            case OrganRegistered(data=organ):
                before = self.organs.pop(organ.code, None)
                if before is not None and _law(before) != _law(organ):
                    self._changes[organ.code] = self._changes.get(organ.code, 0) + 1
                self.organs[organ.code] = organ
                self._registered[organ.code] = order, fact
            case UnitRegistered(data=unit):
                if self._anothers(order, fact, unit.organ, self.units.get(unit.code), "unit"):
                    return False
                self.units[unit.code] = unit
            case ItemRegistered(data=item):
                if self._anothers(order, fact, item.organ, self.items.get(item.code), "item"):
                    return False
                self.items[item.code] = item
                self._offered[item.organ] = _digest(self._offered.get(item.organ, ""), repr(item))
            case CalendarPublished():
                if judged:
                    self._notices.take(fact, order)
                elif (why := self._notices.read(fact, order)) is not None:
                    self._rejected.append(_rejected(order, fact, "$.data.confirms", why, CONFIRMED))
                    return False
        return True

    def _anothers(
        self, order: int, fact: ReferenceFact, organ: str, known: UnitData | ItemData | None, what: str
    ) -> bool:
        """Whether a code is another organ's already; it is its first organ's."""
        if known is None or known.organ == organ:
            return False
        problem = f"is {organ!r}, but the {what} is {known.organ!r}'s"
        self._rejected.append(_rejected(order, fact, "$.data.organ", problem, "the organ that has the code"))
        return True

    def examined(self, data: CalendarData) -> Findings:
        """What there is to say about a notice, beside those that count. Raises ``UnknownCalendar``."""
        return self._notices.examined(data)

    def supposing(self, fact: CalendarPublished) -> "ReferenceData":
        """A copy to decide by, in which the notice counts as if it came next, whether it is confirmed or not."""
        copy = self._copied()
        copy._calendars = dict(self._calendars)  # what is only supposed is not for others to see
        copy._notices.take(fact, self.known)
        copy.known += 1
        return copy

    def as_known(self) -> "ReferenceData":
        """A copy that stays as it is: a thread may decide by it while this one goes on learning."""
        if self._copy is None or self._copy.known != self.known:
            self._copy = self._copied()
        return self._copy

    def _copied(self) -> "ReferenceData":
        copy = ReferenceData()
        copy.known, copy.organs, copy.units = self.known, dict(self.organs), dict(self.units)
        copy.items, copy._offered, copy._changes = dict(self.items), dict(self._offered), dict(self._changes)
        copy._taken, copy._notices = dict(self._taken), self._notices.copied()
        copy._calendars = self._calendars
        return copy

    def terms(self) -> dict[str, str]:
        """What the dates of each organ's requests depend on, as a text that is another whenever that is.

        It holds the digest of all laws as well: a request may name its own, and a new release may bring another. And
        how often the organ's own changed: a request can have been decided by one that was in force for a moment only.
        """
        if self._terms is None:
            laws = rules.current().digest

            def since(code: str) -> str:
                offered = f" {self._offered[code]}" if code in self._offered else ""
                return offered + (f" changes {self._changes[code]}" if code in self._changes else "")

            self._terms = {
                code: f"{organ.statute} {organ.timezone} {self._version(organ.calendar)} {laws}{since(code)}"
                for code, organ in self.organs.items()
            }
            self._stamp = _digest(_STAMPED, *(f"{code} {terms}" for code, terms in sorted(self._terms.items())))
        return self._terms

    def stamp(self) -> str:
        """A digest of all :meth:`terms`."""
        self.terms()
        return self._stamp

    def _version(self, calendar_id: str) -> str:
        try:
            return self.calendar(calendar_id).title
        except UnknownCalendar:
            return calendar_id

    def parents(self) -> dict[str, str | None]:
        """Each organ's parent that counts; see :func:`services.events.registrations.tree`."""
        return registrations.tree((code, organ.parent) for code, organ in self.organs.items())

    def rejected(self, limit: int) -> list[Rejected]:
        """The latest reference facts without effect, and those of which the parent has none, the newest first."""
        parents = self.parents()
        wrong = [*self._rejected]
        for offset, fact in self._registered.values():
            code, parent = fact.data.code, fact.data.parent
            if parent is not None and parents[code] is None:
                circle = "is the organ itself, or makes a circle"
                wrong.append(_rejected(offset, fact, "$.data.parent", circle, "an organ that is not under this one"))
            elif parent is not None and parent not in parents:
                wrong.append(
                    _rejected(
                        offset, fact, "$.data.parent", f"is {parent!r}", "an organ that is registered; waits for it"
                    )
                )
        return sorted(wrong, reverse=True)[:limit]

    def calendar(self, calendar_id: str) -> Calendar:
        """The calendar with everything published so far laid over it. Raises ``UnknownCalendar``."""
        notices = self._notices.of(calendar_id)
        calendar = self._calendars.get((calendar_id, len(notices)))
        if calendar is None:
            base = shipped(calendar_id)
            calendar = base.with_notices(notices, _version(base.version, notices)) if notices else base
            self._calendars[calendar_id, len(notices)] = calendar
        return calendar

    def calendar_as_of(self, calendar_id: str, known_on: date | None) -> Calendar:
        """The calendar as it was known on a day (None: now): what ships and was dated by then, and what was published
        by then. Raises ``UnknownCalendar``."""
        if known_on is None:
            return self.calendar(calendar_id)
        base = calendar_as_of(calendar_id, known_on)
        notices = [n for n in self._notices.of(calendar_id) if n.published_on <= known_on]
        return base.with_notices(notices, _version(base.version, notices)) if notices else base

    def changes(self, calendar_id: str) -> tuple[Earlier, ...]:
        """What the calendar was before each notice that changed it. Raises ``UnknownCalendar``."""
        notices = sorted(self._notices.of(calendar_id), key=lambda n: (n.published_on, n.order))
        base, years = shipped(calendar_id), {n.year for n in notices}
        earlier = [e for e in shipped_changes(calendar_id) if e.on.year not in years]
        for place, notice in enumerate(notices):
            before = base.with_notices(notices[:place], _version(base.version, notices[:place])) if place else base
            earlier.append(Earlier(before, notice.published_on, notice.notice))
        return tuple(earlier)

    def zone(self, organ: str) -> ZoneInfo:
        """The time zone of an organ that is known."""
        return _zone(self.organs[organ].timezone)


def check(fact: Fact) -> FieldError | None:
    """What is wrong with a fact by the laws and calendars in force, if anything."""
    return _checking()(fact)


@cache
def _checking() -> Check:
    return registrations.checking(frozenset(statute_ids()), frozenset(calendar_ids()))


rules.remembered(_checking.cache_clear)

_zone = cache(ZoneInfo)


def _rejected(offset: int, fact: ReferenceFact, field: str, problem: str, expected: str) -> Rejected:
    return Rejected(offset, fact.source, fact.id, fact.subject, f"{field}: {problem}; expected {expected}")


def _law(organ: OrganData) -> tuple[str, str, str]:
    """What of an organ its requests' dates depend on."""
    return organ.statute, organ.timezone, organ.calendar


def _digest(*texts: str) -> str:
    return blake2b("\n".join(texts).encode(), digest_size=12).hexdigest()


def _version(base: str, notices: list[Notice]) -> str:
    """The base with the notice that was published last by name, so that a date moved by it can say so."""
    last = max(notices, key=lambda n: (n.published_on, n.order))
    known = max(n.order for n in notices) + 1
    return f"{base} + {len(notices)} notices, the last one {last.notice[:300]} ({last.published_on}), reference {known}"
