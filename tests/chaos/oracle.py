"""What the system should have come to, worked out in memory from the log alone by the pure parts of the services.

Two oracles. :func:`replay` takes from the case log only *when* something was decided and with which reference records,
and works out again *what*: every event must come out byte for byte. :func:`final` knows nothing of that: it folds the
facts as if they had come without any trouble, and must end at the same case.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from services.events import facts as f
from services.events.cases import CaseEvent
from services.events.codec import decode_case_event, decode_fact, encode
from services.events.facts import RequestFact
from services.events.refusals import Refused
from services.events.vocabulary import Ref
from services.stats.cells import Cell, Number
from services.stats.fold import Fold
from services.tracker.core import apply
from services.tracker.core.decide import tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf


@dataclass(frozen=True, slots=True)
class Record:
    """A record of the log."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass
class Findings:
    """What is not as it should be; empty if all is well."""

    lines: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, text: str) -> None:
        """Note one; of each kind the first few are told in words."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if self.counts[kind] <= 5:
            self.lines.append(f"{kind}: {text}")


@dataclass
class Log:
    """The fact topic as it was read: who the facts are about, in order, and what is no fact."""

    facts: dict[str, list[RequestFact]]
    """By subject, in the log's order, without repetitions."""
    unreadable: dict[tuple[int, int], bytes]
    """Records that are no facts, by partition and offset."""
    records: int
    repeated: int


LARGEST = 256 * 1024
"""Bytes; what is larger than any fact can be is none."""


def fact_of(record: Record) -> RequestFact | None:
    """The fact that a record of the fact topic is: whole, of a request, under its subject's key; or None."""
    try:
        fact = decode_fact(record.value)
    except Refused:
        return None
    if isinstance(fact, f.ReferenceFact) or len(record.value) > LARGEST:
        return None
    return fact if record.key == fact.subject.encode() else None


def read_facts(records: Iterable[Record]) -> Log:
    """Sort the fact topic's records by what they are."""
    log = Log({}, {}, 0, 0)
    seen: set[tuple[str, Ref]] = set()
    for record in records:
        log.records += 1
        fact = fact_of(record)
        if fact is None:
            log.unreadable[record.partition, record.offset] = record.value
        elif (name := (fact.subject, fact.ref)) in seen:
            log.repeated += 1
        else:
            seen.add(name)
            log.facts.setdefault(fact.subject, []).append(fact)
    return log


def check_posted(accepted: Sequence[Sequence[bytes]], refused: Iterable[bytes], log: Log, findings: Findings) -> None:
    """Every fact that got 202 is in the log exactly as sent, in its order, and nothing else is.

    ``accepted`` has each sender's facts in the order of posting, repetitions included.
    """
    expected: dict[str, dict[Ref, bytes]] = {}
    for sent in accepted:
        for raw in sent:
            fact = decode_fact(raw)
            expected.setdefault(fact.subject, {}).setdefault(fact.ref, encode(fact))
    for subject, facts in expected.items():
        found = {x.ref: x for x in log.facts.get(subject, ())}
        for ref, sent_as in facts.items():
            if ref not in found:
                findings.add("fact lost", f"{subject} {ref.id}")
            elif encode(_as_sent(found[ref])) != sent_as:
                findings.add("fact changed", f"{subject} {ref.id}")
            elif found[ref].postedby is None:
                findings.add("fact without the account that posted it", f"{subject} {ref.id}")
            elif found[ref].recordedtime is None:
                findings.add("fact without time of recording", f"{subject} {ref.id}")
        if [r for r in found if r in facts] != list(facts):
            findings.add("facts out of order", subject)
    forbidden = {decode_fact(raw).ref for raw in refused if _is_fact(raw)}
    for subject, logged in log.facts.items():
        for fact in logged:
            if fact.ref in forbidden:
                findings.add("refused fact in the log", f"{subject} {fact.id}")
            elif fact.ref not in expected.get(subject, {}) and subject in expected:
                findings.add("fact that nobody posted", f"{subject} {fact.id}")


