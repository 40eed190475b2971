"""A crash between any two of a batch's steps, and a zombie beside its successor: no result changes.

Each test names what it would notice: the order of publishing and acknowledging, the lock of the progress row.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from aiokafka import ConsumerRecord, TopicPartition
from prometheus_client import CollectorRegistry

from services.events.cases import CaseEvent
from services.events.codec import decode_case_event, decode_fact
from services.runtime import progress
from services.runtime.batch import Batch, LogHole
from services.runtime.clock import ManualClock
from services.runtime.packing import Record
from services.runtime.settings import Settings
from services.stats import store as stats_store
from services.stats import worker as stats_worker
from services.stats.cells import Cell, Number, recount
from services.stats.fold import Fold
from services.stats.worker import Folder
from services.tracker import metrics as tracker_metrics
from services.tracker.core import apply
from services.tracker.core.reference_data import ReferenceData
from services.tracker.core.strands import Shelf
from services.tracker.worker import Tracker
from tests.chaos.crashes import Crash, Fuse, GatedPool, Halt, MemoryLog
from tests.support import ORGAN, answered, raw, received

NOW = datetime(2024, 6, 28, 4, tzinfo=UTC)
SETTINGS = Settings()
FACTS, CASES = SETTINGS.facts_topic, SETTINGS.cases_topic
TALLY = {"organ": "gz-psb", "on": "2023-05-05", "measure": "page-views", "count": 7}
ORGAN_FACT: Any = decode_fact(msgspec.json.encode(raw("organ-registered", "gz-psb", ORGAN)))
HISTORY: list[bytes] = [
    msgspec.json.encode({**fact, "recordedtime": "2024-06-28T03:00:00Z"})
    for fact in (
        received("r/1", "2023-03-01", "in-person"),
        answered("r/1", "2023-03-10"),
        received("r/2", "2023-04-03", "in-person"),
        raw("tally-recorded", "gz-psb", TALLY),
        received("r/3", "2023-04-04", "post"),
        answered("r/2", "2023-04-28", "does-not-exist"),
    )
]
FILED = {"review": "f1", "organ": "gz-psb", "kind": "complaint", "filed_on": "2023-05-08"}
DECIDED = {"review": "f1", "decided_on": "2023-06-08", "result": "upheld"}
HISTORY += [
    msgspec.json.encode({**fact, "recordedtime": "2024-06-28T03:00:00Z"})
    for fact in (raw("review-decided", "gz-psb", DECIDED), raw("review-filed", "gz-psb", FILED))
]
HISTORY.insert(3, b"garbage")
HISTORY.append(HISTORY[0])


def _batch(topic: str, values: Sequence[tuple[bytes | None, bytes]], first: int, size: int) -> Batch:
    records = tuple(
        ConsumerRecord(topic, 0, first + n, 1_700_000_000_000, 0, key, value, None, len(key or b""), len(value), ())
        for n, (key, value) in enumerate(values[first : first + size])
    )
    return Batch(topic, 0, records, first, len(values))


def _keyed(value: bytes) -> tuple[bytes | None, bytes]:
    return (None if value == b"garbage" else decode_fact(value).subject.encode(), value)


def _tracker(pool: Any, log: Any) -> Tracker:
    async def nothing_new() -> None:
        pass

    own = tracker_metrics.metrics(CollectorRegistry())
    return Tracker(pool, log, ReferenceData([ORGAN_FACT]), nothing_new, ManualClock(NOW), SETTINGS, own, lambda: None)


async def _position(pool: Any, schema: str, topic: str) -> int:
    tp = TopicPartition(topic, 0)
    return (await progress.positions(pool, schema, [tp])).get(tp, 0)


async def _track(pool: Any, log: MemoryLog, fuse: Fuse, size: int = 4) -> None:
    """Work as a process would from its start: from the stored position on, batch by batch; the sweep comes last."""
    log.gate = fuse
    tracker = _tracker(GatedPool(pool, fuse), log)
    values = [_keyed(v) for v in HISTORY]
    while (position := await _position(pool, "tracker", FACTS)) < len(values):
        batch = _batch(FACTS, values, position, size)
        await tracker.handle(batch)
        assert await _position(pool, "tracker", FACTS) >= batch.next_offset
    await tracker.sweep(0)


def _effect(records: Sequence[Record]) -> list[bytes]:
    """What a consumer that drops numbers it has seen makes of the case topic. Gaps fail."""
    seen: dict[str, int] = {}
    kept: list[bytes] = []
    for _, value, _ in records:
        event = decode_case_event(value)
        number, last = event.sequence or 0, seen.get(event.subject, 0)
        assert number <= last + 1, f"gap: {event.subject} {number} after {last}"
        if number > last:
            seen[event.subject] = number
            kept.append(value)
    return sorted(kept, key=lambda value: decode_case_event(value).id)


def _decided() -> list[CaseEvent]:
    """What the pure decisions make of the history."""
    facts: list[Any] = [decode_fact(value) for value in HISTORY if value != b"garbage"]
    return sorted(apply.run(facts, Shelf(), ReferenceData([ORGAN_FACT]), NOW).events, key=lambda e: e.id)


async def _rows(pool: Any) -> dict[str, list[Any]]:
    wanted = {
        "cases": "SELECT subject, body, sequence FROM tracker.cases ORDER BY subject",
        "events": "SELECT subject, sequence, body FROM tracker.events ORDER BY subject, sequence",
        "letters": 'SELECT "offset", value FROM tracker.dead_letter ORDER BY "offset"',
        "strands": "SELECT subject, number, body FROM tracker.strands ORDER BY subject, number",
        "names": "SELECT subject, source, id, number FROM tracker.strand_names ORDER BY subject, source, id",
    }
    return {name: [tuple(r) for r in await pool.fetch(query)] for name, query in wanted.items()}


async def _wipe(pool: Any) -> None:
    tables = await pool.fetch(
        "SELECT schemaname || '.' || tablename FROM pg_tables "
        "WHERE schemaname IN ('tracker', 'stats') AND tablename <> 'migration'"
    )
    # Of a few rows, as here, it takes a fraction of what TRUNCATE does.
    await pool.execute("; ".join(f"DELETE FROM {t[0]}" for t in tables))


async def test_a_crash_of_the_tracker_between_any_two_steps_changes_no_result(pool: Any) -> None:
    """Would fail if events were marked as published, or a batch passed over, before the log has its events."""
    whole = Fuse()
    log = MemoryLog()
    await _track(pool, log, whole)
    expected_rows, expected_events = await _rows(pool), _effect(log.topics[CASES])
    assert [decode_case_event(e).id for e in expected_events] == [e.id for e in _decided()]
    assert {"commit", "committed", "acknowledged", f"send to {CASES}"} <= set(whole.trace)
    for at in range(1, len(whole.trace) + 1):
        await _wipe(pool)
        log = MemoryLog()
        with pytest.raises(Crash):
            await _track(pool, log, Fuse(at))
        await _track(pool, log, Fuse())
        crashed_at = whole.trace[at - 1]
        assert await _rows(pool) == expected_rows, crashed_at
        assert _effect(log.topics[CASES]) == expected_events, crashed_at


async def test_what_is_acknowledged_is_in_the_log(pool: Any) -> None:
    """Would fail if steps 6 and 7 were swapped: a batch acknowledged while its events wait to be published."""
    log = MemoryLog()
    tracker = _tracker(pool, log)
    values = [_keyed(v) for v in HISTORY]
    for first in range(0, len(values), 3):
        await tracker.handle(_batch(FACTS, values, first, 3))
        logged = {(e.subject, e.sequence) for e in map(decode_case_event, (r[1] for r in log.topics[CASES]))}
        decided = await pool.fetch("SELECT subject, sequence FROM tracker.events")
        assert logged == {tuple(row) for row in decided}


async def test_a_batch_that_can_not_be_published_is_not_acknowledged(pool: Any) -> None:
    """Would fail if steps 6 and 7 were swapped."""

    class Away(MemoryLog):
        async def send_all(self, topic: str, records: Sequence[Record]) -> list[Any]:
            raise ConnectionError("the log is away")

    with pytest.raises(ConnectionError):
        await _tracker(pool, Away()).handle(_batch(FACTS, [_keyed(v) for v in HISTORY], 0, 4))


async def _zombie_and_successor(halt: Halt, zombie: Any, successor: Any) -> None:
    """The first stands still before step 5 while the second gets the same batch."""
    first = asyncio.create_task(zombie)
    await asyncio.wait_for(halt.reached.wait(), 10)
    second = asyncio.create_task(successor)
    await asyncio.wait([second], timeout=1.0)  # without a lock it is done by then
    halt.go_on.set()
    await asyncio.wait_for(asyncio.gather(first, second), 20)


async def test_a_zombie_tracker_and_its_successor_decide_once(pool: Any) -> None:
    """Would fail if step 2's lock were dropped."""
    log, halt = MemoryLog(), Halt()
    values = [_keyed(v) for v in HISTORY]
    batch = _batch(
        FACTS, values, 2, len(values)
    )  # requests that have no rows yet: nothing but the progress row is there to lock
    zombie, successor = _tracker(GatedPool(pool, halt), log), _tracker(pool, log)
    await successor.handle(_batch(FACTS, values, 0, 2))
    await _zombie_and_successor(halt, zombie.handle(batch), successor.handle(batch))
    assert await pool.fetchval("SELECT count(*) FROM tracker.events") == len(_decided())
    assert [decode_case_event(e).id for e in _effect(log.topics[CASES])] == [e.id for e in _decided()]
    assert await pool.fetchval("SELECT count(*) FROM tracker.dead_letter") == HISTORY.count(b"garbage")


