"""A batch with something in it that can't be applied: the rest is applied in order, and the one record is kept."""

import asyncio
import errno
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from types import SimpleNamespace
from typing import Any

import asyncpg
import msgspec
import pytest
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import CollectorRegistry

from services.events.codec import decode_case_event, decode_fact, encode
from services.runtime import applying, bounded
from services.runtime.batch import Batch
from services.runtime.clock import ManualClock
from services.runtime.retry import LogUnavailable, is_transient
from services.runtime.settings import Settings
from services.stats import store as stats_store
from services.stats import worker as stats_worker
from services.tracker import store, writing
from services.tracker.core import apply as tracker_apply
from services.tracker.core import decide
from services.tracker.core.reference_data import ReferenceData
from services.tracker.metrics import metrics
from services.tracker.worker import Tracker
from tests.memory_log import Log
from tests.stats_events import recorded, summary
from tests.support import ORGAN, answered, fact, raw, received

NOW = datetime(2013, 6, 3, 2, tzinfo=UTC)


async def _nothing() -> None:
    """The reference topic holds nothing new."""


def tracker_of(pool: Any, log: Log, clock: ManualClock | None = None) -> Tracker:
    world = ReferenceData([fact("organ-registered", "gz-psb", ORGAN)])
    own = metrics(CollectorRegistry())
    sends: Any = log
    return Tracker(
        pool, sends, world, _nothing, clock or ManualClock(NOW), Settings(settle_seconds=0), own, _no_letters
    )


def _no_letters() -> None:
    """Nobody relays them here."""


def batch(facts: Sequence[dict[str, Any] | bytes], first: int = 0, topic: str = "shixian.facts") -> Batch:
    records: list[Any] = []
    for n, each in enumerate(facts):
        value = each if isinstance(each, bytes) else msgspec.json.encode(each)
        key = None if isinstance(each, bytes) else each["subject"].encode()
        records.append(
            SimpleNamespace(
                topic=topic, partition=0, offset=first + n, key=key, value=value, timestamp=first + n, headers=()
            )
        )
    return Batch(topic, 0, tuple(records), first, first + len(records))


async def letters(pool: Any, schema: str = "tracker") -> list[Any]:
    rows = await pool.fetch(
        f'SELECT topic, partition, "offset", value, reason, key FROM {schema}.dead_letter ORDER BY "offset"'
    )
    return [tuple(row) for row in rows]


async def position(pool: Any, schema: str = "tracker") -> int:
    found: int = await pool.fetchval(f"SELECT next_offset FROM {schema}.progress")
    return found


def requests(count: int) -> list[dict[str, Any]]:
    return [received(f"r{n}", "2013-03-01") for n in range(count)]


@pytest.mark.parametrize("place", [0, 6, 12])
async def test_a_fact_that_the_tables_refuse_is_kept_and_all_others_are_applied(
    pool: Any, log: Log, place: int
) -> None:
    facts = requests(13)
    await pool.execute(f"ALTER TABLE tracker.cases ADD CHECK (subject <> 'r{place}')")
    await tracker_of(pool, log).handle(batch(facts))
    (letter,) = await letters(pool)
    assert letter[:4] == ("shixian.facts", 0, place, msgspec.json.encode(facts[place]))
    assert "violates check constraint" in letter[4] and letter[5] == f"r{place}".encode()
    subjects = [r["subject"] for r in await pool.fetch("SELECT subject FROM tracker.cases ORDER BY subject")]
    assert subjects == sorted(f"r{n}" for n in range(13) if n != place)
    assert await position(pool) == 13
    order = [decode_case_event(value).subject for _, value in log.sent]
    assert list(dict.fromkeys(order)) == [f"r{n}" for n in range(13) if n != place], "their order is kept"


async def test_several_bad_ones_and_garbage_in_one_batch(pool: Any, log: Log) -> None:
    facts: list[dict[str, Any] | bytes] = [*requests(20)]
    facts[3:3] = [b"\xff", b"{}"]
    await pool.execute("ALTER TABLE tracker.cases ADD CHECK (subject NOT IN ('r0', 'r1', 'r9', 'r19'))")
    await tracker_of(pool, log).handle(batch(facts))
    assert [letter[2] for letter in await letters(pool)] == [0, 1, 3, 4, 11, 21]
    assert await pool.fetchval("SELECT count(*) FROM tracker.cases") == 16


