"""An empty agent on the batch transport: ``python -m benchmarks.empty_transport BOOTSTRAP TOPIC TOTAL``."""

import asyncio
import sys
import uuid
from collections.abc import Collection, Mapping

import uvloop
from aiokafka import TopicPartition

from benchmarks.peers.meter import Meter
from services.runtime.batch import Batch
from services.runtime.health import Health
from services.runtime.settings import load
from services.runtime.worker import batch_app


async def main(bootstrap: str, topic: str, total: int) -> None:
    """Read all of the topic, and say how fast."""
    meter, done = Meter(total), asyncio.Event()

    async def positions(_tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        return {}

    async def handle(batch: Batch) -> None:
        if meter.add(len(batch.records)):
            done.set()

    settings = load({"SHIXIAN_KAFKA": bootstrap})
    worker = batch_app(f"empty-{uuid.uuid4().hex}", settings, topic, positions, handle, health=Health())
    running = asyncio.create_task(worker.run())
    await done.wait()
    meter.done(sum=meter.seen)
    await worker.stop()
    await running
    await worker.probe.close()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