async def _case_log(pool: Any) -> list[tuple[bytes | None, bytes]]:
    log = MemoryLog()
    await _track(pool, log, Fuse())
    return [(key, value) for key, value, _ in log.topics[CASES]]


def _folder(pool: Any) -> Folder:
    return Folder(pool, stats_worker.metrics(CollectorRegistry()))


async def _cells(pool: Any) -> dict[Cell, Number]:
    async with pool.acquire() as conn:
        cells = await stats_store.all_cells(conn)
        assert cells == recount(await stats_store.all_rows(conn))
        return cells


async def test_a_zombie_of_stats_and_its_successor_count_once(pool: Any) -> None:
    """Would fail if step 2's lock were dropped: both would count requests that neither finds in the rows."""
    values = await _case_log(pool)
    first = next(n for n, (key, _) in enumerate(values) if key != values[0][0])
    halt, batch = Halt(), _batch(CASES, values, first, len(values))
    zombie, successor = _folder(GatedPool(pool, halt)), _folder(pool)
    await successor.handle(_batch(CASES, values, 0, first))
    await _zombie_and_successor(halt, zombie.handle(batch), successor.handle(batch))
    expected = Fold()
    for _, value in values:
        expected.apply(decode_case_event(value))
    assert await _cells(pool) == expected.cells