async def test_a_fact_that_the_logic_fails_over_is_kept_with_the_reason(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = decide.decide

    def fails(case: Any, fact: Any, *rest: Any) -> Any:
        if fact.subject == "r5":
            raise ZeroDivisionError("a day without hours")
        return whole(case, fact, *rest)

    monkeypatch.setattr(tracker_apply, "decide", fails)
    await tracker_of(pool, log).handle(batch(requests(9)))
    assert [(x[2], x[4]) for x in await letters(pool)] == [(5, "ZeroDivisionError: a day without hours")]
    assert await pool.fetchval("SELECT count(*) FROM tracker.cases") == 8


async def test_a_fact_whose_event_the_log_could_not_take_is_refused_before_it_is_written(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "MAX_EVENT", 2000)
    large = raw("fact-corrected", "r1", {"amends": {"source": "s", "id": "x"}, "data": {"text": "x" * 3000}})
    await tracker_of(pool, log).handle(batch([*requests(2), large, answered("r1", "2013-03-20")]))
    (letter,) = await letters(pool)
    assert letter[2] == 2 and "leads to an event of" in letter[4]
    assert any(b"request-answered" in value for _, value in log.sent)


async def test_facts_too_large_or_under_another_key_are_refused(pool: Any, log: Log) -> None:
    large = raw("fact-corrected", "r1", {"amends": {"source": "s", "id": "x"}, "data": {"text": "x" * 300_000}})
    good = batch([large, received("r1", "2013-03-01"), received("r2", "2013-03-01")])
    good.records[1].key = b"another"
    await tracker_of(pool, log).handle(good)
    first, second = await letters(pool)
    assert "a fact of at most 262144 bytes" in first[4]
    assert second[4] == "the record's key: is 'another'; expected the subject, 'r1'"


async def test_what_is_wrong_with_the_tables_themselves_stops_the_worker_and_skips_nothing(pool: Any, log: Log) -> None:
    await pool.execute("ALTER TABLE tracker.events RENAME TO away")
    with pytest.raises(asyncpg.UndefinedTableError):
        await tracker_of(pool, log).handle(batch(requests(3)))
    assert await letters(pool) == []
    (left,) = await pool.fetch("SELECT next_offset, attempts, alone FROM tracker.progress")
    assert tuple(left) == (0, 0, 0), "and an end in order is no attempt"


async def test_a_transient_error_halfway_through_the_halving_repeats_nothing(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pool.execute("ALTER TABLE tracker.cases ADD CHECK (subject <> 'r6')")
    tracker = tracker_of(pool, log)
    whole, calls = writing.write, 0

    async def breaks(*given: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise ConnectionResetError("the server went away")
        return await whole(*given)

    monkeypatch.setattr(writing, "write", breaks)
    with pytest.raises(ConnectionResetError):
        await tracker.handle(batch(requests(8)))
    assert 0 < await position(pool) < 8, "what went before is applied"
    await tracker.handle(batch(requests(8)))
    assert [x[2] for x in await letters(pool)] == [6]
    sequences = await pool.fetch("SELECT subject, count(*) FROM tracker.events GROUP BY 1")
    assert {r["subject"]: r["count"] for r in sequences} == {f"r{n}": 2 for n in range(8) if n != 6}


async def test_a_topic_that_refuses_an_event_is_waited_for_and_not_passed_over(pool: Any, log: Log) -> None:
    tracker = tracker_of(pool, log)
    log.error = MessageSizeTooLargeError("too large")
    with pytest.raises(LogUnavailable, match=r"max\.message\.bytes") as refused:
        await tracker.handle(batch(requests(2)))
    assert is_transient(refused.value)
    log.error = None
    await tracker.handle(batch(requests(2)))
    assert len(log.sent) == 4


async def test_the_stats_keep_an_event_that_the_tables_refuse_and_fold_the_rest(pool: Any) -> None:
    await pool.execute("ALTER TABLE stats.request ADD CHECK (subject <> 'r2')")
    events = [recorded(f"r{n}", 1, summary()) for n in range(7)]
    folder = stats_worker.Folder(pool, stats_worker.metrics(CollectorRegistry()))
    await folder.handle(batch([encode(e) for e in events], topic="shixian.cases"))
    (letter,) = await letters(pool, "stats")
    assert letter[2:4] == (2, encode(events[2]))
    assert await pool.fetchval("SELECT sum(count) FROM stats.cell WHERE kind = 'received'") == 6
    assert await pool.fetchval("SELECT events FROM stats.folded") == 6
    assert await position(pool, "stats") == 7


async def test_a_case_that_the_clock_fails_over_does_not_keep_the_others_from_their_dates(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock(datetime(2013, 3, 4, 2, tzinfo=UTC))
    tracker = tracker_of(pool, log, clock)
    await tracker.handle(batch(requests(5)))
    await pool.execute("ALTER TABLE tracker.cases ADD CHECK (subject <> 'r3' OR sequence < 3)")
    whole = decide.tick

    def fails(case: Any, *rest: Any) -> Any:
        if case.subject == "r1":
            raise KeyError("lost")
        return whole(case, *rest)

    monkeypatch.setattr(tracker_apply, "tick", fails)
    clock.set(datetime(2013, 4, 1, 2, tzinfo=UTC))
    while await tracker.sweep(0):
        pass
    overdue = {decode_case_event(v).subject for _, v in log.sent if b"request-overdue" in v}
    assert overdue == {"r0", "r2", "r4"}
    asleep = await pool.fetch("SELECT subject FROM tracker.cases WHERE wake_at > $1 ORDER BY 1", clock.now())
    assert {"r1", "r3"} <= {r["subject"] for r in asleep}
    monkeypatch.setattr(tracker_apply, "tick", whole)
    clock.set(datetime(2013, 4, 1, 4, tzinfo=UTC))
    while await tracker.sweep(0):
        await pool.execute("ALTER TABLE tracker.cases DROP CONSTRAINT IF EXISTS cases_check")
        clock.set(datetime(2013, 4, 1, 9, tzinfo=UTC))
    overdue = {decode_case_event(v).subject for _, v in log.sent if b"request-overdue" in v}
    assert overdue == {f"r{n}" for n in range(5)}, "they are tried again"


# The steps in their order: what must not be taken apart.


async def test_a_batch_is_done_only_when_its_events_are_in_the_log(pool: Any, log: Log) -> None:
    """Steps 6 and 7: acknowledged before it is published, a crash between would leave events that nobody sends."""
    tracker = tracker_of(pool, log)
    log.gate.clear()
    handling = asyncio.create_task(tracker.handle(batch(requests(1))))
    done, _ = await asyncio.wait([handling], timeout=1.0)
    assert await position(pool) == 1, "applied"
    assert not done and not log.sent, "and not done, since the log does not have it"
    log.gate.set()
    await asyncio.wait_for(handling, 10)
    assert len(log.sent) == 2


async def test_a_worker_that_lost_its_partition_waits_for_the_other_and_counts_nothing_twice(
    pool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Step 2's lock: without it both would find the position before the batch, and both would count it."""
    events = [recorded(f"r{n}", 1, summary()) for n in range(3)]
    one, other = (stats_worker.Folder(pool, stats_worker.metrics(CollectorRegistry())) for _ in range(2))
    await one.handle(batch([encode(recorded("before", 1, summary()))], topic="shixian.cases"))
    whole, inside, go_on = stats_store.load, [], asyncio.Event()

    async def slow(conn: Any, fresh: Any) -> Any:
        inside.append(len(fresh))
        found = await whole(conn, fresh)
        await go_on.wait()
        return found

    monkeypatch.setattr(stats_store, "load", slow)
    both = [
        asyncio.create_task(folder.handle(batch([encode(e) for e in events], 1, "shixian.cases")))
        for folder in (one, other)
    ]
    await asyncio.sleep(0.7)
    at_first = list(inside)
    go_on.set()
    await asyncio.wait_for(asyncio.gather(*both), 20)
    assert at_first == [3], "the second waits at the position's row"
    assert inside == [3, 0], "and then finds the batch applied"
    assert await pool.fetchval("SELECT sum(count) FROM stats.cell WHERE kind = 'received'") == 4
    assert await letters(pool, "stats") == []


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (asyncpg.NumericValueOutOfRangeError("x"), True),
        (asyncpg.UniqueViolationError("x"), True),
        (asyncpg.DataError("x"), True),
        (applying.Unfit("x"), True),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates"), True),
        (asyncpg.DeadlockDetectedError("x"), False),
        (asyncpg.UndefinedTableError("x"), False),
        (asyncpg.InterfaceError("connection is closed"), False),
        (ConnectionResetError(), False),
        (TimeoutError(), False),
        (ValueError("a mistake of ours outside the pure part"), False),
    ],
)
def test_the_data_or_the_circumstances(error: Exception, permanent: bool) -> None:
    assert applying.is_permanent(error) is permanent
    assert not (permanent and is_transient(error))


def test_blame_names_the_cause_and_leaves_a_full_memory_alone() -> None:
    with pytest.raises(applying.Unfit, match="KeyError: 'x'"), applying.blame():
        raise KeyError("x")
    for short_of in (MemoryError(), OSError(errno.EMFILE, "too many open files")):
        with pytest.raises(type(short_of)), applying.blame():
            raise short_of
        with pytest.raises(type(short_of)):
            applying.decoded(batch(requests(1)).records, partial(_raise, short_of))
    assert decode_fact(msgspec.json.encode(received("r", "2013-03-01"))).subject == "r"


def _raise(error: BaseException, _key: bytes | None, _value: bytes) -> None:
    raise error


async def test_no_record_is_blamed_where_the_machine_has_no_thread_to_give(
    pool: Any, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(_: Any) -> None:
        raise RuntimeError("can't start new thread")

    tracker = tracker_of(pool, log)
    monkeypatch.setattr(bounded, "_idle", [])
    monkeypatch.setattr(bounded._Thread, "start", none_left)
    with pytest.raises(OSError, match="can't start new thread") as refused:
        await tracker.handle(batch(requests(1)))
    assert is_transient(refused.value) and not applying.is_permanent(refused.value)
    assert await letters(pool) == []
    monkeypatch.undo()
    await tracker.handle(batch(requests(1)))
    assert await position(pool) == 1


async def test_facts_beyond_a_cases_limit_are_letters_of_the_batch_that_brought_them(pool: Any, log: Log) -> None:
    ordinary, one = requests(2000), [received("all", "2013-03-01") | {"id": f"all/{n}"} for n in range(2000)]
    tracker = tracker_of(pool, log)
    started = time.perf_counter()
    await tracker.handle(batch(ordinary))
    usual = time.perf_counter() - started
    begun = await pool.fetchval("SELECT pg_current_xact_id()::text::bigint")
    started = time.perf_counter()
    await tracker.handle(batch(one, 2000))
    assert time.perf_counter() - started < 10 * usual
    # One for the batch, one for what is published, one for each of these two questions: no fact costs one of its own.
    assert await pool.fetchval("SELECT pg_current_xact_id()::text::bigint") - begun <= 50, "not one each"
    kept = await letters(pool)
    assert [letter[2] for letter in kept] == list(range(2250, 4000))
    assert {letter[3] for letter in kept} == {msgspec.json.encode(fact) for fact in one[250:]}
    assert all("the case has 250 facts, and its limit is 250 (SHIXIAN_CASE_FACTS)" in letter[4] for letter in kept)
    assert tracker.metrics.dead_letters._value.get() == 1750
    assert await position(pool) == 4000
    await tracker.handle(batch(one[:250], 4000))
    assert len(await letters(pool)) == 1750, "what the case has already is a repetition"
