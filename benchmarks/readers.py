"""One reading of a topic by one process, timed: ``python -m benchmarks.readers WAY BOOTSTRAP TOPIC RECORDS``.

Prints the records a second, from the first record seen to the last. The ways: ``ordinary`` (a Faust agent as its
manual shows one, in batches by ``noack_take``), ``transport`` (an empty agent on the batch transport), ``raw``
(aiokafka's ``getmany``, each value decoded by ``json.loads``).
"""

import asyncio
import json
import sys
import time
import uuid
from collections.abc import Collection, Mapping
from typing import Any

import uvloop

PARTITIONS = 4
BATCH = 500


class Meter:
    """Counts to a number, and how long that takes."""

    def __init__(self, total: int) -> None:
        self.total, self.seen = total, 0
        self.first_at = 0.0
        self.first = 0
        self.done = asyncio.Event()
        self.rate = 0.0

    def add(self, count: int) -> None:
        """``count`` records more. The clock runs from the first ones on, which are not counted themselves."""
        now = time.perf_counter()
        if not self.seen:
            self.first_at, self.first = now, count
        self.seen += count
        if self.seen >= self.total and not self.done.is_set():
            self.rate = (self.seen - self.first) / max(1e-9, now - self.first_at)
            self.done.set()


async def ordinary(bootstrap: str, topic: str, meter: Meter) -> None:
    """An empty agent of Faust's own."""
    import faust

    app = faust.App(
        f"bench-{uuid.uuid4().hex}",
        broker=f"aiokafka://{bootstrap}",
        store="memory://",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    source = app.topic(topic, value_type=bytes, value_serializer="raw", key_serializer="raw")

    async def agent(stream: Any) -> None:
        async for events in stream.noack_take(BATCH, within=0.1):
            for event in events:
                event.ack()
            meter.add(len(events))

    app.agent(source, concurrency=1)(agent)
    app.finalize()
    await app.start()
    await meter.done.wait()
    await app.stop()


async def transport(bootstrap: str, topic: str, meter: Meter) -> None:
    """An empty agent on the batch transport."""
    from aiokafka import TopicPartition

    from services.runtime.batch import Batch
    from services.runtime.health import Health
    from services.runtime.settings import Settings
    from services.runtime.worker import batch_app

    async def positions(_tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {}

    async def handle(batch: Batch) -> None:
        meter.add(len(batch.records))

    name = f"bench-{uuid.uuid4().hex}"
    worker = batch_app(name, Settings(kafka=bootstrap), topic, positions, handle, health=Health())
    running = asyncio.create_task(worker.run())
    await meter.done.wait()
    await worker.stop()
    await running
    await worker.probe.close()


async def raw(bootstrap: str, topic: str, meter: Meter) -> None:
    """The client by itself."""
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, p) for p in range(PARTITIONS)])
    while not meter.done.is_set():
        for records in (await consumer.getmany(timeout_ms=500, max_records=2000)).values():
            for record in records:
                json.loads(record.value)
            meter.add(len(records))
    await consumer.stop()


WAYS = {"ordinary": ordinary, "transport": transport, "raw": raw}


def main() -> None:
    """Read once by arguments."""
    way, bootstrap, topic, total = sys.argv[1:5]

    async def once() -> float:
        meter = Meter(int(total))
        await WAYS[way](bootstrap, topic, meter)
        return meter.rate

    uvloop.install()
    sys.stdout.write(f"{asyncio.run(once())}\n")


if __name__ == "__main__":
    main()
