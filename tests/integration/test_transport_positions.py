"""The batch transports against the real broker: where they start, what they refuse, what a failure leaves."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiokafka import TopicPartition

from services.local.kafka import KafkaNode
from services.runtime.batch import Batch, LogHole, LogTooShort
from services.runtime.health import Health
from services.runtime.probe import LogProbe
from services.runtime.settings import load
from services.runtime.worker import BatchWorker, batch_app
from tests.integration.log_tools import committed, delete_before, fill, make_topic, until

pytestmark = pytest.mark.usefixtures("transport")


@dataclass
class Store:
    """Stands for the service's tables: the positions, and what was applied together with them."""

    positions: dict[TopicPartition, int] = field(default_factory=dict)
    applied: list[tuple[int, int]] = field(default_factory=list)
    starts: dict[int, int] = field(default_factory=dict)
    batches: int = 0

    async def read(self, tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {tp: self.positions[tp] for tp in tps if tp in self.positions}

    async def apply(self, batch: Batch) -> None:
        self.starts.setdefault(batch.partition, batch.start)
        self.applied += [(batch.partition, r.offset) for r in batch.records]
        self.positions[batch.tp] = batch.next_offset
        self.batches += 1

    def values(self) -> Counter[tuple[int, int]]:
        return Counter(self.applied)


Handle = Callable[[Batch], Awaitable[None]]


@asynccontextmanager
async def running(
    kafka: str, topic: str, store: Store, handle: Handle | None = None, health: Health | None = None
) -> AsyncIterator[tuple[BatchWorker, asyncio.Task[None]]]:
    worker = batch_app(
        f"group-{topic}",
        load({"SHIXIAN_KAFKA": kafka, "SHIXIAN_TRANSPORT": os.environ.get("SHIXIAN_TRANSPORT", "")}),
        topic,
        store.read,
        handle or store.apply,
        health=health or Health(),
    )
    task = asyncio.create_task(worker.run())
    try:
        yield worker, task
    finally:
        await asyncio.wait_for(worker.stop(), 20)
        await asyncio.wait([task], timeout=5)
        await worker.probe.close()


async def test_a_restart_begins_exactly_at_the_stored_position(kafka: str) -> None:
    topic, store = await make_topic(kafka), Store()
    await fill(kafka, topic, range(3000))
    async with running(kafka, topic, store):
        await until(lambda: len(store.applied) >= 3000)
    stored = dict(store.positions)
    assert sum(stored.values()) == 3000
    await fill(kafka, topic, range(500))
    store.starts.clear()
    async with running(kafka, topic, store):
        await until(lambda: len(store.applied) >= 3500)
    assert store.starts == {tp.partition: n for tp, n in stored.items()}
    assert len(store.applied) == 3500
    assert set(store.values().values()) == {1}


async def test_our_position_wins_over_the_group_s(kafka: str) -> None:
    topic, store = await make_topic(kafka, 1), Store()
    tp = TopicPartition(topic, 0)
    await fill(kafka, topic, range(400))
    async with running(kafka, topic, store):
        await until(lambda: len(store.applied) >= 400)
    assert await committed(kafka, f"group-{topic}", [tp]) == {tp: 400}
    rebuilt = Store({tp: 150})
    async with running(kafka, topic, rebuilt):
        await until(lambda: len(rebuilt.applied) >= 250)
    assert [offset for _, offset in rebuilt.applied] == list(range(150, 400))


@pytest.mark.parametrize(("stored", "expected"), [({0: 20}, 20), ({}, 0)])
async def test_a_log_that_lost_its_beginning_is_refused(kafka: str, stored: dict[int, int], expected: int) -> None:
    topic = await make_topic(kafka, 1)
    tp = TopicPartition(topic, 0)
    await fill(kafka, topic, range(100))
    await delete_before(kafka, tp, 50)
    store = Store({TopicPartition(topic, p): n for p, n in stored.items()})
    async with running(kafka, topic, store) as (_, task):
        with pytest.raises(LogHole) as refused:
            await asyncio.wait_for(task, 20)
    hole = refused.value
    assert (hole.topic, hole.partition, hole.expected, hole.found) == (topic, 0, expected, 50)
    assert str(hole).startswith(f"{topic} partition 0: expected offset {expected}, found 50")
    assert store.applied == []


async def test_a_position_beyond_the_log_s_end_is_refused(kafka: str) -> None:
    topic = await make_topic(kafka, 1)
    await fill(kafka, topic, range(10))
    store = Store({TopicPartition(topic, 0): 11})
    async with running(kafka, topic, store) as (_, task):
        with pytest.raises(LogTooShort) as refused:
            await asyncio.wait_for(task, 20)
    assert (refused.value.expected, refused.value.found) == (11, 10)
    assert store.applied == []


async def test_a_position_at_the_log_s_end_waits_for_more(kafka: str) -> None:
    topic = await make_topic(kafka, 1)
    tp = TopicPartition(topic, 0)
    await fill(kafka, topic, range(10))
    store = Store({tp: 10})
    async with running(kafka, topic, store) as (worker, task):
        await until(lambda: worker.owned == {tp})
        await fill(kafka, topic, range(5))
        await until(lambda: len(store.applied) >= 5)
        assert not task.done()
    assert [offset for _, offset in store.applied] == [10, 11, 12, 13, 14]


async def test_records_deleted_ahead_of_a_slow_worker_are_a_hole(kafka: str) -> None:
    topic, store = await make_topic(kafka, 1), Store()
    await fill(kafka, topic, range(60_000), size=200)
    release = asyncio.Event()

    async def slow(batch: Batch) -> None:
        await release.wait()
        await store.apply(batch)

    async with running(kafka, topic, store, slow) as (worker, task):
        await until(lambda: worker.app.started and worker.handled)
        await delete_before(kafka, TopicPartition(topic, 0), 59_000)
        release.set()
        with pytest.raises(LogHole) as refused:
            await asyncio.wait_for(task, 20)
    assert refused.value.found == 59_000
    assert refused.value.expected < 59_000
    assert [offset for _, offset in store.applied] == list(range(len(store.applied)))


async def test_a_raising_handler_ends_the_worker_and_the_next_start_loses_and_repeats_nothing(kafka: str) -> None:
    topic, store = await make_topic(kafka), Store()
    tps = [TopicPartition(topic, p) for p in range(4)]
    await fill(kafka, topic, range(20_000))

    async def fails(batch: Batch) -> None:
        if store.batches == 5:
            raise ValueError("this can't be helped by repeating")
        await store.apply(batch)

    async with running(kafka, topic, store, fails) as (_, task):
        with pytest.raises(ValueError, match="can't be helped"):
            await asyncio.wait_for(task, 20)
    assert store.batches == 5
    for tp, offset in (await committed(kafka, f"group-{topic}", tps)).items():
        assert (offset or 0) <= store.positions.get(tp, 0)
    async with running(kafka, topic, store):
        await until(lambda: len(store.applied) >= 20_000)
    assert len(store.applied) == 20_000
    assert set(store.values().values()) == {1}


async def test_a_transient_error_is_waited_out_in_place(kafka: str) -> None:
    topic, store, health = await make_topic(kafka), Store(), Health()
    await fill(kafka, topic, range(5000))
    failures: list[tuple[int, int]] = []
    seen_waiting: list[str] = []

    async def fails_thrice(batch: Batch) -> None:
        if batch.partition == 0 and len(failures) < 3:
            failures.append((batch.partition, batch.first_offset))
            raise ConnectionRefusedError("the database is away")
        if batch.partition == 0:
            seen_waiting.append(health.part("worker").reason)
        await store.apply(batch)

    async with running(kafka, topic, store, fails_thrice, health) as (_, task):
        await until(lambda: len(store.applied) >= 5000)
        assert not task.done()
        await until(lambda: health.part("worker").is_ok)
    assert len(failures) == 3
    assert len(set(failures)) == 1
    assert seen_waiting[0] == "ConnectionRefusedError: the database is away"
    assert set(store.values().values()) == {1}
    for partition in range(4):
        offsets = [offset for p, offset in store.applied if p == partition]
        assert offsets == list(range(len(offsets)))


async def test_a_broker_that_goes_away_while_the_worker_starts_is_waited_for(
    mortal_node: KafkaNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic, store = await make_topic(mortal_node.bootstrap, 1), Store()
    await fill(mortal_node.bootstrap, topic, range(30))

    async def found(*_: object) -> None:
        """The topic was there; then the broker is gone."""
        await asyncio.to_thread(mortal_node.kill)

    monkeypatch.setattr(LogProbe, "wait_for_topic", found)
    async with running(mortal_node.bootstrap, topic, store) as (_, task):
        await asyncio.sleep(3)
        assert not task.done()
        await asyncio.to_thread(mortal_node.start)
        await until(lambda: len(store.applied) >= 30, 40)
    assert [offset for _, offset in store.applied] == list(range(30))


async def test_positions_that_cannot_be_read_yet_are_waited_for(kafka: str) -> None:
    topic, store, health = await make_topic(kafka, 1), Store(), Health()
    await fill(kafka, topic, range(30))
    reads: list[int] = []

    async def read(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        reads.append(1)
        if len(reads) < 4:
            raise ConnectionRefusedError("the database is away")
        return {TopicPartition(topic, 0): 10}

    store.read = read  # type: ignore[method-assign]
    async with running(kafka, topic, store, health=health):
        await until(lambda: health.part("worker").reason.endswith("the database is away"))
        await until(lambda: len(store.applied) >= 20)
        assert health.part("worker").is_ok
    assert [offset for _, offset in store.applied] == list(range(10, 30))


async def test_a_stop_ends_the_waiting_and_leaves_the_batch_undone(kafka: str) -> None:
    topic, store, health = await make_topic(kafka, 1), Store(), Health()
    await fill(kafka, topic, range(30))

    async def fails(batch: Batch) -> None:
        raise ConnectionRefusedError("the database is away")

    async with running(kafka, topic, store, fails, health) as (worker, task):
        await until(lambda: health.part("worker").reason.endswith("the database is away"))
        await asyncio.wait_for(worker.stop(), 10)
        await asyncio.wait_for(task, 5)
    tp = TopicPartition(topic, 0)
    assert await committed(kafka, f"group-{topic}", [tp]) == {tp: None}
    async with running(kafka, topic, store):
        await until(lambda: len(store.applied) >= 30)
    assert [offset for _, offset in store.applied] == list(range(30))


async def test_a_stalled_handler_bounds_what_is_fetched(kafka: str) -> None:
    topic, store = await make_topic(kafka), Store()
    await fill(kafka, topic, range(80_000))
    release = asyncio.Event()

    async def stalls(batch: Batch) -> None:
        await release.wait()
        await store.apply(batch)

    async with running(kafka, topic, store, stalls) as (worker, _):

        def fetched() -> int:
            app: Any = worker.app
            brings = getattr(app, "consumer", app) if app.started else None
            return sum(brings.fetching.next.values()) if brings is not None else 0

        await until(lambda: fetched() > 0)
        before = -1
        while fetched() != before:  # until nothing more is fetched for a second
            before = fetched()
            await asyncio.sleep(1.0)
        # One in the handler, four queued, one waiting for room, and what one fetch brought of the other partitions.
        assert 0 < fetched() <= (1 + 4 + 1 + 3) * 2000
        release.set()
        await until(lambda: len(store.applied) >= 80_000)
    assert set(store.values().values()) == {1}
