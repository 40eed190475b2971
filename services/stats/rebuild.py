"""The counts made anew from the case topic, beside the tables in use, and compared with them.

One snapshot of the tables says how far each partition is folded; the log is folded exactly up to there. A case event
that the service passed over is tried again: where the cause is removed by now, it is folded in its place, and that is a
difference. One that still fails stays a dead letter, as does one that a person discarded.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files

import asyncpg
from aiokafka import TopicPartition

from services.events.cases import CaseEvent
from services.events.refusals import Reason
from services.runtime import applying, dead_letters, progress, shadow_schema
from services.runtime.bulk import BulkReader
from services.runtime.database import Conn
from services.runtime.dead_letters import DeadLetter
from services.runtime.settings import Settings
from services.runtime.table_diff import WHOLE, Share, Table, TableDiff, compare
from services.stats import store
from services.stats.cells import Cell, recount
from services.stats.fold import Fold, Place
from services.stats.store import SCHEMA
from services.stats.worker import last_written, read

MIGRATIONS = files("services.stats") / "migrations"
SIDE = shadow_schema.side_of(SCHEMA)
REBUILT = ("request", "review", "tally", "office", "cell", "cell_change", "folded", "progress")
CELL = Cell._fields
_CELL = ", ".join(CELL)

_TEXTS = frozenset({"subject", "review", "source", "id", "topic", "piece", "about", *CELL}) - {"year"}


def _table(name: str, key: tuple[str, ...], columns: str, source: str = "") -> Table:
    return Table(name, key, {c.split(" := ")[0]: c.split(" := ")[-1] for c in columns.split(", ")}, source, _TEXTS)


TABLES = (
    _table("request", ("subject",), ", ".join(["sequence", *store.SUMMARY])),
    _table(
        "review", ("subject", "review"), "organ, kind, filed_on, first_handling_disputed, decided_on, result, statute"
    ),
    _table("tally", ("subject", "source", "id"), 'organ, on := "on", measure, count := trim_scale(count)'),
    _table("office", ("subject", "piece", "about"), 'organ, unit, code, on := "on", left_on, how, days'),
    _table(
        "cell",
        CELL,
        "count",
        f"(SELECT {_CELL}, trim_scale(count) AS count FROM {{schema}}.cell WHERE count <> 0) t",
    ),
    _table(
        "cell_change",
        ("subject", "sequence", *CELL),
        "delta, times, recorded_at, source, id, place",
        f"(SELECT subject, sequence, {_CELL}, trim_scale(sum(delta)) AS delta, count(*) AS times, "
        "min(recorded_at) AS recorded_at, min(cause_source) AS source, min(cause_id) AS id, "
        """min(partition || ' ' || "offset") AS place FROM {schema}.cell_change """
        f"GROUP BY subject, sequence, {_CELL}) t",
    ),
    _table("folded", ("topic", "partition"), "events, repeated, last_event_at"),
)

_FOLDED = "replayed"
"""The state of a letter whose event was folded in its place."""
_AGAIN = Reason("unfit", "folded in its place by a rebuild")

Advance = Callable[[int], None]


@dataclass
class Plan:
    """What is to be folded, and what it is to be compared with."""

    ends: dict[TopicPartition, int]
    letters: set[tuple[int, int]]
    """Partition and offset of the case events that the service passed over."""
    live: bool
    """Whether there are tables to compare with."""
    final: frozenset[tuple[int, int]] = frozenset()
    """Those of them that are not tried again."""
    positions: Mapping[int, int] = field(default_factory=dict)
    """How far the tables had folded each partition, if there are any."""

    @property
    def records(self) -> int:
        return sum(self.ends.values())


class Unfoldable(RuntimeError):
    """An event that can't be folded, and that the service has not passed over either."""