def _as_sent(fact: RequestFact) -> RequestFact:
    """Without what intake writes into it."""
    return msgspec.structs.replace(fact, recordedtime=None, postedby=None, postedfor=None)


def _is_fact(raw: bytes) -> bool:
    try:
        decode_fact(raw)
    except Refused:
        return False
    return True


def read_cases(records: Iterable[Record], findings: Findings) -> dict[str, list[bytes]]:
    """Each subject's case events in the order of their numbers; repetitions must be identical, numbers without gap."""
    found: dict[str, list[bytes]] = {}
    for record in records:
        event = decode_case_event(record.value)
        events = found.setdefault(event.subject, [])
        number = event.sequence or 0
        if (record.key or b"").decode() != event.subject:
            findings.add("case event under a strange key", f"{event.subject} {number}")
        if number == len(events) + 1:
            events.append(record.value)
        elif number > len(events) + 1:
            findings.add("gap in the case log", f"{event.subject}: {number} after {len(events)}")
        elif events[number - 1] != record.value:
            findings.add("case event doubled with another content", f"{event.subject} {number}")
    return found


def _readable(value: bytes) -> Any:
    """A reference fact; None for what readers of the topic pass over."""
    try:
        return decode_fact(value)
    except Refused:
        return None


class Worlds:
    """What was known after each number of reference records."""

    def __init__(self, reference: Iterable[Record]) -> None:
        self._facts = [(r.offset, fact) for r in reference if (fact := _readable(r.value)) is not None]
        self._made: dict[int, ReferenceData] = {}

    def at(self, known: int) -> ReferenceData:
        """The world after the records below offset ``known``."""
        if known not in self._made:
            world = ReferenceData()
            for offset, fact in self._facts:
                if offset < known:
                    assert isinstance(fact, f.ReferenceFact)
                    world.learn(fact, offset)
            self._made[known] = world
        return self._made[known]

    @property
    def last_calendar(self) -> int:
        """How many reference records there were once the last calendar was known."""
        return 1 + max((at for at, fact in self._facts if isinstance(fact, f.CalendarPublished)), default=-1)

    @property
    def last(self) -> ReferenceData:
        """The world with all that is known."""
        return self.at(1 + max((offset for offset, _ in self._facts), default=-1))


def replay(
    subject: str, facts: Sequence[RequestFact], logged: Sequence[bytes], worlds: Worlds, findings: Findings
) -> tuple[Shelf, list[CaseEvent]]:
    """Decide again what the case log says was decided, in its order; what is known after it, and the events."""
    shelf, events = Shelf(), [decode_case_event(x) for x in logged]
    waiting = list(facts)
    at = 0
    while at < len(events):
        event = events[at]
        world, now = worlds.at(event.data.reference or 0), event.recordedtime
        assert now is not None
        if event.data.fact is None:
            shelf.cases[subject], decided, _ = tick(shelf.case(subject), world, now)
        elif not waiting or event.data.fact != waiting[0]:
            findings.add("fact decided out of order", f"{subject} event {at + 1}: {event.data.fact.id}")
            return shelf, events
        else:
            decided = apply.run([waiting.pop(0)], shelf, world, now).events
        if not decided or [encode(e) for e in decided] != list(logged[at : at + len(decided)]):
            findings.add("case event differs", f"{subject} from event {at + 1} on")
            return shelf, events
        at += len(decided)
    for fact in waiting:
        findings.add("fact never decided", f"{subject} {fact.id}")
    return shelf, events


def final(
    subject: str, facts: Iterable[RequestFact], world: ReferenceData, now: datetime
) -> tuple[Shelf, list[CaseEvent]]:
    """What is known after all facts, each decided as it comes with all organs known, and one look by the clock."""
    shelf = Shelf()
    events: list[CaseEvent] = []
    for fact in facts:
        events += apply.run([fact], shelf, world, now).events
    shelf.cases[subject], found, _ = tick(shelf.case(subject), world, now)
    return shelf, events + found


def count(events: Iterable[CaseEvent]) -> tuple[Mapping[Cell, Number], Fold]:
    """The counters after ``events``."""
    fold = Fold()
    for event in events:
        fold.apply(event)
    return fold.cells, fold
