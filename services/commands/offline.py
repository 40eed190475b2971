"""A year folded from a file of facts, with the same parts as the services and without any of them running."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from services.events.cases import CaseEvent
from services.events.codec import decode_fact
from services.events.days import ahead
from services.events.facts import Fact, ReferenceFact, RequestFact
from services.events.lines import unmarked
from services.events.refusals import Refused
from services.events.twice import refuse_twice
from services.tracker.core import apply
from services.tracker.core.decide import tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf


class BadLine(ValueError):
    """A line of the file is not a valid fact, or not one of its subject; names the line or the fact,
    and what was expected."""


def read_facts(lines: Iterable[bytes]) -> Iterator[Fact]:
    """The facts of a JSON-lines file; empty lines are passed over. Raises :class:`BadLine`."""
    for number, line in enumerate(unmarked(lines), 1):
        if line.strip():
            try:
                fact = decode_fact(line)
                refuse_twice(line)
            except Refused as error:
                raise BadLine(f"line {number}: {error}") from None
            yield fact


def run(facts: Iterable[Fact], now: datetime) -> tuple[ReferenceData, list[CaseEvent]]:
    """What the tracker would have decided by ``now``: the organs and calendars, and the case events in order.

    Raises :class:`BadLine` for a fact that can't be its subject's, or of which something happened later than the day
    after ``now``.
    """
    reference_data, rest = ReferenceData(), list[RequestFact]()
    for fact in facts:
        if isinstance(fact, ReferenceFact):
            reference_data.learn(fact)
        else:
            rest.append(fact)
    shelf, events = Shelf(), []
    today = max(
        (now.astimezone(reference_data.zone(code)).date() for code in reference_data.organs), default=now.date()
    )
    for fact in rest:
        if wrong := ahead(fact, today):
            raise BadLine(f"fact {fact.source} {fact.id}: {Refused(wrong)}")
        try:
            events += apply.run([fact], shelf, reference_data, now).events
        except Refused as error:
            raise BadLine(f"fact {fact.source} {fact.id}: {error}") from None
    for case in shelf.cases.values():
        events += tick(case, reference_data, now)[1]
    return reference_data, events
