"""The oracle itself: it finds each kind of damage that the chaos run looks for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import msgspec
import pytest

from services.events.codec import decode_fact, encode
from services.stats.fold import Fold
from services.tracker.core import apply
from services.tracker.core.strands import Shelf
from tests.chaos import oracle, verify
from tests.chaos.oracle import Findings, Record, Worlds
from tests.chaos.reading import Tables
from tests.support import ORGAN, answered, raw, received

NOW = datetime(2024, 6, 28, 4, tzinfo=UTC)
RECORDED = "2024-06-28T03:00:00Z"
FILED = {"review": "f1", "organ": "gz-psb", "kind": "complaint", "filed_on": "2023-03-02"}
SENT = [
    received("r/1", "2023-03-01", "in-person"),
    answered("r/1", "2023-03-10"),
    received("r/2", "2023-04-03", "in-person"),
    raw("review-filed", "gz-psb", FILED),
]
RAW = [msgspec.json.encode(x) for x in SENT]


def _log() -> tuple[list[Record], list[Record], Worlds]:
    """A log as the system would have left it: facts, case events, reference."""
    worlds = Worlds([Record(0, 0, b"gz-psb", msgspec.json.encode(raw("organ-registered", "gz-psb", ORGAN)))])
    facts = [
        Record(0, n, x["subject"].encode(), msgspec.json.encode({**x, "recordedtime": RECORDED, "postedby": "local"}))
        for n, x in enumerate(SENT)
    ]
    facts.append(Record(0, len(facts), b"x", b"garbage"))
    shelf, events = Shelf(), list[Record]()
    for record in facts[:-1]:
        fact = oracle.fact_of(record)
        assert fact is not None
        found = apply.run([fact], shelf, worlds.last, NOW).events
        events += [Record(0, len(events) + n, fact.subject.encode(), encode(e)) for n, e in enumerate(found)]
    return facts, events, worlds


def _remains(facts: list[Record], events: list[Record], worlds: Worlds, findings: Findings) -> verify.Remains:
    """What those logs lead to when all goes well."""
    log, logged = oracle.read_facts(facts), oracle.read_cases(events, findings)
    cases, strands, fold = {}, {}, Fold()
    for subject, of_subject in log.facts.items():
        shelf, decided = oracle.replay(subject, of_subject, logged[subject], worlds, Findings())
        cases[subject], strands[subject] = shelf.case(subject), shelf.strands[subject]
        for event in decided:
            fold.apply(event)
    letters = {place: (value, "not JSON") for place, value in log.unreadable.items()}
    told = [
        Record(0, n, None, value, {"partition": b"%d" % p, "offset": b"%d" % o})
        for n, ((p, o), value) in enumerate(log.unreadable.items())
    ]
    tables = Tables(cases, strands, dict(logged), letters, dict(fold.cells), fold.rows(), 0, 0)
    return verify.Remains(log, logged, len(events), worlds, told, tables)


async def _check(
    change_log: Callable[[list[Record], list[Record]], None] = lambda facts, events: None,
    change_tables: Callable[[Tables], None] = lambda tables: None,
    sent: list[bytes] = RAW,
    furthest: datetime | None = None,
) -> set[str]:
    findings = Findings()
    facts, events, worlds = _log()
    sound = _remains(facts, events, worlds, Findings())
    change_log(facts, events)
    change_tables(sound.tables)
    remains = replace(sound, log=oracle.read_facts(facts), cases=oracle.read_cases(events, findings))
    # The cases have not been looked at by the clock since the last fact.
    await verify.check(remains, [sent], [], datetime(2023, 3, 10, tzinfo=UTC), findings, furthest=furthest)
    return set(findings.counts)


async def test_a_sound_log_has_no_findings() -> None:
    assert await _check() == set()


async def test_a_case_decided_for_a_day_that_has_not_come_is_found() -> None:
    assert await _check(furthest=datetime(2023, 4, 3, tzinfo=UTC)) == set()
    told = await _check(furthest=datetime(2023, 3, 20, tzinfo=UTC))
    assert told == {"case decided for a day that no clock has shown"}


def _lose_fact(facts: list[Record], events: list[Record]) -> None:
    del facts[1]


def _double_event(facts: list[Record], events: list[Record]) -> None:
    events.append(replace(events[0], value=events[0].value.replace(b"in-person", b"post")))


def _lose_event(facts: list[Record], events: list[Record]) -> None:
    del events[1]


def _repeat_events(facts: list[Record], events: list[Record]) -> None:
    events += [replace(e, offset=e.offset + 100) for e in events]


def _swap_facts(facts: list[Record], events: list[Record]) -> None:
    facts[0], facts[1] = facts[1], facts[0]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_lose_fact, "fact lost"),
        (_double_event, "case event doubled with another content"),
        (_lose_event, "gap in the case log"),
        (_swap_facts, "facts out of order"),
    ],
)
async def test_damage_to_the_log_is_found(damage: Callable[[list[Record], list[Record]], None], expected: str) -> None:
    assert expected in await _check(change_log=damage)


async def test_identical_repetitions_are_no_damage() -> None:
    assert await _check(change_log=_repeat_events) == set()


def _lose_case(tables: Tables) -> None:
    del tables.cases["r/2"]


def _change_case(tables: Tables) -> None:
    tables.cases["r/1"] = msgspec.structs.replace(tables.cases["r/1"], sequence=9)


def _lose_strand(tables: Tables) -> None:
    tables.strands["gz-psb"].clear()


def _change_cell(tables: Tables) -> None:
    tables.cells[next(iter(tables.cells))] = 5


def _lose_letter(tables: Tables) -> None:
    tables.letters.clear()


def _lose_row(tables: Tables) -> None:
    tables.rows.pop(0)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (_lose_case, "case missing"),
        (_change_case, "case differs"),
        (_lose_strand, "strands differ"),
        (_change_cell, "counter differs"),
        (_lose_letter, "dead letter missing or changed"),
        (_lose_row, "row of stats differs"),
    ],
)
async def test_damage_to_the_tables_is_found(damage: Callable[[Tables], None], expected: str) -> None:
    assert expected in await _check(change_tables=damage)


async def test_a_fact_that_was_sent_otherwise_is_found() -> None:
    other = decode_fact(msgspec.json.encode({**SENT[0], "id": "t-other"}))
    assert "fact lost" in await _check(sent=[*RAW, encode(other)])
    changed = RAW[0].replace(b"in-person", b"fax")
    assert "fact changed" in await _check(sent=[changed, *RAW[1:]])
