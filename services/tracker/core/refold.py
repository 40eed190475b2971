"""The cases folded from the case topic alone: what a rebuild writes, and what an audit expects.

Each decision's first event carries its fact, and every event the day and the number of reference records that it was
decided with. So the facts of a case follow from its events, and its view from the last decision.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any, Protocol

from msgspec.structs import replace

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event
from services.events.facts import ReferenceFact, TallyRecorded
from services.events.refusals import Refused
from services.tracker.core import apply
from services.tracker.core.case import Case, is_amendment
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.rows import Change, Row, event_name
from services.tracker.core.strands import Shelf
from services.tracker.core.view import look

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class Problems(Protocol):
    """Where what is not as it should be is reported."""

    def add(self, kind: str, where: str, problem: str) -> None: ...


Known = Callable[[str, int], bool]
"""Whether an event, by its subject and sequence, is one that the fold is to hold."""


@dataclass
class Refold:
    """One partition of the case topic, folded."""

    partition: int
    shelf: Shelf = field(default_factory=Shelf)
    """The cases, their views not yet derived, and the strands."""
    events: int = 0
    foreign: int = 0
    """Records that are no case events; the readers of the topic keep them as dead letters."""
    repeated: list[tuple[str, int, str, int]] = field(default_factory=list)
    """Events that came again: subject, sequence, md5 of the body, offset. Their bodies must be the same."""
    decided: dict[str, int] = field(default_factory=dict)
    """How many reference records were known at the decision that the view comes from; tallies have no part in it."""

    def take(
        self, records: Iterable[Any], problems: Problems, known: Known = lambda subject, number: True
    ) -> list[Row]:
        """Fold records in their order; the new events as rows of the history."""
        rows: list[Row] = []
        for record in records:
            try:
                event = decode_case_event(record.value or b"")
            except Refused:
                self.foreign += 1
                continue
            if known(event.subject, event.sequence or 0):
                rows += self._fold(record, event, problems)
        self.events += len(rows)
        return rows

    def _fold(self, record: Any, event: CaseEvent, problems: Problems) -> Sequence[Row]:
        case = self.shelf.case(event.subject)
        number = event.sequence or 0
        if number <= case.sequence:
            self.repeated.append((event.subject, number, md5(record.value).hexdigest(), record.offset))
            return ()
        if number > case.sequence + 1:
            where = f"{record.topic} {record.partition} {record.offset}"
            missing = f"{case.sequence + 1} to {number - 1}"
            problems.add("sequence", f"{event.subject} in {where}", f"is {number}; {missing} never came before it")
        self.shelf.replay(event)
        if not isinstance(event.data.fact, TallyRecorded):
            self.decided[event.subject] = event.data.reference or 0
        return ((record.partition, event.subject, number, event_name(event), record.value),)

    def settle(self, reference: Sequence[tuple[int, ReferenceFact]]) -> list[Case]:
        """The cases with their views, each as of its last decision and with the organs and calendars known then."""
        reference_data, at, settled = ReferenceData(), 0, []
        for subject in sorted(self.shelf.cases, key=lambda s: self.decided.get(s, -1)):
            case = self.shelf.cases[subject]
            if subject in self.decided:
                while at < len(reference) and reference[at][0] < self.decided[subject]:
                    reference_data.learn(reference[at][1], reference[at][0])
                    at += 1
                case = replace(case, view=look(case, reference_data, case.as_of).view)
            settled.append(case)
        return settled


def changes(cases: Iterable[Case], partition: int, reference_data: ReferenceData) -> list[Change]:
    """Cases to be written, each to be looked at by the clock on the day that its view names."""
    return [
        Change(case, partition, apply.wake_at(case, case.view.wake_on, reference_data, _LONG_AGO, timedelta()))
        for case in cases
    ]


class Refs:
    """The facts that a partition's subjects have, by what names them; for the question whether a record is among them.

    Within a subject a name is one fact's, whatever its kind: the first that came has it.
    """

    def __init__(self, refold: Refold) -> None:
        shelf = refold.shelf
        self._known = {(case.subject, fact.source, fact.id) for case in shelf.cases.values() for fact in case.facts}
        for subject, strands in shelf.strands.items():
            facts = (kept.fact for strand in strands.values() for kept in strand.kept)
            self._known.update((subject, fact.source, fact.id) for fact in facts)
        amending = (fact for case in shelf.cases.values() for fact in case.facts if is_amendment(fact))
        self._amended = {(a.subject, a.data.amends.source, a.data.amends.id) for a in amending}
        for strands in shelf.strands.values():
            for fact in (kept.fact for strand in strands.values() for kept in strand.kept):
                if is_amendment(fact):
                    self._amended.add((fact.subject, fact.data.amends.source, fact.data.amends.id))

    def holds(self, subject: str, source: str, id: str) -> bool:
        return (subject, source, id) in self._known

    def names(self) -> Iterator[tuple[str, str, str]]:
        """Source, id and subject of each fact that nobody has amended under that subject."""
        return ((source, id, subject) for subject, source, id in sorted(self._known - self._amended))
