"""Kafka's clients by themselves, which decode and do nothing: ``clients.py WAY BOOTSTRAP TOPIC TOTAL PARTITIONS``.

The ways: ``aiokafka-json`` (``json.loads``), ``aiokafka-msgspec``, ``confluent-msgspec``.
"""

import json
import sys
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
from meter import Meter

AT_ONCE = 2000


async def aiokafka(bootstrap: str, topic: str, meter: Meter, partitions: int, decode: Callable[[bytes], Any]) -> None:
    from aiokafka import AIOKafkaConsumer, TopicPartition

    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition(topic, p) for p in range(partitions)])
    while meter.seen < meter.total:
        for records in (await consumer.getmany(timeout_ms=500, max_records=AT_ONCE)).values():
            for record in records:
                decode(record.value)
            meter.add(len(records))
    meter.done(sum=meter.seen)
    await consumer.stop()


def confluent(bootstrap: str, topic: str, meter: Meter, partitions: int, decode: Callable[[bytes], Any]) -> None:
    from confluent_kafka import Consumer, TopicPartition

    settings = {"bootstrap.servers": bootstrap, "group.id": uuid.uuid4().hex, "enable.auto.commit": False}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, p, 0) for p in range(partitions)])
    while meter.seen < meter.total:
        records = consumer.consume(min(AT_ONCE, meter.total - meter.seen), 0.5)
        for record in records:
            decode(record.value())
        if records:
            meter.add(len(records))
    meter.done(sum=meter.seen)
    consumer.close()


def main() -> None:
    way, bootstrap, topic, total, partitions = sys.argv[1:6]
    meter, decode = Meter(int(total)), msgspec.json.Decoder().decode
    if way == "confluent-msgspec":
        confluent(bootstrap, topic, meter, int(partitions), decode)
        return
    import uvloop

    chosen = json.loads if way == "aiokafka-json" else decode
    uvloop.run(aiokafka(bootstrap, topic, meter, int(partitions), chosen))


if __name__ == "__main__":
    main()
