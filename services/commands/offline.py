"""A year folded from a file of facts, with the same parts as the services and without any of them running."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.events.cases import CaseEvent
from services.events.codec import decode_fact
from services.events.facts import CalendarPublished, OrganRegistered, RequestFact, TallyRecorded
from services.events.refusals import Refused
from services.events.vocabulary import Ref
from services.tracker.case import Case
from services.tracker.decide import decide, tick
from services.tracker.world import World


class BadLine(ValueError):
    """A line of the file is no fact; names the line, the field and what was expected."""


def read_facts(lines: Iterable[bytes]) -> Iterator[OrganRegistered | CalendarPublished | RequestFact]:
    """The facts of a JSON-lines file; empty lines are passed over. Raises :class:`BadLine`."""
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield decode_fact(line)
            except Refused as error:
                raise BadLine(f"line {number}: {error}") from None


def run(
    facts: Iterable[OrganRegistered | CalendarPublished | RequestFact], now: datetime
) -> tuple[World, list[CaseEvent]]:
    """What the tracker would have decided by ``now``: the organs and calendars, and the case events in order."""
    world, rest = World(), []
    for fact in facts:
        if isinstance(fact, OrganRegistered | CalendarPublished):
            world.learn(fact)
        else:
            rest.append(fact)
    cases: dict[str, Case] = {}
    tallies: dict[Ref, TallyRecorded] = {}
    events: list[CaseEvent] = []
    for fact in rest:
        case, found = decide(cases.get(fact.subject, Case(subject=fact.subject)), fact, world, now, tallies)
        cases[fact.subject] = case
        if isinstance(fact, TallyRecorded):
            tallies.setdefault(fact.ref, fact)
        events += found
    for case in cases.values():
        events += tick(case, world, now)[1]
    return world, events
