"""Batches of case events folded into the real PostgreSQL, compared with the fold in memory."""

import asyncio
import random
from collections.abc import Sequence
from datetime import UTC, date, datetime
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from prometheus_client import CollectorRegistry

from services.events.cases import CaseEvent
from services.events.codec import encode
from services.runtime.batch import Batch, LogHole
from services.stats import snapshot, store
from services.stats.cells import Cell, add, plain, recount
from services.stats.fold import Fold
from services.stats.store import SCHEMA
from services.stats.worker import Folder, metrics
from tests.stats_events import answered, decided, filed, recorded, summary, tally

TOPIC = "cases"


@pytest.fixture
def folder(pool: Any) -> Folder:
    return Folder(pool, metrics(CollectorRegistry()))


def batch(values: Sequence[CaseEvent | bytes | None], first: int = 0, partition: int = 0, start: int = -1) -> Batch:
    records: list[Any] = [
        SimpleNamespace(
            topic=TOPIC,
            partition=partition,
            key=None,
            offset=first + n,
            headers=(),
            value=value if value is None or isinstance(value, bytes) else encode(value),
            timestamp=1_000_000 + first + n,
        )
        for n, value in enumerate(values)
    ]
    return Batch(TOPIC, partition, tuple(records), first if start < 0 else start, first + len(values))


async def stored(pool: Any) -> tuple[Any, Any, Any]:
    """Rows, counters and changes as they are in the database."""
    async with pool.acquire() as conn:
        rows, cells = await store.all_rows(conn), await store.all_cells(conn)
        changes = await conn.fetch(
            f"SELECT {', '.join(Cell._fields)}, delta, subject, sequence, recorded_at FROM {SCHEMA}.cell_change"
        )
    return sorted(rows, key=repr), cells, sorted(((*r[:7], plain(r[7]), *r[8:]) for r in changes), key=repr)


def expected(events: Sequence[CaseEvent]) -> Fold:
    fold = Fold()
    for event in events:
        fold.apply(event)
    return fold


def log(seed: int, subjects: int = 30, length: int = 400) -> list[CaseEvent]:
    """A made log of one partition: requests that come and go, reviews and tallies."""
    rng = random.Random(seed)
    numbers: dict[str, int] = {}
    found: list[CaseEvent] = []
    for _ in range(length):
        subject = f"p{seed}-{rng.randrange(subjects)}"
        numbers[subject] = number = numbers.get(subject, 0) + 1
        on = date(rng.choice([2013, 2014]), rng.randint(1, 12), 5)
        request = rng.choice(
            [
                None,
                summary(received_on=on),
                summary(state="stopped", due_on=None),
                answered(on=on),
                answered("unclear", on),
                summary(state="retracted"),
            ]
        )
        measure = rng.choice(["page-views", "fees-collected", "regulations-in-force"])
        found.append(
            rng.choice(
                [
                    recorded(subject, number, request),
                    filed(subject, number, rng.choice("vw"), on, request),
                    decided(subject, number, rng.choice([None, on]), rng.choice("vw"), request=request),
                    tally(
                        subject, number, rng.choice([None, "7", "0", "2.50"]), measure, rng.choice("xy"), on, request
                    ),
                ]
            )
        )
    return found


async def test_a_log_in_batches_folds_as_it_does_in_memory(pool: Any, folder: Folder) -> None:
    events = log(1)
    rng = random.Random(2)
    done = 0
    while done < len(events):
        size = rng.randint(1, 90)
        await folder.handle(batch(events[done : done + size], done))
        done += size
    fold = expected(events)
    rows, cells, changes = await stored(pool)
    assert cells == fold.cells == recount(rows)
    assert rows == sorted(fold.rows(), key=repr)
    assert changes == sorted(((*c.cell, c.delta, *c[2:5]) for c in fold.changes), key=repr)


async def test_batches_that_come_again_or_overlap_change_nothing(pool: Any, folder: Folder) -> None:
    events = log(3, length=120)
    await folder.handle(batch(events[:80]))
    before = await stored(pool)
    await folder.handle(batch(events[:80]))
    await folder.handle(batch(events[20:60], 20))
    assert await stored(pool) == before
    await folder.handle(batch(events[40:], 40))
    assert (await stored(pool))[1] == expected(events).cells


async def test_events_published_twice_are_counted_once(pool: Any, folder: Folder) -> None:
    """A crash of the publisher writes events to the log again, at new offsets."""
    events = log(4, length=100)
    twice = [*events[:60], *events[30:60], *events[50:]]
    await folder.handle(batch(twice[:70]))
    await folder.handle(batch(twice[70:], 70))
    _, cells, changes = await stored(pool)
    assert cells == expected(events).cells
    assert len(changes) == len(expected(events).changes)
    async with pool.acquire() as conn:
        (place,) = await snapshot.positions(conn)
        repeated = await conn.fetchval(f"SELECT repeated FROM {SCHEMA}.folded")
    assert (place.next_offset, place.events, repeated) == (140, 140, 40)
    assert place.last_event_at == datetime.fromtimestamp(1_000_139 / 1000, UTC)


