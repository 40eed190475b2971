"""What an audit asks of the tracker beyond the comparison with the log: no fact without a trace, no case asleep."""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from aiokafka import TopicPartition

from services.events.facts import ReferenceFact
from services.runtime import applying
from services.runtime.bulk import BulkReader
from services.runtime.database import Conn
from services.runtime.table_diff import TableDiff
from services.tracker import office_store
from services.tracker.core import apply
from services.tracker.core.case import Case
from services.tracker.core.decide import tick
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.refold import Refs
from services.tracker.rebuild import SIDE, Plan
from services.tracker.store import SCHEMA, decode_case
from services.tracker.worker import POSTPONED

Advance = Callable[[int], None]

_NAMES = f"{SIDE}.audited_names"


async def check_facts(
    reader: BulkReader, what: Plan, tp: TopicPartition, refs: Refs, problems: TableDiff, advance: Advance
) -> int:
    """Note each applied offset of a partition of the fact topic that is in no case, no repetition and no dead letter,
    and each dead letter that is not what the log holds; how many records there are."""
    end = what.facts.get(tp, 0)
    letters = {offset: digest for (partition, offset), digest in what.letters.items() if partition == tp.partition}
    count = 0
    async for records in reader.read(tp, 0, end):
        facts, unreadable = applying.decoded(records, apply.read)
        unheld = {letter.offset: letter.reason.text for letter in unreadable if not _held_before(letter.value, refs)}
        for offset, fact in facts:
            known = refs.holds(fact.subject, fact.source, fact.id)
            if not known and fact.subject not in what.unpublished:
                unheld[offset] = f"fact {fact.source} {fact.id} of {fact.subject}"
        for record in records:
            digest = letters.pop(record.offset, None)
            where = f"{tp.topic} {tp.partition} {record.offset}"
            if digest is not None and digest != sha256(record.value or b"").digest():
                problems.add("dead letter", where, "holds other bytes than the log")
            if digest is None and record.offset in unheld:
                problems.add("fact", where, f"is in no case and no dead letter: {unheld[record.offset]}")
        count += len(records)
        advance(len(records))
    for offset in sorted(letters):
        problems.add("dead letter", f"{tp.topic} {tp.partition} {offset}", "is of no record that was read")
    return count


class _Named(msgspec.Struct):
    subject: str
    source: str
    id: str


def _held_before(value: bytes, refs: Refs) -> bool:
    """Whether a case holds what this version can't read any more: an earlier one could."""
    try:
        named = msgspec.json.decode(value, type=_Named)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return refs.holds(named.subject, named.source, named.id)


async def begin_names(conn: Conn) -> None:
    """Make room for the names of all facts, where other processes see it."""
    await end_names(conn)
    await conn.execute(f"CREATE UNLOGGED TABLE {_NAMES} (source text, id text, subject text)")


async def end_names(conn: Conn) -> None:
    """What :func:`begin_names` made is gone, also that of an audit that was stopped."""
    await conn.execute(f"DROP TABLE IF EXISTS {_NAMES}")


async def note_names(conn: Conn, refs: Refs) -> None:
    """Note the names of a partition's facts."""
    await conn.copy_records_to_table(
        "audited_names", schema_name=SIDE, columns=("source", "id", "subject"), records=refs.names()
    )


async def check_names(conn: Conn, reused: TableDiff) -> None:
    """Note each name that facts of more than one subject have; all of them count, and one is likely a mistake."""
    async with conn.transaction():
        async for row in conn.cursor(
            "SELECT source, id, (array_agg(subject ORDER BY subject))[:10] AS subjects "
            f"FROM {_NAMES} "
            "GROUP BY source, id HAVING count(*) > 1 ORDER BY source, id"
        ):
            reused.add("fact", f"{row['source']} {row['id']}", f"stands under {', '.join(row['subjects'])}")


async def check_waking(
    live: Conn,
    reference: list[tuple[int, ReferenceFact]],
    now: datetime,
    problems: TableDiff,
    partitions: tuple[int, ...] | None = None,
) -> int:
    """Note each case of the snapshot that the clock would look at too late, or never; how many were looked at.

    Those of ``partitions``; None: all.
    """
    reference_data = ReferenceData()
    for offset, fact in reference:
        reference_data.learn(fact, offset)
    count = 0
    # A release that knows no table of what is open inside the offices has written none, and a start fills it.
    office = _OPEN if await live.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.office") else "NULL"
    query = f"SELECT body, wake_at, {office} AS office FROM {SCHEMA}.cases c WHERE state <> 'organ'"
    query += " AND ($1::int[] IS NULL OR partition = ANY($1))"
    async for row in live.cursor(query, partitions, prefetch=1000):
        count += 1
        case = decode_case(row["body"])
        if row["office"] is not None and sorted(row["office"]) != (wanted := _open_of(case)):
            problems.add("office", case.subject, f"has {list(row['office'])[:5]}, expected {wanted[:5]}")
        if case.view.wake_on is not None and _late(row["wake_at"], case, case.view.wake_on, reference_data):
            problem = _asleep(case, row["wake_at"], reference_data, now)
            if problem:
                problems.add("cases", case.subject, problem)
    return count


_OPEN = (
    f"CASE WHEN EXISTS (SELECT FROM {SCHEMA}.unlisted u WHERE u.subject = c.subject) THEN NULL ELSE ARRAY(SELECT "
    f"kind || ' ' || about || ' ' || unit || ' ' || coalesce(due_on::text, '-') || ' ' || coalesce(ends_on::text, '-') "
    f"FROM {SCHEMA}.office o "
    "WHERE o.subject = c.subject) END"
)


def _open_of(case: Case) -> list[str]:
    """What is open of a case, as the table has it."""
    rows = (dict(zip(office_store.COLUMNS, row, strict=True)) for row in office_store.open_work(case, 0))
    return sorted(
        f"{row['kind']} {row['about']} {row['unit']} {row['due_on'] or '-'} {row['ends_on'] or '-'}" for row in rows
    )


def _late(wake_at: datetime | None, case: Case, day: date, reference_data: ReferenceData) -> bool:
    zone = reference_data.zone(case.view.organ) if case.view.organ in reference_data.organs else ZoneInfo("UTC")
    return wake_at is None or wake_at > datetime.combine(day, time.min, zone) + POSTPONED


def _asleep(case: Case, wake_at: datetime | None, reference_data: ReferenceData, now: datetime) -> str:
    """The day on the case may be behind: the clock looked then, found nothing new, and set the next day."""
    _, events, next_day = tick(case, reference_data, now)
    if events and (wake_at is None or wake_at > now + POSTPONED):
        return f"wakes {_said(wake_at)}, and {len(events)} events are due"
    if not events and next_day is not None and _late(wake_at, case, next_day, reference_data):
        return f"wakes {_said(wake_at)}, expected {next_day}"
    return ""


def _said(wake_at: Any) -> str:
    return "never" if wake_at is None else f"at {wake_at.astimezone(UTC).isoformat(timespec='seconds')}"
