"""All checks of what a run left, against the oracles."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from services.events import cases as c
from services.events.cases import CaseEvent
from services.events.vocabulary import Ref
from services.stats.cells import RequestRow, ReviewRow, recount
from services.stats.fold import Fold
from services.tracker.core.case import Case
from services.tracker.core.decide import summary
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Strand
from services.tracker.store import encode_case
from tests.chaos import oracle, reading
from tests.chaos.cluster import PREFIX, Cluster
from tests.chaos.oracle import Findings, Log, Record, Worlds
from tests.chaos.reading import Tables


@dataclass
class Remains:
    """What was read after a run."""

    log: Log
    cases: dict[str, list[bytes]]
    case_records: int
    worlds: Worlds
    told: list[Record]
    """The topic of dead letters."""
    tables: Tables


async def read(cluster: Cluster, findings: Findings) -> Remains:
    """Read the topics and the tables."""
    bootstrap, partitions = cluster.bootstrap, cluster.partitions
    facts = await reading.records(bootstrap, cluster.facts_topic, partitions)
    cases = await reading.records(bootstrap, cluster.cases_topic, partitions)
    return Remains(
        oracle.read_facts(facts),
        oracle.read_cases(cases, findings),
        len(cases),
        Worlds(await reading.records(bootstrap, f"{PREFIX}reference", 1)),
        await reading.records(bootstrap, f"{PREFIX}dead-letters", 1),
        await reading.tables(cluster.postgres.dsn, cluster.facts_topic),
    )


async def check(
    remains: Remains,
    accepted: Sequence[Sequence[bytes]],
    refused: Iterable[bytes],
    now: datetime,
    findings: Findings,
    advance: Callable[[int], None] = lambda _: None,
    furthest: datetime | None = None,
) -> None:
    """Everything; ``now`` is the instant that the clock last looked at the cases, ``furthest`` the latest instant that
    any process's clock showed, if that is known."""
    oracle.check_posted(accepted, refused, remains.log, findings)
    _check_letters(remains, findings)
    _check_history(remains, findings)
    events: list[CaseEvent] = []
    untroubled: list[CaseEvent] = []
    for number, (subject, facts) in enumerate(remains.log.facts.items()):
        shelf, found = oracle.replay(subject, facts, remains.cases.get(subject, ()), remains.worlds, findings)
        events += found
        stored = remains.tables.cases.get(subject)
        if stored is None:
            findings.add("case missing", subject)
            continue
        check_rungs(subject, found, stored, findings)
        case, kept = shelf.case(subject), remains.tables.strands.get(subject, {})
        if kept != shelf.strands[subject]:
            findings.add("strands differ", f"{subject}: {len(kept)}, expected {len(shelf.strands[subject])}")
        if encode_case(stored) != encode_case(case):
            findings.add("case differs", f"{subject}: {encode_case(stored)[:200]!r}, {encode_case(case)[:200]!r}")
        at = looked_at(stored, remains.worlds.last, now)
        if furthest is not None and at > furthest + timedelta(days=1):
            findings.add("case decided for a day that no clock has shown", f"{subject}: {stored.as_of}")
        alone, quiet = oracle.final(subject, facts, remains.worlds.last, at)
        if stored.view.closing and stored.reference < remains.worlds.last_calendar:
            # An end is not touched by a calendar that is published after it: what was known then holds.
            untroubled += found
        else:
            untroubled += quiet
            _compare(subject, stored, alone.case(subject), findings)
            if sorted(map(_refs, kept.values())) != sorted(map(_refs, alone.strands[subject].values())):
                findings.add("strands differ from the same facts without trouble", subject)
        if number % 100 == 99:
            advance(100)
            await asyncio.sleep(0)
    for subject in remains.tables.cases.keys() - remains.log.facts.keys():
        findings.add("case of no fact", subject)
    _check_counters(remains.tables, events, untroubled, findings)


def looked_at(case: Case, world: ReferenceData, now: datetime) -> datetime:
    """The instant that a case is to be compared at: now, or a later day that it was decided for.

    A case never goes back before a day that it was decided for. Where a clock was ahead for a while, what was overdue
    by it stays so when the clock is right again (the day comes anyway); so the untroubled case is looked at then, too.
    """
    zone = world.zone(case.view.organ) if case.view.organ in world.organs else ZoneInfo("UTC")
    return max(now, datetime.combine(case.as_of, time(12), zone)) if case.as_of > now.astimezone(zone).date() else now