async def test_partitions_folded_at_once_meet_at_the_same_counters(pool: Any, folder: Folder) -> None:
    events = {n: log(10 + n, length=200) for n in range(4)}

    async def fold(partition: int) -> None:
        for first in range(0, 200, 25):
            await folder.handle(batch(events[partition][first : first + 25], first, partition))

    await asyncio.gather(*(fold(n) for n in events))
    together: dict[Cell, Any] = {}
    for each in events.values():
        add(together, expected(each).cells)
    rows, cells, _ = await stored(pool)
    assert cells == together == recount(rows)


async def test_a_hole_is_refused_and_nothing_is_written(pool: Any, folder: Folder) -> None:
    await folder.handle(batch([recorded("r", 1, summary())]))
    before = await stored(pool)
    with pytest.raises(LogHole, match="expected offset 1, found 2"):
        await folder.handle(batch([recorded("r", 2, answered())], 2))
    assert await stored(pool) == before


async def test_offsets_that_the_log_does_not_use_are_no_hole(pool: Any, folder: Folder) -> None:
    await folder.handle(batch([recorded("r", 1, summary())]))
    await folder.handle(batch([recorded("r", 2, answered())], 5, start=1))
    assert (await stored(pool))[1] == expected([recorded("r", 1, answered())]).cells


async def test_records_that_are_no_case_events_are_kept_and_passed_over(pool: Any, folder: Folder) -> None:
    unnumbered = encode(recorded("r", 2, answered())).replace(b'"sequence":2,', b"")
    assert unnumbered != encode(recorded("r", 2, answered()))
    values = [b"\xff{", recorded("r", 1, summary()), None, b'{"type":"org.shixian.unheard-of.v1"}', unnumbered]
    await folder.handle(batch(values))
    assert (await stored(pool))[1] == expected([recorded("r", 1, summary())]).cells
    async with pool.acquire() as conn:
        letters = await conn.fetch(f'SELECT "offset", value, reason FROM {SCHEMA}.dead_letter ORDER BY 1')
    assert [(r["offset"], r["value"]) for r in letters] == [(n, values[n] or b"") for n in (0, 2, 3, 4)]
    assert "$.type" in letters[2]["reason"] and "$.sequence" in letters[3]["reason"]


async def test_a_batch_that_fails_halfway_leaves_all_as_it_was(pool: Any, folder: Folder) -> None:
    await folder.handle(batch([recorded("r", 1, summary())]))
    before = await stored(pool)
    async with pool.acquire() as conn:
        await conn.execute(f"ALTER TABLE {SCHEMA}.folded RENAME TO away")
    with pytest.raises(asyncpg.UndefinedTableError):
        await folder.handle(batch([recorded("r", 2, answered())], 1))
    assert await stored(pool) == before
    async with pool.acquire() as conn:
        await conn.execute(f"ALTER TABLE {SCHEMA}.away RENAME TO folded")
    await folder.handle(batch([recorded("r", 2, answered())], 1))
    assert (await stored(pool))[1] == expected([recorded("r", 1, answered())]).cells


async def test_changes_give_the_counters_as_they_were_at_any_instant(pool: Any, folder: Folder) -> None:
    events = [recorded("r", 1, summary()), recorded("r", 2, answered()), recorded("r", 3, answered("unclear"))]
    await folder.handle(batch(events))
    async with pool.acquire() as conn:
        for seen in range(1, 4):
            rows = await conn.fetch(
                f"SELECT organ, year, kind, a, b, c, statute, sum(delta)::int FROM {SCHEMA}.cell_change "
                "WHERE recorded_at <= $1 GROUP BY 1, 2, 3, 4, 5, 6, 7 HAVING sum(delta) <> 0",
                events[seen - 1].recordedtime,
            )
            assert {Cell(*r[:7]): r[7] for r in rows} == expected(events[:seen]).cells


async def test_a_snapshot_says_what_the_tables_say(pool: Any, folder: Folder) -> None:
    overdue = summary(due_on=date(2013, 3, 22), overdue_from=date(2013, 3, 23))
    events = [
        recorded("r1", 1, overdue),
        recorded("r2", 1, overdue),
        recorded("r3", 1, answered()),
        recorded("r4", 1, answered(state="closed", outcome="other", timeliness=None, answered_on=None)),
        tally("b", 1, 5, on=date(2012, 6, 1)),
    ]
    await folder.handle(batch(events))
    found = await snapshot.read(pool)
    assert sorted(found.years) == [("a", 2013), ("b", 2012)]
    assert found.received == (("a", 2013, "online", 4),)
    assert sorted(found.ended) == [("a", 2013, "granted", "in-time", 1), ("a", 2013, "other", "", 1)]
    (unanswered,) = found.unanswered
    assert (unanswered.organ, unanswered.state, unanswered.count) == ("a", "open", 2)
    assert unanswered.is_overdue(date(2013, 3, 23)) and not found.unanswered[0].is_overdue(date(2013, 3, 22))


async def test_the_counters_are_found_sound_unless_they_are_damaged(pool: Any, folder: Folder) -> None:
    await folder.handle(batch(log(5)))
    assert (await snapshot.audit(pool)).differences == 0
    cell = "(SELECT ctid FROM stats.cell WHERE kind = 'received' AND count <> 0 LIMIT 1)"
    await pool.execute(f"UPDATE stats.cell SET count = count + 1 WHERE ctid = {cell}")
    # It differs from the sum of its changes, and from the requests themselves.
    assert (await snapshot.audit(pool)).differences == 2
