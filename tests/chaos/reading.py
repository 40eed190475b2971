"""What is left when all is quiet: the topics' records and the tables' rows, read without any service of ours."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.stats import store as stats
from services.stats.cells import Cell, Number, Row
from services.tracker.core.case import Case
from services.tracker.core.strands import Strand
from services.tracker.store import decode_case, decode_strand
from tests.chaos.oracle import Record

IDLE_SECONDS = 20.0
ASK_SECONDS = 5.0


async def ends(bootstrap: str, topic: str, partitions: int) -> dict[int, int]:
    """The end of each partition. Raises ``KafkaError`` or ``OSError`` when the broker is away."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        async with asyncio.timeout(IDLE_SECONDS):
            await consumer.start()
            told = await consumer.end_offsets([TopicPartition(topic, p) for p in range(partitions)])
            return {tp.partition: end for tp, end in told.items()}
    finally:
        await consumer.stop()


async def follow_ends(bootstrap: str, topics: Sequence[str], partitions: int, heard: dict[str, int]) -> None:
    """Keep in ``heard`` how many records each topic holds, as last told by the broker; until cancelled."""
    tps = [TopicPartition(topic, p) for topic in topics for p in range(partitions)]
    while True:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                await consumer.start()
            while True:
                async with asyncio.timeout(ASK_SECONDS):
                    told = await consumer.end_offsets(tps)
                for topic in topics:
                    heard[topic] = sum(end for tp, end in told.items() if tp.topic == topic)
                await asyncio.sleep(0.25)
        except (KafkaError, OSError):  # a TimeoutError is an OSError; what was heard last still holds
            await asyncio.sleep(0.25)
        finally:
            await asyncio.wait([asyncio.create_task(consumer.stop())], timeout=ASK_SECONDS)


async def records(bootstrap: str, topic: str, partitions: int) -> list[Record]:
    """All records of a topic, those of a partition in their order."""
    return [r for p in range(partitions) for r in await partition_records(bootstrap, topic, p)]


async def partition_records(bootstrap: str, topic: str, partition: int) -> list[Record]:
    """All records of one partition, in their order."""
    tp = TopicPartition(topic, partition)
    end = (await ends(bootstrap, topic, partition + 1))[partition]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest", max_poll_records=5000
    )
    await consumer.start()
    try:
        consumer.assign([tp])
        found: list[Record] = []
        while await consumer.position(tp) < end:
            async with asyncio.timeout(IDLE_SECONDS):
                got = await consumer.getmany(tp, timeout_ms=500)
            found += [Record(partition, r.offset, r.key, r.value or b"", dict(r.headers)) for r in got.get(tp, ())]
        return found
    finally:
        await consumer.stop()


@dataclass
class Tables:
    """The rows of both services."""

    cases: dict[str, Case]
    strands: dict[str, dict[int, Strand]]
    """By subject and number."""
    events: dict[str, list[bytes]]
    """Each subject's history, in order."""
    letters: dict[tuple[int, int], tuple[bytes, str]]
    """Dead letters by partition and offset: bytes and reason."""
    cells: dict[Cell, Number]
    rows: list[Row]
    stats_letters: int
    repeated: int
    """Case events that stats found to be repetitions."""


async def tables(dsn: str, facts_topic: str) -> Tables:
    """All rows, read in one connection."""
    conn = await asyncpg.connect(dsn)
    try:
        events: dict[str, list[bytes]] = {}
        for row in await conn.fetch("SELECT subject, body FROM tracker.events ORDER BY subject, sequence"):
            events.setdefault(row["subject"], []).append(row["body"])
        letters = await conn.fetch(
            'SELECT partition, "offset", value, reason FROM tracker.dead_letter WHERE topic = $1', facts_topic
        )
        strands: dict[str, dict[int, Strand]] = {}
        for row in await conn.fetch("SELECT subject, number, body FROM tracker.strands"):
            strands.setdefault(row["subject"], {})[row["number"]] = decode_strand(row["body"])
        return Tables(
            {r["subject"]: decode_case(r["body"]) for r in await conn.fetch("SELECT subject, body FROM tracker.cases")},
            strands,
            events,
            {(r["partition"], r["offset"]): (r["value"], r["reason"]) for r in letters},
            await stats.all_cells(conn),
            await stats.all_rows(conn),
            await conn.fetchval("SELECT count(*) FROM stats.dead_letter"),
            await conn.fetchval("SELECT coalesce(sum(repeated), 0)::bigint FROM stats.folded"),
        )
    finally:
        await conn.close()


@dataclass(frozen=True)
class Progress:
    """How far the work is."""

    facts: int
    """Records of the fact topic applied by the tracker."""
    cases: int
    """Records of the case topic folded by stats."""


async def _ask(dsn: str, query: str, *values: object) -> asyncpg.Record | None:
    """One row; None while the database is away, or has no tables yet."""
    try:
        async with asyncio.timeout(15):
            conn = await asyncpg.connect(dsn, timeout=3)
            try:
                return await conn.fetchrow(query, *values)
            finally:
                await conn.close(timeout=2)
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        return None


_PROGRESS = (
    "SELECT (SELECT coalesce(sum(next_offset), 0)::bigint FROM tracker.progress),"
    " (SELECT coalesce(sum(next_offset), 0)::bigint FROM stats.progress)"
)


async def progress(dsn: str) -> Progress | None:
    """How far the work is by the tables; None while the database is away."""
    row = await _ask(dsn, _PROGRESS)
    return None if row is None else Progress(*row)


async def follow_progress(dsn: str, take: Callable[[Progress], None]) -> None:
    """Tell ``take`` again and again how far the work is, on one connection for as long as that lasts; until
    cancelled."""
    while True:
        conn: asyncpg.Connection[asyncpg.Record] | None = None
        try:
            conn = await asyncpg.connect(dsn, timeout=3)
            while True:
                async with asyncio.timeout(15):
                    row = await conn.fetchrow(_PROGRESS)
                if row is not None:
                    take(Progress(*row))
                await asyncio.sleep(0.25)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            await asyncio.sleep(0.25)  # it is away, or has no tables yet
        finally:
            if conn is not None:
                conn.terminate()


async def positions(dsn: str, topic: str) -> dict[int, int]:
    """The tracker's position in each partition of the fact topic. Raises what the database raises."""
    conn = await asyncpg.connect(dsn, timeout=30)
    try:
        rows = await conn.fetch("SELECT partition, next_offset FROM tracker.progress WHERE topic = $1", topic)
        return {row["partition"]: row["next_offset"] for row in rows}
    finally:
        await conn.close()


async def pending(dsn: str, soon: datetime) -> int | None:
    """Events and dead letters not published yet, and cases that the clock has to look at by ``soon``; None as above."""
    row = await _ask(
        dsn,
        "SELECT (SELECT count(*) FROM tracker.events e LEFT JOIN tracker.published p USING (partition)"
        "  WHERE e.number > coalesce(p.through, 0))"
        " + (SELECT count(*) FROM tracker.cases WHERE wake_at <= $1)"
        " + (SELECT count(*) FROM tracker.dead_letter WHERE published_at IS NULL)",
        soon,
    )
    return None if row is None else int(row[0])
