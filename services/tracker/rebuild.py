"""The tracker's tables made anew from the case topic, beside those in use, and compared with them.

What is compared is one instant of the tables, read in one snapshot, with what the log then held:

- the ends of the case topic are asked for *before* the snapshot: all below them was committed before it was published,
  so the tables must have it, and a missing row is noticed;
- what the tables have and the log had not yet is then waited for: the relay publishes it, if a tracker runs.

So it makes no difference to the result whether a tracker is running.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.resources import files
from typing import Any

import msgspec
from aiokafka import TopicPartition
from msgspec.structs import replace

from services.events.codec import decode_case_event, decode_fact
from services.events.facts import ReferenceFact
from services.events.refusals import Refused
from services.events.registrations import as_recorded
from services.runtime import shadow_schema
from services.runtime.bulk import BulkReader
from services.runtime.database import Conn
from services.runtime.settings import Settings
from services.runtime.table_diff import Explain, Table, TableDiff, compare
from services.statute import rules
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.refold import Refold, Refs, changes
from services.tracker.core.rows import Change
from services.tracker.splitting import split
from services.tracker.store import (
    CASE_COLUMNS,
    EVENT_COLUMNS,
    NAME_COLUMNS,
    SCHEMA,
    STRAND_COLUMNS,
    case_row,
    decode_case,
    decode_strand,
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

_NAME = ("subject", "source", "id")
_NOT_THE_LOGS = ("partition", "wake_at", "updated_at")
TABLES = (
    Table("cases", ("subject",), {c: c for c in CASE_COLUMNS if c not in _NOT_THE_LOGS}, texts=frozenset({"subject"})),
    Table("strands", ("subject", "number"), {"body": "body"}, texts=frozenset({"subject"})),
    Table("strand_names", _NAME, {"number": "number"}, texts=frozenset(_NAME)),
    Table("events", ("subject", "sequence"), {"name": "name", "body": "body"}, texts=frozenset({"subject"})),
)

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
    newest = {r[0]: r[1] for r in await live.fetch(f"SELECT partition, max(number) FROM {SCHEMA}.events GROUP BY 1")}
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
    )


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
    reference_data = ReferenceData()
    for offset, fact in reference:
        reference_data.learn(fact, offset)
    events = 0
    for tp, end in sorted(what.ends.items()):
        if tp in done and on_partition is None:
            advance(what.beyond[tp])
            continue
        refold = Refold(tp.partition)
        async with conn.transaction():
            if tp in done:
                for name in ("events", "cases", "strands", "strand_names"):
                    await conn.execute(f"DELETE FROM {SIDE}.{name} WHERE partition = $1", tp.partition)
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
        events += refold.events
        if on_partition is not None:
            await on_partition(refold, Refs(refold))
    await conn.execute(f"DELETE FROM {SIDE}.published")
    await conn.execute(f"INSERT INTO {SIDE}.published SELECT partition, max(number) FROM {SIDE}.events GROUP BY 1")
    # The first start with these tables lists what needs a person, and whose the names of the facts are.
    await conn.execute(f"INSERT INTO {SIDE}.unlisted (subject) SELECT subject FROM {SIDE}.cases ON CONFLICT DO NOTHING")
    await conn.execute(f"ANALYZE {SIDE}.events, {SIDE}.cases")
    return events


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


async def compare_tables(
    live: Conn, conn: Conn, what: Plan, differences: TableDiff, older: TableDiff, advance: Advance
) -> None:
    """Note how the snapshot differs from what was folded, in ``older`` where only the age of a case's rules does it."""

    async def where(found: Any, expected: Any) -> TableDiff:
        subject = decode_case(expected["body"]).subject
        last = await conn.fetchval(
            f"SELECT body FROM {SIDE}.events WHERE subject = $1 ORDER BY sequence DESC LIMIT 1", subject
        )
        return older if last is not None and decided_otherwise(found, expected, last) else differences

    def not_in_the_log_yet(key: tuple[Any, ...]) -> bool:
        return key[0] in what.unpublished

    async with conn.transaction():
        for table in TABLES:
            await compare(
                table,
                (live, SCHEMA),
                (conn, SIDE),
                differences,
                leave_out=not_in_the_log_yet,
                explain=explained(table.name),
                advance=advance,
                where=where if table.name == "cases" else None,
            )


def decided_otherwise(found: Mapping[str, Any], expected: Mapping[str, Any], last: bytes) -> bool:
    """Whether a row of the cases differs since other rules decided it: its last event names others than those in force
    (or none, as those of the first release do), all that its events say is the same, and its columns are those of its
    own view."""
    is_, should = decode_case(found["body"]), decode_case(expected["body"])
    if decode_case_event(last).data.rules == rules.current().digest or replace(is_, view=should.view) != should:
        return False
    own = dict(zip(CASE_COLUMNS, case_row(Change(is_, 0, None), datetime.now(UTC)), strict=True))
    return all(found[name] == own[name] for name in CASE_COLUMNS if name not in (*_NOT_THE_LOGS, "body"))


_BODIES: dict[str, Callable[[bytes], Any]] = {"cases": decode_case, "strands": decode_strand}
"""How the bodies of a table are read, where not as case events; two that read the same are the same in effect."""


def explained(table: str) -> Explain:
    """What puts into words how two values of a column of ``table`` differ."""
    return partial(_explain, _BODIES.get(table, decode_case_event))


def _explain(read: Callable[[bytes], Any], name: str, found: Any, expected: Any) -> str | None:
    if name != "body":
        return f"{name} is {found!r}, expected {expected!r}"
    try:
        is_, should = (msgspec.to_builtins(read(body)) for body in (found, expected))
    except (msgspec.MsgspecError, Refused):
        is_, should = _json(found), _json(expected)
    if not isinstance(is_, dict) or not isinstance(should, dict):
        return f"body is {found[:200]!r}, expected {expected[:200]!r}"
    parts = _leaves(is_, should)
    return "; ".join(parts[:5]) if parts else None


def _json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.MsgspecError:
        return None


def _leaves(found: dict[str, Any], expected: dict[str, Any], path: str = "") -> list[str]:
    differing: list[str] = []
    for name in sorted(found.keys() | expected.keys()):
        is_, should = found.get(name), expected.get(name)
        if isinstance(is_, dict) and isinstance(should, dict):
            differing += _leaves(is_, should, f"{path}{name}.")
        elif is_ != should:
            differing.append(f"{path}{name} is {str(is_)[:100]!r}, expected {str(should)[:100]!r}")
    return differing


async def put_in_place(conn: Conn, settings: Settings, *, equal: bool) -> None:
    """Swap the side schema in; inside a transaction.

    The positions are kept only where the tables were equal, with nothing in them that was still to be published; else
    all facts are read again, and those that the cases hold are dropped as duplicates.
    Raises :class:`~services.runtime.shadow_schema.InUse`.
    """
    if await shadow_schema.exists(conn, SCHEMA):
        await shadow_schema.carry_over(conn, SCHEMA, REBUILT)
        if not equal:
            await conn.execute(f"DELETE FROM {SIDE}.progress")
            for table in ("reference_applied", "organ_applied", "postponed"):
                await conn.execute(f"DELETE FROM {SIDE}.{table}")
    await shadow_schema.swap(conn, SCHEMA)
