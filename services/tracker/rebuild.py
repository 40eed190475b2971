"""The tracker's tables made anew from the case topic, beside those in use.

What they are compared with (:mod:`services.tracker.rebuild_compare`) is one instant of the tables in use, read in one
snapshot, with what the log then held:

- the ends of the case topic are asked for *before* the snapshot: all below them was committed before it was published,
  so the tables must have it, and a missing row is noticed;
- what the tables have and the log had not yet is then waited for: the relay publishes it, if a tracker runs.

So it makes no difference to the result whether a tracker is running.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from aiokafka import TopicPartition

from services.events.codec import decode_fact
from services.events.facts import ReferenceFact
from services.events.refusals import Refused
from services.events.registrations import as_recorded
from services.runtime import shadow_schema
from services.runtime.bulk import BulkReader
from services.runtime.database import Conn
from services.runtime.settings import Settings
from services.runtime.table_diff import TableDiff
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.refold import Refold, Refs, changes
from services.tracker.splitting import split
from services.tracker.store import (
    CASE_COLUMNS,
    EVENT_COLUMNS,
    NAME_COLUMNS,
    SCHEMA,
    STRAND_COLUMNS,
    case_row,
    strand_rows,
)

MIGRATIONS = files("services.tracker") / "migrations"
SIDE = shadow_schema.side_of(SCHEMA)
REBUILT = (
    *("cases", "strands", "strand_names", "unsplit", "unlisted", "attention", "fact_names", "handed_on", "followed"),
    "office",
    *("events", "published"),
)
RELAY_SECONDS = 15.0
"""How long the relay may publish nothing before it counts as stopped."""

Advance = Callable[[int], None]


@dataclass
class Plan:
    """What is to be folded, and what it is to be compared with."""

    ends: dict[TopicPartition, int]
    """Up to here the tables must have everything."""
    beyond: dict[TopicPartition, int]
    """Up to here the log may have what the snapshot has."""
    facts: dict[TopicPartition, int]
    """How far the facts of each partition are applied."""
    letters: dict[tuple[int, int], bytes]
    """The digests of the dead letters, by partition and offset of the fact topic."""
    live: bool
    """Whether there are tables to compare with."""
    unpublished: set[str] = field(default_factory=set)
    """Subjects with events that the log doesn't have: they can't be compared yet."""
    newest: dict[int, int] = field(default_factory=dict)
    """The number of the last event of each partition: the clock decides as well, and moves no position."""
    fact_ends: dict[TopicPartition, int] = field(default_factory=dict)
    """Where the log of the facts ends."""

    @property
    def records(self) -> int:
        return sum(self.beyond.values())


async def plan(reader: BulkReader, live: Conn, look: Conn, settings: Settings) -> Plan:
    """Fix what to compare. ``live`` is not in a transaction yet, and holds the snapshot afterwards; ``look`` is a
    connection of its own."""
    if await look.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{SCHEMA}.unsplit"):
        while await split(look):
            pass  # rows of an earlier release, which no start has brought into today's form yet
    partitions = await reader.partitions(settings.cases_topic)
    ends = await reader.ends(partitions)
    await live.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if not await shadow_schema.exists(live, SCHEMA):
        return Plan(ends, ends, {}, {}, live=False)
    progress = await live.fetch(
        f"SELECT partition, next_offset FROM {SCHEMA}.progress WHERE topic = $1", settings.facts_topic
    )
    letters = await live.fetch(
        f'SELECT partition, "offset", sha256(value) FROM {SCHEMA}.dead_letter WHERE topic = $1', settings.facts_topic
    )
    newest = await _newest(live)
    await _relayed(look, newest)
    through = {r[0]: r[1] for r in await look.fetch(f"SELECT partition, through FROM {SCHEMA}.published")}
    beyond = await reader.ends(partitions)
    unpublished = {
        row[0]
        for partition in newest
        for row in await live.fetch(
            f"SELECT DISTINCT subject FROM {SCHEMA}.events WHERE partition = $1 AND number > $2",
            partition,
            through.get(partition, 0),
        )
    }
    return Plan(
        ends,
        beyond,
        {TopicPartition(settings.facts_topic, r[0]): r[1] for r in progress},
        {(r[0], r[1]): r[2] for r in letters},
        live=bool(progress),
        unpublished=unpublished,
        newest=newest,
        fact_ends=await reader.ends(await reader.partitions(settings.facts_topic)),
    )


async def _newest(conn: Conn) -> dict[int, int]:
    rows = await conn.fetch(f"SELECT partition, max(number) FROM {SCHEMA}.events GROUP BY 1")
    return {row[0]: row[1] for row in rows}


async def _relayed(look: Conn, newest: dict[int, int]) -> None:
    """Wait until the events up to ``newest`` are in the log, as long as the relay gets on with it."""
    before, since = -1, asyncio.get_running_loop().time()
    while True:
        rows = await look.fetch(f"SELECT partition, through FROM {SCHEMA}.published")
        through = {row[0]: row[1] for row in rows}
        if all(through.get(partition, 0) >= number for partition, number in newest.items()):
            return
        now = asyncio.get_running_loop().time()
        if (total := sum(through.values())) > before:
            before, since = total, now
        elif now - since > RELAY_SECONDS:
            return
        await asyncio.sleep(0.2)


async def read_reference(reader: BulkReader, settings: Settings) -> list[tuple[int, ReferenceFact]]:
    """The organs and calendars of the reference topic, each with its offset."""
    facts: list[tuple[int, ReferenceFact]] = []
    for tp, end in (await reader.ends(await reader.partitions(settings.reference_topic))).items():
        async for records in reader.read(tp, 0, end):
            for record in records:
                try:
                    fact = as_recorded(decode_fact(record.value or b""), record.timestamp)
                except Refused:
                    continue  # the services pass over it as well
                if isinstance(fact, ReferenceFact):
                    facts.append((record.offset, fact))
    return facts


async def fold(
    reader: BulkReader,
    live: Conn,
    conn: Conn,
    what: Plan,
    reference: list[tuple[int, ReferenceFact]],
    done: set[TopicPartition],
    problems: TableDiff,
    advance: Advance,
    on_partition: Callable[[Refold, Refs], Any] | None = None,
) -> int:
    """Fold every partition that is not ``done`` into the side schema, each in one transaction; how many events."""
    events, known = 0, learned(reference)
    for tp in sorted(what.ends):
        if tp in done and on_partition is None:
            advance(what.beyond[tp])
            continue
        refold = await fold_one(reader, live, conn, what, reference, known, tp, problems, advance, again=tp in done)
        events += refold.events
        if on_partition is not None:
            await on_partition(refold, Refs(refold))
    await settle(conn)
    return events


async def fold_one(
    reader: BulkReader,
    live: Conn,
    conn: Conn,
    what: Plan,
    reference: list[tuple[int, ReferenceFact]],
    known: ReferenceData,
    tp: TopicPartition,
    problems: TableDiff,
    advance: Advance = lambda _count: None,
    *,
    again: bool = False,
) -> Refold:
    """Fold a partition into the side schema, in one transaction.

    ``known`` is what the ``reference`` facts come to; ``again``: the side schema has the partition, and forgets it.
    """
    async with conn.transaction():
        if again:
            for name in ("events", "cases", "strands", "strand_names"):
                await conn.execute(f"DELETE FROM {SIDE}.{name} WHERE partition = $1", tp.partition)
        return await _partition(reader, live, conn, what, reference, known, tp, problems, advance)


def learned(reference: list[tuple[int, ReferenceFact]]) -> ReferenceData:
    """What all of these facts come to."""
    reference_data = ReferenceData()
    for offset, fact in reference:
        reference_data.learn(fact, offset)
    return reference_data


async def _partition(
    reader: BulkReader,
    live: Conn,
    conn: Conn,
    what: Plan,
    reference: list[tuple[int, ReferenceFact]],
    reference_data: ReferenceData,
    tp: TopicPartition,
    problems: TableDiff,
    advance: Advance,
) -> Refold:
    """Fold a partition into the side schema, in the caller's transaction."""
    refold, end = Refold(tp.partition), what.ends[tp]
    async for records in reader.read(tp, 0, end):
        await _append(conn, refold.take(records, problems))
        advance(len(records))
    async for records in reader.read(tp, end, what.beyond[tp]):
        known = await _known(live, records)
        await _append(conn, refold.take(records, problems, lambda s, n, k=known: n <= k.get(s, 0)))  # type: ignore[misc]  # a default binds the loop's value
        advance(len(records))
    cases = refold.settle(reference)
    now = datetime.now(UTC)
    await conn.copy_records_to_table(
        "cases",
        schema_name=SIDE,
        columns=tuple(CASE_COLUMNS),
        records=[case_row(change, now) for change in changes(cases, tp.partition, reference_data)],
    )
    for name, columns, rows in zip(
        ("strands", "strand_names"),
        (STRAND_COLUMNS, NAME_COLUMNS),
        strand_rows(refold.shelf, tp.partition),
        strict=True,
    ):
        await conn.copy_records_to_table(name, schema_name=SIDE, columns=columns, records=rows)
    await _check_repeated(conn, refold, problems)
    await shadow_schema.mark_done(conn, SCHEMA, tp)
    return refold


