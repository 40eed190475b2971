"""A worker's positions, read while its batches are in hand."""

import asyncio
from collections.abc import Collection, Mapping

import pytest
from aiokafka import ConsumerRecord, TopicPartition

from services.runtime.batch import Batch, LogHole, joined
from services.runtime.health import Health
from services.runtime.settings import load
from services.runtime.worker import batch_app

TP = TopicPartition("t", 0)


def batch(start: int, end: int, seek: int = 0) -> Batch:
    records = tuple(ConsumerRecord("t", 0, n, 0, 0, b"k", b"v", None, 1, 1, ()) for n in range(start, end))
    return Batch("t", 0, records, start, end, seek)


async def test_positions_read_just_before_a_batch_was_stored_do_not_make_the_next_one_a_hole() -> None:
    stored, asked, answered = {TP: 100}, asyncio.Event(), asyncio.Event()
    applied: list[int] = []

    async def positions(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        seen = dict(stored)
        asked.set()
        await answered.wait()
        return seen

    async def handle(batch: Batch) -> None:
        applied.append(batch.start)
        stored[TP] = batch.next_offset

    async def acknowledged() -> None:
        pass

    settings = load({"SHIXIAN_TRANSPORT": "aiokafka", "SHIXIAN_KAFKA": "127.0.0.1:9"})
    worker = batch_app("group", settings, "t", positions, handle, health=Health())
    read = worker.app.fetching._hooks.positions  # type: ignore[attr-defined]  # as Kafka's client calls it
    answered.set()
    await read([TP])
    asked.clear()
    answered.clear()
    again = asyncio.create_task(read([TP]))
    await asked.wait()  # the database has said 100
    await worker.take(batch(100, 110), acknowledged)
    await worker.drained()
    answered.set()
    await again
    await worker.take(batch(110, 120), acknowledged)
    await worker.drained()
    assert (worker.app.crash_reason, applied, worker.handled) == (None, [100, 110], {TP: 120})


@pytest.mark.parametrize("seek", [1, 2])
async def test_what_was_fetched_before_a_partition_was_lost_and_found_is_no_hole(seek: int) -> None:
    """A batch waits in its lane while its partition goes and comes back; the one before it was given up meanwhile. Of
    the present assignment (the second) the same would be a hole."""
    applied: list[int] = []

    async def positions(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(tps, 100)

    async def handle(batch: Batch) -> None:
        applied.append(batch.start)

    async def acknowledged() -> None:
        pass

    settings = load({"SHIXIAN_TRANSPORT": "aiokafka", "SHIXIAN_KAFKA": "127.0.0.1:9"})
    worker = batch_app("group", settings, "t", positions, handle, health=Health())
    hooks = worker.app.fetching._hooks  # type: ignore[attr-defined]  # as Kafka's client calls them
    hooks.on_seek(1)
    await hooks.positions([])  # the partition is another process's
    await worker.take(batch(100, 110, seek=1), acknowledged)
    await worker.drained()
    hooks.on_seek(2)
    await hooks.positions([TP])  # ours again
    await worker.take(batch(110, 120, seek=seek), acknowledged)
    await worker.drained()
    is_hole = isinstance(worker.app.crash_reason, LogHole)
    assert (is_hole, applied, worker.handled) == (seek == 2, [], {TP: 100})
    if not is_hole:
        await worker.take(batch(100, 120, seek=2), acknowledged)
        await worker.drained()
        assert (worker.app.crash_reason, applied, worker.handled) == (None, [100], {TP: 120})


async def test_small_batches_that_wait_for_their_partition_are_handled_as_one_and_each_is_acknowledged() -> None:
    gate, handled, acknowledged = asyncio.Event(), list[tuple[int, int, int]](), list[int]()

    async def positions(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(tps, 0)

    async def handle(batch: Batch) -> None:
        handled.append((batch.start, batch.next_offset, batch.highwater))
        await gate.wait()

    settings = load({"SHIXIAN_TRANSPORT": "aiokafka", "SHIXIAN_KAFKA": "127.0.0.1:9"})
    worker = batch_app("group", settings, "t", positions, handle, health=Health())
    hooks = worker.app.fetching._hooks  # type: ignore[attr-defined]  # as Kafka's client calls them
    hooks.on_seek(1)
    await hooks.positions([TP])
    for start, end in ((0, 2), (2, 3), (3, 7), (7, 8)):

        async def acknowledge(end: int = end) -> None:
            acknowledged.append(end)

        await worker.take(batch(start, end, seek=1), acknowledge)
        await asyncio.sleep(0)
    gate.set()
    while worker.handled[TP] < 8:  # noqa: ASYNC110 - the worker does it in its own time
        await asyncio.sleep(0.001)
    await worker.drained()
    assert handled == [(0, 2, 2), (2, 8, 8)] and acknowledged == [2, 3, 7, 8] and worker.records == 8


def test_only_what_follows_without_a_gap_and_after_one_reading_of_the_positions_is_joined() -> None:
    first, second, third = batch(0, 2, seek=1), batch(2, 4, seek=1), batch(5, 6, seek=1)
    one, alone = joined([first, second, third])
    assert [r.offset for r in one.records] == [0, 1, 2, 3] and (one.start, one.highwater, alone) == (0, 4, third)
    assert joined([batch(0, 2, seek=1), batch(2, 4, seek=2)]) == [batch(0, 2, seek=1), batch(2, 4, seek=2)]
    assert joined([]) == []
