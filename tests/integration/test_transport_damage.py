"""A byte flipped in a segment: that partition stands still and is named, nothing is skipped, the others go on."""

import asyncio
import struct
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from services.events.decompression import MOST
from services.local.kafka import KafkaNode
from services.runtime.bulk import BulkReader
from services.runtime.damage import LogDamaged
from services.runtime.health import Part
from services.runtime.reference import Reference
from tests.integration.log_tools import fill, make_topic, until
from tests.integration.test_transport_processes import TRANSPORTS, Service, handled, service
from tests.support import ORGAN, raw

BATCH = 50


def batches(segment: Path) -> list[tuple[int, int]]:
    """Where each record batch of a segment begins and ends, in bytes."""
    data, found, at = segment.read_bytes(), [], 0
    while at < len(data):
        (length,) = struct.unpack_from(">i", data, at + 8)
        found.append((at, at + 12 + length))
        at += 12 + length
    return found


def flip(segment: Path, position: int) -> None:
    """Turn a byte over; twice, and it is as it was."""
    with segment.open("r+b") as file:
        file.seek(position)
        (byte,) = file.read(1)
        file.seek(position)
        file.write(bytes([byte ^ 0x55]))


def segment_of(node: KafkaNode, topic: str, partition: int) -> Path:
    (found,) = node.folder.rglob(f"{topic}-{partition}/00000000000000000000.log")
    return found


def offsets(folder: Path, partition: int) -> list[int]:
    return sorted(offset for at, offset in handled(folder) if at == partition)


async def test_a_damaged_partition_stands_still_and_is_named_while_the_others_go_on(
    mortal_node: KafkaNode, folder: Path
) -> None:
    """Both transports, beside one another: each reads the topic in a group of its own."""
    node = mortal_node
    topic = await make_topic(node.bootstrap, 3)
    reference = await make_topic(node.bootstrap, 1)
    for partition in range(3):
        for first in range(0, 4 * BATCH, BATCH):
            await fill(node.bootstrap, topic, range(first, first + BATCH), partition=partition)
    await register(node.bootstrap, reference, ["a", "b"])
    await register(node.bootstrap, reference, ["c"])
    assert node.stop(30)
    payload, framing = segment_of(node, topic, 0), segment_of(node, topic, 2)
    _, ends = batches(payload)[2]
    at = {payload: ends - 3, framing: batches(framing)[1][0] + 10}  # in a record; in a length
    for segment, position in at.items():
        flip(segment, position)
    flip(segment_of(node, reference, 0), batches(segment_of(node, reference, 0))[-1][1] - 3)
    node.start()

    with pytest.raises(LogDamaged, match=rf"{topic} partition 0 is damaged at offset {2 * BATCH} \(Corrupt"):
        await read(node.bootstrap, TopicPartition(topic, 0), 4 * BATCH)
    assert await read(node.bootstrap, TopicPartition(topic, 1), 4 * BATCH) == 4 * BATCH
    await reference_stands_still(node.bootstrap, reference)

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient())
        workers: dict[Path, Service] = {}
        for transport in TRANSPORTS:
            home = folder / transport
            home.mkdir()
            running = service(node.bootstrap, topic, home, SHIXIAN_TRANSPORT=transport)
            workers[home] = await stack.enter_async_context(running)

        for home, worker in workers.items():
            await until(partial(both_are_found, worker), 60, f"both are found: {home.name}")
            await until(partial(has_read, home, 1, 4 * BATCH), 30, f"the whole one: {home.name}")
        await fill(node.bootstrap, topic, range(BATCH), partition=1)
        for home, worker in workers.items():
            await until(partial(has_read, home, 1, 5 * BATCH), 30, f"it goes on: {home.name}")
            assert offsets(home, 0) == list(range(2 * BATCH)), "all before the damage, and nothing behind it"
            assert offsets(home, 2) == list(range(BATCH))
            told = await part(client, worker)
            assert told["state"] == "away" and "the other partitions go on" in told["reason"]
            assert f"{topic} partition 0 is damaged at offset {2 * BATCH}" in told["reason"]
            assert f"{topic} partition 2 is damaged at offset {BATCH}" in told["reason"]

        await asyncio.to_thread(node.stop, 30)
        for segment, position in at.items():
            flip(segment, position)
        await asyncio.to_thread(node.start)
        for home, worker in workers.items():
            for partition in (0, 2):
                await until(partial(has_read, home, partition, 4 * BATCH), 60, f"repaired: {home.name}")
                assert offsets(home, partition) == list(range(4 * BATCH)), "each once"
            assert (await part(client, worker))["state"] == "ok"
            assert "stalled" not in worker.log


async def test_a_batch_that_comes_to_more_than_memory_holds_stops_its_partition_alone(kafka: str, folder: Path) -> None:
    """Whoever may write to the topic can send it: a few kilobytes on the way."""
    topic = await make_topic(kafka, 2)
    await fill(kafka, topic, range(BATCH), partition=0)
    async with AIOKafkaProducer(
        bootstrap_servers=kafka, compression_type="zstd", max_request_size=2 * MOST
    ) as producer:
        await producer.send_and_wait(topic, bytes(MOST + 1), key=b"k", partition=0)
    await fill(kafka, topic, range(BATCH), partition=1)
    with pytest.raises(LogDamaged, match=rf"{topic} partition 0 is damaged at offset {BATCH} \(Corrupt.* {MOST} bytes"):
        await read(kafka, TopicPartition(topic, 0), BATCH + 1)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(httpx.AsyncClient())
        for transport in TRANSPORTS:
            home = folder / transport
            home.mkdir()
            worker = await stack.enter_async_context(service(kafka, topic, home, SHIXIAN_TRANSPORT=transport))
            await until(lambda: "partition_damaged" in worker.log, 60, f"it is named: {transport}")  # noqa: B023
            await until(partial(has_read, home, 1, BATCH), 30, f"the other one goes on: {transport}")
            told = await part(client, worker)
            assert told["state"] == "away" and f"{topic} partition 0 is damaged at offset {BATCH}" in told["reason"]
            assert offsets(home, 0) == list(range(BATCH)), "all before it, and nothing behind it"


def both_are_found(worker: Service) -> bool:
    return worker.log.count("partition_damaged") == 2


def has_read(home: Path, partition: int, count: int) -> bool:
    return len(offsets(home, partition)) == count


async def part(client: httpx.AsyncClient, worker: Service) -> dict[str, str]:
    _, parts = (await client.get(f"{worker.address()}/ready")).json()
    found: dict[str, str] = parts["readable"]
    return found


async def register(kafka: str, topic: str, codes: list[str]) -> None:
    """Organs, in one record batch."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, linger_ms=100) as producer:
        for code in codes:
            fact = raw("organ-registered", code, {**ORGAN, "code": code}, recordedtime="2013-01-01T00:00:00Z")
            await producer.send(topic, msgspec.json.encode(fact), key=code.encode())


async def read(kafka: str, tp: TopicPartition, end: int) -> int:
    async with BulkReader(kafka) as reader:
        return sum([len(records) async for records in reader.read(tp, 0, end)])


async def reference_stands_still(kafka: str, topic: str) -> None:
    part: Any = Part("reference")
    reference = Reference(kafka, topic, part, CollectorRegistry(), lambda _fact: None)
    following = asyncio.create_task(reference.run())
    try:
        await until(lambda: "damaged at offset 2" in part.reason, 30, "it is named")
        assert part.state == "away" and f"{topic} partition 0" in part.reason
        assert set(reference.organs) == {"a", "b"} and reference.next_offset == 2
    finally:
        following.cancel()
        await asyncio.wait([following])