async def settle(conn: Conn) -> None:
    """After the last partition."""
    await conn.execute(f"DELETE FROM {SIDE}.published")
    await conn.execute(f"INSERT INTO {SIDE}.published SELECT partition, max(number) FROM {SIDE}.events GROUP BY 1")
    # The first start with these tables lists what needs a person, and whose the names of the facts are.
    await conn.execute(f"INSERT INTO {SIDE}.unlisted (subject) SELECT subject FROM {SIDE}.cases ON CONFLICT DO NOTHING")
    await conn.execute(f"ANALYZE {SIDE}.events, {SIDE}.cases")


async def _append(conn: Conn, rows: list[Any]) -> None:
    if rows:
        await conn.copy_records_to_table("events", schema_name=SIDE, columns=EVENT_COLUMNS, records=rows)


async def _known(live: Conn, records: Any) -> dict[str, int]:
    """The last event of each record's subject in the snapshot."""
    rows = await live.fetch(
        f"SELECT subject, max(sequence) FROM {SCHEMA}.events WHERE subject = ANY($1::text[]) GROUP BY 1",
        [(record.key or b"").decode(errors="replace") for record in records],
    )
    return {row[0]: row[1] for row in rows}


async def _check_repeated(conn: Conn, refold: Refold, problems: TableDiff) -> None:
    """An event that was published twice must be the same both times."""
    for start in range(0, len(refold.repeated), 10_000):
        lot = refold.repeated[start : start + 10_000]
        rows = await conn.fetch(
            f"SELECT w.subject, w.sequence, w.place FROM unnest($1::text[], $2::bigint[], $3::text[], $4::bigint[]) "
            f"AS w(subject, sequence, digest, place) JOIN {SIDE}.events e USING (subject, sequence) "
            "WHERE md5(e.body) <> w.digest",
            *(list(column) for column in zip(*lot, strict=True)),
        )
        for subject, sequence, place in rows:
            problems.add(
                "sequence", f"{subject} {sequence}", f"was published again with another content, offset {place}"
            )


async def put_in_place(conn: Conn, settings: Settings, what: Plan, *, equal: bool) -> None:
    """Swap the side schema in; inside a transaction.

    The positions are kept only where the tables were equal, with nothing in them that was still to be published; else
    all facts are read again, and those that the cases hold are dropped as duplicates.
    Raises :class:`~services.runtime.shadow_schema.InUse` and :class:`~services.runtime.shadow_schema.Moved`.
    """
    if await shadow_schema.exists(conn, SCHEMA):
        positions = {tp.partition: position for tp, position in what.facts.items()}
        await shadow_schema.require_unmoved(conn, SCHEMA, settings.facts_topic, positions)
        if await _newest(conn) != what.newest:
            raise shadow_schema.Moved("the clock has decided something meanwhile")
        await shadow_schema.carry_over(conn, SCHEMA, REBUILT, what.fact_ends)
        if not equal:
            await conn.execute(f"DELETE FROM {SIDE}.progress")
            for table in ("reference_applied", "organ_applied", "postponed"):
                await conn.execute(f"DELETE FROM {SIDE}.{table}")
    await shadow_schema.swap(conn, SCHEMA)