async def plan(reader: BulkReader, live: Conn, settings: Settings, problems: TableDiff, *, audit: bool = False) -> Plan:
    """Fix what to compare. ``live`` is not in a transaction yet, and holds the snapshot afterwards.

    An ``audit`` is to end whatever the log holds: it does not try what ended the service's process. Tables that hold
    more than the log can be compared with nothing: an audit fails over them, a rebuild notes it and folds what there
    is.
    """
    partitions = await reader.partitions(settings.cases_topic)
    await live.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    if await shadow_schema.exists(live, SCHEMA):
        topic = settings.cases_topic
        rows = await live.fetch(f"SELECT partition, next_offset FROM {SCHEMA}.progress WHERE topic = $1", topic)
        if rows:
            letters = await live.fetch(
                f'SELECT partition, "offset", state, code FROM {SCHEMA}.dead_letter WHERE topic = $1 AND state <> $2',
                topic,
                _FOLDED,
            )
            positions = {r[0]: r[1] for r in rows}
            ends = {TopicPartition(topic, partition): position for partition, position in positions.items()}
            final = frozenset(
                (r[0], r[1]) for r in letters if r[2] == "discarded" or (audit and r[3] == "ends-process")
            )
            log_ends = await reader.ends(partitions)
            comparable = audit or not shadow_schema.beyond_the_log(ends, log_ends, problems)
            return Plan(
                ends if comparable else log_ends,
                {(r[0], r[1]) for r in letters},
                live=comparable,
                final=final,
                positions=positions,
            )
    return Plan(await reader.ends(partitions), set(), live=False)


async def fold(
    reader: BulkReader, conn: Conn, what: Plan, done: set[TopicPartition], problems: TableDiff, advance: Advance
) -> int:
    """Fold every partition that is not ``done`` into the side schema, each in one transaction; how many events.

    Raises :class:`Unfoldable`.
    """
    events = 0
    for tp, end in sorted(what.ends.items()):
        if tp in done:
            advance(end)
            continue
        async with conn.transaction():
            events += await _partition(reader, conn, what, tp, end, problems, advance)
            await shadow_schema.mark_done(conn, SCHEMA, tp)
    await settle(conn)
    return events


async def fold_apart(settings: Settings, what: Plan, tp: TopicPartition) -> tuple[int, TableDiff]:
    """One partition, with a reader and a connection of its own; how many events, and what was wrong.

    Partitions may be folded side by side: counters that several of them add to wait for one another at the end alone.
    Raises :class:`Unfoldable`, and what the log and the database raise.
    """
    problems = TableDiff()
    async with BulkReader(settings.bootstrap) as reader:
        conn = await asyncpg.connect(settings.postgres, timeout=30)
        try:
            async with conn.transaction():
                events = await _partition(reader, conn, what, tp, what.ends[tp], problems, lambda _count: None)
                await shadow_schema.mark_done(conn, SCHEMA, tp)
        finally:
            conn.terminate()
    return events, problems


async def settle(conn: Conn) -> None:
    """After the last partition."""
    await conn.execute(f"ANALYZE {SIDE}.request, {SIDE}.cell_change")


async def _partition(
    reader: BulkReader,
    conn: Conn,
    what: Plan,
    tp: TopicPartition,
    end: int,
    problems: TableDiff,
    advance: Advance,
) -> int:
    total, count, last = Fold(), 0, None
    again: list[DeadLetter] = []
    async for records in reader.read(tp, 0, end):
        events, letters = applying.decoded(records, read)
        await dead_letters.record(conn, SIDE, letters)
        for letter in letters:
            if what.live and (tp.partition, letter.offset) not in what.letters:
                problems.add(
                    "dead letter", f"{tp.topic} {tp.partition} {letter.offset}", f"is missing ({letter.reason.text})"
                )
        for offset, event in events:
            place = Place(tp.partition, offset)
            if place in what.letters:
                if place in what.final or not await _fits(conn, total, event, place):
                    continue
                problems.add("dead letter", f"{tp.topic} {tp.partition} {offset}", "was passed over, and can be folded")
                again.append(dead_letters.of(next(r for r in records if r.offset == offset), _AGAIN))
            try:
                total.apply(event, place)
            except Exception as error:
                raise Unfoldable(f"{tp.topic} partition {tp.partition} offset {offset}: {error!r}") from error
            count += 1
        written = last_written(records)
        last = written if last is None else max(last, written)
        advance(len(records))
    await store.save(conn, total, SIDE)
    await dead_letters.record(conn, SIDE, again)
    await conn.execute(
        f"UPDATE {SIDE}.dead_letter SET state = $4 "
        'WHERE topic = $1 AND partition = $2 AND "offset" = ANY($3::bigint[])',
        tp.topic,
        tp.partition,
        [letter.offset for letter in again],
        _FOLDED,
    )
    await progress.lock(conn, SIDE, tp.topic, tp.partition)
    await progress.advance(conn, SIDE, tp.topic, tp.partition, end)
    if last is not None:
        await store.note(conn, tp.topic, tp.partition, count, total.repeated, last, SIDE)
    return count


