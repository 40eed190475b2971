"""Case events that the stats passed over: a rebuild folds them in their place, once the cause is removed."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from services.events.codec import encode
from services.runtime import shadow_schema
from services.runtime.settings import Settings
from services.runtime.table_diff import TableDiff
from services.stats import rebuild
from services.stats.fold import Fold
from services.stats.store import SCHEMA
from services.stats.worker import Folder, metrics
from tests.integration.test_recovery_batches import batch
from tests.stats_events import answered, recorded, summary

TP = TopicPartition("shixian.cases", 0)


class Log:
    """One partition in memory, read like the log."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records

    async def partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(topic, 0)]

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: len(self.records) for tp in partitions}

    async def read(self, tp: TopicPartition, start: int, end: int) -> AsyncIterator[Sequence[Any]]:
        yield self.records[start:end]


async def folded(pool: Any, dsn: str, log: Any, *, audit: bool = False, swap: bool = False) -> TableDiff:
    """What a rebuild finds; ``swap``: its tables are put in place."""
    live = await asyncpg.connect(dsn)
    problems = TableDiff()
    try:
        async with pool.acquire() as conn:
            await shadow_schema.drop(conn, rebuild.SIDE)
            what = await rebuild.plan(log, live, Settings(), problems, audit=audit)
            await shadow_schema.open_side(conn, SCHEMA, rebuild.MIGRATIONS, what.ends)
            await rebuild.fold(log, conn, what, set(), problems, lambda _count: None)
            if what.live:
                await rebuild.compare_tables(live, conn, problems, lambda _count: None)
            await live.execute("ROLLBACK")
            if swap:
                async with conn.transaction():
                    await rebuild.put_in_place(conn, Settings(), what, equal=False)
    finally:
        live.terminate()
    return problems


async def test_what_can_be_folded_by_now_is_folded_in_its_place_and_its_letter_settled(
    pool: Any, postgres: str
) -> None:
    await pool.execute("ALTER TABLE stats.request ADD CHECK (NOT (subject IN ('r1', 'r3') AND sequence = 2))")
    events = [recorded(f"r{n}", 1, summary()) for n in range(5)]
    events += [recorded(f"r{n}", 2, answered()) for n in range(5)]
    garbage = b'{"specversion"'
    taken = batch([*(encode(each) for each in events), garbage], topic=TP.topic)
    await Folder(pool, metrics(CollectorRegistry())).handle(taken)
    kept = 'SELECT "offset" FROM stats.dead_letter WHERE state = $1 ORDER BY 1'
    assert [row[0] for row in await pool.fetch(kept, "open")] == [6, 8, 10]
    await pool.execute("UPDATE stats.dead_letter SET state = 'discarded' WHERE \"offset\" = 8")
    log = Log(taken.records)

    found = await folded(pool, postgres, log, audit=True)
    assert [(d.where, d.problem) for d in found.shown if d.kind == "dead letter"] == [
        (f"{TP.topic} 0 6", "was passed over, and can be folded")
    ]
    assert "request" in found.counts, "its rows are missing"
    assert (await folded(pool, postgres, log, swap=True)).counts["dead letter"] == 1
    assert [row[0] for row in await pool.fetch(kept, "open")] == [10], "one that still fails stays a letter"
    assert [row[0] for row in await pool.fetch(kept, "replayed")] == [6]
    assert [row[0] for row in await pool.fetch(kept, "discarded")] == [8], "nobody asked for it any more"
    sequences = await pool.fetch("SELECT subject, sequence FROM stats.request")
    assert {row[0]: row[1] for row in sequences} == {"r0": 2, "r1": 2, "r2": 2, "r3": 1, "r4": 2}
    assert (await folded(pool, postgres, log, audit=True)).total == 0, "and nothing is left to be done"


async def test_one_that_fails_half_way_leaves_no_trace_and_an_audit_tries_none_that_ended_a_process(
    pool: Any, postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [recorded("r0", 1, summary()), recorded("r0", 2, answered()), recorded("r1", 1, summary())]
    taken = batch([encode(each) for each in events], topic=TP.topic)
    whole = Fold._count

    def fails(self: Any, event: Any, before: Any, after: Any) -> None:
        if event.sequence == 2:
            raise ZeroDivisionError("a day without hours")
        whole(self, event, before, after)

    monkeypatch.setattr(Fold, "_count", fails)
    await Folder(pool, metrics(CollectorRegistry())).handle(taken)
    assert await pool.fetchval("SELECT count(*) FROM stats.dead_letter") == 1
    assert (await folded(pool, postgres, Log(taken.records))).total == 0
    monkeypatch.undo()
    await pool.execute("UPDATE stats.dead_letter SET code = 'ends-process'")
    assert (await folded(pool, postgres, Log(taken.records), audit=True)).total == 0
    assert (await folded(pool, postgres, Log(taken.records))).counts["dead letter"] == 1


async def test_tables_that_hold_more_than_a_log_restored_from_an_older_export_are_replaced(
    pool: Any, postgres: str
) -> None:
    events = [encode(recorded(f"r{n}", 1, summary())) for n in range(4)]
    taken = batch([events[0], b"garbage", *events[1:], b"more garbage"], topic=TP.topic)
    await Folder(pool, metrics(CollectorRegistry())).handle(taken)
    await pool.execute("UPDATE stats.dead_letter SET state = 'discarded', why = 'a load test'")
    older = Log(taken.records[:3])
    found = await folded(pool, postgres, older)
    assert [(d.kind, d.where, d.problem) for d in found.shown] == [
        ("position", f"{TP.topic} 0", "is 6, and the log ends at 3")
    ]
    await folded(pool, postgres, older, swap=True)
    assert await pool.fetchval("SELECT next_offset FROM stats.progress") == 3
    assert await pool.fetchval("SELECT count(*) FROM stats.request") == 2
    letters = await pool.fetch('SELECT "offset", state, why FROM stats.dead_letter')
    assert [tuple(row) for row in letters] == [(1, "discarded", "a load test")], "another record comes to stand at 5"
    assert (await folded(pool, postgres, older)).total == 0
