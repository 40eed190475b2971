"""A group whose leader knew no partitions when it gave them out, as happens while a broker restarts."""

import asyncio
from typing import Any

from tests.integration.log_tools import fill, make_topic, until
from tests.integration.test_transport_positions import Store, running


async def test_partitions_that_were_given_to_nobody_are_given_out_soon(kafka: str, transport: str) -> None:
    topic, store = await make_topic(kafka), Store()
    await fill(kafka, topic, range(100))
    async with running(kafka, topic, store) as (worker, _):
        await until(lambda: len(store.applied) >= 100)
        app: Any = worker.app
        thread = app.consumer._thread if transport == "faust" else None
        client = thread._consumer if thread else app._consumer
        loop = thread.thread_loop if thread else asyncio.get_running_loop()

        def forget() -> None:
            client._client.cluster._partitions = {}
            client._coordinator.request_rejoin()

        loop.call_soon_threadsafe(forget)
        await until(lambda: not worker.owned, 20, "the partitions were not lost")
        await fill(kafka, topic, range(100))
        await until(lambda: len(store.applied) >= 200, 30, "nobody took the partitions")