async def test_a_crash_of_stats_between_any_two_steps_changes_no_result(pool: Any) -> None:
    values = await _case_log(pool)

    async def fold(fuse: Fuse) -> None:
        folder = _folder(GatedPool(pool, fuse))
        while (position := await _position(pool, "stats", CASES)) < len(values):
            await folder.handle(_batch(CASES, values, position, 3))

    await fold(whole := Fuse())
    expected = await _cells(pool)
    for at in range(1, len(whole.trace) + 1):
        await _wipe(pool)
        with pytest.raises(Crash):
            await fold(Fuse(at))
        await fold(Fuse())
        assert await _cells(pool) == expected, whole.trace[at - 1]
        assert await pool.fetchval("SELECT sum(repeated) FROM stats.folded") == 0, whole.trace[at - 1]


@pytest.mark.parametrize("schema", ["tracker", "stats"])
async def test_a_batch_after_a_hole_is_refused_and_a_repeated_one_passed_over(pool: Any, schema: str) -> None:
    case_log = await _case_log(pool)
    await _wipe(pool)
    tracked = schema == "tracker"
    tracker, folder = _tracker(pool, MemoryLog()), _folder(pool)
    handle = tracker.handle if tracked else folder.handle
    topic, values = (FACTS, [_keyed(v) for v in HISTORY]) if tracked else (CASES, case_log)
    with pytest.raises(LogHole):
        await handle(_batch(topic, values, 2, 3))
    await handle(_batch(topic, values, 0, 4))
    applied = (tracker.metrics.facts if tracked else folder.metrics.events)._value
    before = await _rows(pool), await _position(pool, schema, topic), applied.get()
    await handle(_batch(topic, values, 0, 3))
    assert (await _rows(pool), await _position(pool, schema, topic), applied.get()) == before