async def _fits(conn: Conn, total: Fold, event: CaseEvent, place: Place) -> bool:
    """Whether an event that was passed over can be folded by now, and the tables take what it comes to; tried on rows
    of its own, since one that fails leaves them half changed."""
    part = total.about(event.subject)
    trial = conn.transaction()
    await trial.start()
    try:
        await applying.computed(lambda: part.apply(event, place))
        await store.save(conn, part, SIDE)
    except Exception as error:
        if not applying.is_permanent(error):
            raise
        return False
    finally:
        await trial.rollback()
    return True


async def compare_tables(
    live: Conn, conn: Conn, differences: TableDiff, advance: Advance, share: Share = WHOLE
) -> None:
    """Note how the snapshot (or a share of it) differs from what was folded."""
    async with conn.transaction():
        for table in TABLES:
            await compare(table, (live, SCHEMA), (conn, SIDE), differences, advance=advance, share=share)


async def compare_apart(settings: Settings, snapshot: str, share: Share) -> tuple[TableDiff, TableDiff]:
    """A share of it, over connections of its own; nothing, and what was wrong."""
    problems = TableDiff()
    async with shadow_schema.beside(settings, snapshot) as (live, conn):
        await compare_tables(live, conn, problems, lambda _count: None, share)
    return TableDiff(), problems


async def recount_cells(live: Conn, differences: TableDiff) -> int:
    """Note each counter that is not the sum of its rows, or of its changes; how many counters there are."""
    expected = recount(await store.all_rows(live))
    counters = await store.all_cells(live)
    for cell in sorted(expected.keys() | counters.keys()):
        if expected.get(cell, 0) != counters.get(cell, 0):
            problem = f"is {counters.get(cell, 0)}, its rows add up to {expected.get(cell, 0)}"
            differences.add("counter", " ".join(map(str, cell)), problem)
    rows = await live.fetch(
        f"SELECT {_CELL}, coalesce(c.count, 0), coalesce(d.delta, 0) "
        f"FROM {SCHEMA}.cell c FULL JOIN (SELECT {_CELL}, sum(delta) AS delta FROM {SCHEMA}.cell_change "
        f"GROUP BY {_CELL}) d USING ({_CELL}) WHERE coalesce(c.count, 0) <> coalesce(d.delta, 0)"
    )
    for row in rows:
        differences.add("counter", " ".join(map(str, row[:7])), f"is {row[7]}, its changes add up to {row[8]}")
    return len(expected)


async def put_in_place(conn: Conn, settings: Settings, what: Plan, *, equal: bool) -> None:
    """Swap the side schema in; inside a transaction. Raises :class:`~services.runtime.shadow_schema.InUse` and
    :class:`~services.runtime.shadow_schema.Moved`.

    The positions are those that were folded to, so it goes on from there, whether it was equal or not.
    """
    if await shadow_schema.exists(conn, SCHEMA):
        await shadow_schema.require_unmoved(conn, SCHEMA, settings.cases_topic, what.positions)
        folded = await conn.fetch(
            f'SELECT topic, partition, "offset" FROM {SIDE}.dead_letter WHERE state = $1', _FOLDED
        )
        await shadow_schema.carry_over(conn, SCHEMA, REBUILT, what.ends)
        await conn.executemany(
            f"UPDATE {SIDE}.dead_letter SET state = $4, why = $5, settled_at = now() "
            "WHERE topic = $1 AND partition = $2 AND \"offset\" = $3 AND state = 'open'",
            [(*row, _FOLDED, _AGAIN.text) for row in folded],
        )
    await shadow_schema.swap(conn, SCHEMA)
