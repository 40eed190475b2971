"""A worker's positions, read while its batches are in hand."""

import asyncio
from collections.abc import Collection, Mapping

from aiokafka import ConsumerRecord, TopicPartition

from services.runtime.batch import Batch
from services.runtime.health import Health
from services.runtime.settings import load
from services.runtime.worker import batch_app

TP = TopicPartition("t", 0)


def batch(start: int, end: int) -> Batch:
    records = tuple(ConsumerRecord("t", 0, n, 0, 0, b"k", b"v", None, 1, 1, ()) for n in range(start, end))
    return Batch("t", 0, records, start, end)


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