def check_rungs(subject: str, events: Iterable[CaseEvent], stored: Case, findings: Findings) -> None:
    """By the case log alone: no card and no breach was told twice, none is missing, and each that went was there."""
    told: set[tuple[object, ...]] = set()

    def issue(key: tuple[object, ...]) -> None:
        if key in told:
            findings.add("told twice", f"{subject}: {key}")
        told.add(key)

    def withdraw(key: tuple[object, ...]) -> None:
        if key not in told:
            findings.add("taken back, and was not there", f"{subject}: {key}")
        told.discard(key)

    for event in events:
        match event:
            case c.CardIssued(data=data):
                issue(("card", data.card.limit, data.card.about or "", data.card.card, data.card.on))
            case c.CardWithdrawn(data=data):
                withdraw(("card", data.card.limit, data.card.about or "", data.card.card, data.card.on))
            case c.DutyOverdue(data=data):
                told.difference_update(
                    {k for k in told if k[:2] == ("duty", data.duty.duty) and k[2] != data.duty.overdue_from}
                )
                issue(("duty", data.duty.duty, data.duty.overdue_from))
            case c.DutyOverdueWithdrawn(data=data) | c.DutyWithdrawn(data=data):
                told.difference_update({k for k in told if k[:2] == ("duty", data.duty.duty)})
            case _:
                continue
    expected: set[tuple[object, ...]] = {
        ("card", r.limit, r.about, r.level, r.on) for r in stored.view.rungs if r.level != "warning"
    }
    expected |= {("duty", d.duty, d.overdue_from) for d in stored.view.duties if d.overdue_from is not None}
    if told != expected:
        findings.add("cards and breaches told are not those that stand", f"{subject}: {told ^ expected}")


def _check_letters(remains: Remains, findings: Findings) -> None:
    """Dead letters are exactly the records that are no facts, whole, each with a reason."""
    for place, value in remains.log.unreadable.items():
        letter = remains.tables.letters.get(place)
        if letter is None or letter[0] != value or not letter[1]:
            findings.add("dead letter missing or changed", f"{place}: {value[:60]!r}")
    for place in remains.tables.letters.keys() - remains.log.unreadable.keys():
        findings.add("dead letter of a good record", str(place))
    told = {(int(r.headers["partition"]), int(r.headers["offset"])): r.value for r in remains.told}
    for place in told.keys() | remains.tables.letters.keys():
        if told.get(place) != remains.tables.letters.get(place, (None, ""))[0]:
            findings.add("dead letter not told to its topic", str(place))
    if remains.tables.stats_letters:
        findings.add("dead letters of stats", str(remains.tables.stats_letters))


def _check_history(remains: Remains, findings: Findings) -> None:
    """The case topic and the tracker's history hold the same events."""
    for subject in remains.cases.keys() | remains.tables.events.keys():
        if remains.cases.get(subject, []) != remains.tables.events.get(subject, []):
            counts = len(remains.cases.get(subject, ())), len(remains.tables.events.get(subject, ()))
            findings.add("case log and history differ", f"{subject}: {counts[0]} and {counts[1]} events")


def _refs(strand: Strand) -> list[Ref]:
    return [kept.fact.ref for kept in strand.kept]


def _compare(subject: str, stored: Case, alone: Case, findings: Findings) -> None:
    """The stored case and the one that had no trouble come to the same."""
    if [f.ref for f in stored.facts] != [f.ref for f in alone.facts]:
        findings.add("facts of a case differ", subject)
        return
    inside = [(v.steps, v.duties, v.rungs) for v in (stored.view, alone.view)]
    if inside[0] != inside[1]:
        findings.add("work inside differs from the same facts without trouble", f"{subject}: {inside[0]}, {inside[1]}")
    if (had := summary(stored.view)) != (wanted := summary(alone.view)):
        findings.add("case differs from the same facts without trouble", f"{subject}: {had}, {wanted}")


def _check_counters(
    tables: Tables, events: Iterable[CaseEvent], untroubled: Iterable[CaseEvent], findings: Findings
) -> None:
    _, fold = oracle.count(events)
    for kind, expected in (
        ("counter differs", dict(fold.cells)),
        ("counter differs from its rows", recount(tables.rows)),
        ("counter differs from the same facts without trouble", dict(oracle.count(untroubled)[0])),
    ):
        for cell in sorted(expected.keys() | tables.cells.keys()):
            if expected.get(cell, 0) != tables.cells.get(cell, 0):
                findings.add(kind, f"{cell}: {tables.cells.get(cell, 0)}, expected {expected.get(cell, 0)}")
    _check_rows(tables, fold, findings)


def _as_kept(row: Any) -> Any:
    """A row as the tables hold it: when a review was served opens a duty in the tracker, and counts nothing here."""
    return replace(row, filed=replace(row.filed, served_on=None)) if isinstance(row, ReviewRow) else row


def _check_rows(tables: Tables, fold: Fold, findings: Findings) -> None:
    stored = {r.subject: r for r in tables.rows if isinstance(r, RequestRow)}
    for subject in stored.keys() | fold.requests.keys():
        if stored.get(subject) != fold.requests.get(subject):
            findings.add("row of stats differs", subject)
    others = [r for r in tables.rows if not isinstance(r, RequestRow)]
    expected = [_as_kept(r) for r in fold.rows() if not isinstance(r, RequestRow)]
    found, wanted = set(map(str, others)), set(map(str, expected))
    if sorted(map(str, others)) != sorted(map(str, expected)):
        odd = f"{next(iter(sorted(found - wanted)), 'none')} for {next(iter(sorted(wanted - found)), 'none')}"
        findings.add("reviews or tallies of stats differ", f"{len(others)} and {len(expected)}: {odd}")
