"""A byte flipped in a segment: that partition stands still and is named, nothing is skipped, the others go on."""

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry

from services.local.kafka import KafkaNode
from services.runtime.bulk import BulkReader
from services.runtime.damage import LogDamaged
from services.runtime.health import Part
from services.runtime.reference import Reference
from tests.integration.log_tools import fill, make_topic, until
from tests.integration.test_transport_processes import handled, service
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


@contextmanager
def broker(folder: Path, classpath: list[Path]) -> Iterator[KafkaNode]:
    node = KafkaNode(folder / "kafka", classpath)
    node.start()
    try:
        yield node
    finally:
        node.stop(20)


def segment_of(node: KafkaNode, topic: str, partition: int) -> Path:
    (found,) = node.folder.rglob(f"{topic}-{partition}/00000000000000000000.log")
    return found


def offsets(folder: Path, partition: int) -> list[int]:
    return sorted(offset for at, offset in handled(folder) if at == partition)


@pytest.mark.usefixtures("transport")
async def test_a_damaged_partition_stands_still_and_is_named_while_the_others_go_on(
    classpath: list[Path], folder: Path
) -> None:
    with broker(folder, classpath) as node:
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

        async with service(node.bootstrap, topic, folder) as worker, httpx.AsyncClient() as client:

            async def part() -> dict[str, str]:
                _, parts = (await client.get(f"{worker.address()}/ready")).json()
                found: dict[str, str] = parts["readable"]
                return found

            await until(lambda: worker.log.count("partition_damaged") == 2, 60, "both are found")
            await until(lambda: len(offsets(folder, 1)) == 4 * BATCH, 30, "the whole one")
            await fill(node.bootstrap, topic, range(BATCH), partition=1)
            await until(lambda: len(offsets(folder, 1)) == 5 * BATCH, 30, "it goes on")
            assert offsets(folder, 0) == list(range(2 * BATCH)), "all before the damage, and nothing behind it"
            assert offsets(folder, 2) == list(range(BATCH))
            told = await part()
            assert told["state"] == "away" and "the other partitions go on" in told["reason"]
            assert f"{topic} partition 0 is damaged at offset {2 * BATCH}" in told["reason"]
            assert f"{topic} partition 2 is damaged at offset {BATCH}" in told["reason"]

            await asyncio.to_thread(node.stop, 30)
            for segment, position in at.items():
                flip(segment, position)
            await asyncio.to_thread(node.start)
            for partition in (0, 2):
                await until(lambda at=partition: len(offsets(folder, at)) == 4 * BATCH, 60, "repaired")  # type: ignore[misc]
                assert offsets(folder, partition) == list(range(4 * BATCH)), "each once"
            assert (await part())["state"] == "ok"
            assert "stalled" not in worker.log


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
