"""What tests need around a topic: make one with a name of its own, fill it, look at it."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete


async def make_topic(kafka: str, partitions: int = 4) -> str:
    topic = f"test-{uuid.uuid4().hex[:12]}"
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, partitions, 1)])
    finally:
        await admin.close()
    return topic


async def fill(kafka: str, topic: str, values: Sequence[int], *, partition: int | None = None, size: int = 20) -> None:
    """Write each number as a key and, padded to ``size`` bytes, as a value."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", linger_ms=5, max_batch_size=262_144)
    await producer.start()
    try:
        acks = [await producer.send(topic, b"%0*d" % (size, n), key=b"%d" % n, partition=partition) for n in values]
        await asyncio.gather(*acks)
    finally:
        await producer.stop()


async def delete_before(kafka: str, tp: TopicPartition, offset: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records({tp: RecordsToDelete(before_offset=offset)})
    finally:
        await admin.close()


async def look(kafka: str, ask: Callable[[AIOKafkaConsumer], Awaitable[Any]], group: str | None = None) -> Any:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=group, enable_auto_commit=False)
    await consumer.start()
    try:
        return await ask(consumer)
    finally:
        await consumer.stop()


async def committed(kafka: str, group: str, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int | None]:
    async def ask(consumer: AIOKafkaConsumer) -> dict[TopicPartition, int | None]:
        return {tp: await consumer.committed(tp) for tp in tps}

    found: dict[TopicPartition, int | None] = await look(kafka, ask, group)
    return found


async def until(condition: Callable[[], Any], seconds: float = 30.0, what: str = "") -> None:
    """Wait until ``condition()`` is true; fail after ``seconds``."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - conditions are of many kinds, few of them events
            await asyncio.sleep(0.02)
