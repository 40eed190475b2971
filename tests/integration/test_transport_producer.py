"""The producer against a real broker that comes and goes."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from services.local.kafka import KafkaNode
from services.runtime.health import Health
from services.runtime.packing import Record
from services.runtime.producer import LogProducer
from services.runtime.retry import LogUnavailable
from tests.integration.log_tools import look, make_topic, until


async def read(kafka: str, topic: str, partitions: int) -> list[ConsumerRecord]:
    async def all_of_it(consumer: AIOKafkaConsumer) -> list[ConsumerRecord]:
        tps = [TopicPartition(topic, p) for p in range(partitions)]
        consumer.assign(tps)
        ends = await consumer.end_offsets(tps)
        for tp in tps:
            consumer.seek(tp, 0)
        found: list[ConsumerRecord] = []
        while len(found) < sum(ends.values()):
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                found += records
        return found

    records: list[ConsumerRecord] = await look(kafka, all_of_it)
    return records


def numbered(count: int, keys: int = 50) -> list[Record]:
    return [(b"%d" % (n % keys), b"%d" % n, [("content-type", b"text/plain")]) for n in range(count)]


def first_of_each_key(records: list[ConsumerRecord]) -> dict[bytes, list[int]]:
    """The numbers under each key in the order of the log, later copies of a number left out."""
    found: dict[bytes, dict[int, None]] = {}
    for record in sorted(records, key=lambda r: (r.partition, r.offset)):
        found.setdefault(record.key, {}).setdefault(int(record.value))
    return {key: list(numbers) for key, numbers in found.items()}


async def test_all_records_are_in_the_log_in_order_when_the_call_returns(kafka: str) -> None:
    topic = await make_topic(kafka)
    producer = LogProducer(kafka, Health().part("producer"))
    places = await producer.send_all(topic, numbered(5000))
    await producer.close()
    assert len(places) == 5000
    records = await read(kafka, topic, 4)
    assert len(records) == 5000
    assert {(r.partition, r.offset) for r in records} == {(p.partition, p.offset) for p in places}
    assert records[0].headers == (("content-type", b"text/plain"),)
    assert first_of_each_key(records) == {b"%d" % k: list(range(k, 5000, 50)) for k in range(50)}


async def test_a_record_that_is_too_large_is_the_caller_s_error_and_harms_nobody(kafka: str) -> None:
    topic = await make_topic(kafka)
    part = Health().part("producer")
    producer = LogProducer(kafka, part)
    with pytest.raises(MessageSizeTooLargeError):
        await producer.send_all(topic, [(b"k", b"x" * 2_000_000, ())])
    assert len(await producer.send_all(topic, numbered(10))) == 10
    assert part.is_ok
    await producer.close()


async def test_a_broker_that_is_killed_under_load_costs_no_record_and_no_order(mortal_node: KafkaNode) -> None:
    topic = await make_topic(mortal_node.bootstrap, 2)
    part = Health().part("producer")
    producer = LogProducer(mortal_node.bootstrap, part)
    sending = asyncio.create_task(producer.send_all(topic, numbered(60_000)))
    await asyncio.sleep(0.2)
    assert not sending.done()
    await asyncio.to_thread(mortal_node.kill)
    await asyncio.sleep(1.0)
    assert not sending.done()
    await asyncio.to_thread(mortal_node.start)
    assert len(await asyncio.wait_for(sending, 40)) == 60_000
    assert part.is_ok
    await producer.close()
    assert first_of_each_key(await read(mortal_node.bootstrap, topic, 2)) == {
        b"%d" % k: list(range(k, 60_000, 50)) for k in range(50)
    }


async def test_a_broker_that_is_away_is_said_in_time_and_found_again(mortal_node: KafkaNode) -> None:
    topic = await make_topic(mortal_node.bootstrap, 2)
    part = Health().part("producer")
    producer = LogProducer(mortal_node.bootstrap, part, give_up_seconds=1.5)
    keeping = asyncio.create_task(producer.keep())
    await until(lambda: part.is_ok)
    await asyncio.to_thread(mortal_node.kill)
    for _ in range(2):
        began = time.monotonic()
        with pytest.raises(LogUnavailable):
            await producer.send_all(topic, numbered(3))
        assert 1.0 < time.monotonic() - began < 5.0
        assert part.state == "away"
    await asyncio.to_thread(mortal_node.start)
    await until(lambda: part.is_ok)  # without anybody writing
    assert len(await producer.send_all(topic, numbered(3))) == 3
    keeping.cancel()
    await producer.close()
