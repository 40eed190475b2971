"""The rounds of the sweep: a pause between them, but not while cases of changed organs are left."""

import asyncio

from aiokafka import TopicPartition
from prometheus_client import CollectorRegistry

from services.runtime.health import Health
from services.tracker.metrics import metrics
from services.tracker.sweeping import Sweeping


async def test_rounds_follow_one_another_while_something_is_left_and_every_partition_has_its_turn() -> None:
    left, swept, rested = {0: 3, 1: 1}, [], asyncio.Event()

    async def sweep(partition: int) -> int:
        swept.append(partition)
        left[partition] = max(0, left[partition] - 1)
        if not any(left.values()):
            rested.set()
        return 0

    owned = {TopicPartition("facts", n) for n in left}
    hours = 3600.0
    own = metrics(CollectorRegistry())
    sweeping = Sweeping(sweep, lambda: owned, Health(), own, hours, unfinished=lambda: any(left.values()))
    running = asyncio.create_task(sweeping.run())
    await asyncio.wait_for(rested.wait(), 20)
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert swept == [0, 1] * 3, "and then it rests"
