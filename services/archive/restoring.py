"""A file's records into the cluster, each at its old offset, and its publications into the tables."""

import asyncio
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition

from services.archive import publications
from services.archive.blocks import Damaged
from services.archive.exporting import Counted
from services.archive.lines import Head, Line, as_line, contents, encode, value_of
from services.events import brokers
from services.events.topics import Topic, create_topics, topics
from services.runtime.bulk import BulkReader
from services.runtime.failed import Failed, Progress
from services.runtime.settings import Settings

SEND_RECORDS = 2000
SEND_SECONDS = 60.0


async def put(settings: Settings, path: Path, head: Head, counted: Counted, progress: Progress) -> None:
    """Write the checked file's content; what is there already must be the same, and stays.

    Raises :class:`Failed`, KafkaError, OSError, and what the reader raises.
    """
    async with BulkReader(settings.bootstrap) as reader:
        held = await _prepare(reader, settings, head)
        for tp, end in held.items():
            if end > head.ends[tp.topic.removeprefix(settings.topic_prefix)][tp.partition]:
                raise Failed(f"{tp.topic} is not empty: partition {tp.partition} holds more than the file")
        if any(held.values()):
            await _compare(reader, settings, path, held, progress)
    if not counted.publications:
        await _send(settings, path, head, held, progress)
        return
    async with publications.connected(settings.postgres) as conn:
        for part in contents(path):
            if part.kept:
                await publications.missing(conn, part.kept)
        await _send(settings, path, head, held, progress)
        await publications.prepare(conn)
        with progress(counted.publications, "restoring publications") as advance:
            for part in contents(path):
                if part.kept:
                    await publications.put(conn, part.kept)
                    advance(len(part.kept))


def check(path: Path, progress: Progress) -> tuple[Head, Counted]:
    """The head of a file that is whole, and how much it holds. Raises :class:`Damaged`, OSError."""
    head: Head | None = None
    publications = 0
    with progress(path.stat().st_size, "checking the file") as advance:
        for part in contents(path):
            head = part.head or head
            assert head is not None
            advance(part.block.end - part.block.start)
            publications += len(part.kept)
            for line in part.lines:
                if line.t not in head.ends or line.p >= len(head.ends[line.t]):
                    raise Damaged(part.block.number, f"has a record of {line.t} {line.p}, which the head does not name")
    assert head is not None
    return head, Counted(head.records, publications)


async def _prepare(reader: BulkReader, settings: Settings, head: Head) -> dict[TopicPartition, int]:
    """Make the topics that are missing; how much each partition holds."""
    shapes = {t.name: t for t in topics(settings.topic_prefix, settings.partitions, settings.replication)}
    wanted = []
    for topic, ends in head.ends.items():
        shape = shapes.get(settings.topic_prefix + topic)
        if shape is None:
            raise Failed(f"the file holds a topic {topic!r}, which this version does not know")
        wanted.append(Topic(shape.name, len(ends), shape.replication, shape.config))
    await create_topics(settings.bootstrap, tuple(wanted))
    held: dict[TopicPartition, int] = {}
    for each in wanted:
        partitions = await _wait_for(reader, each.name)
        if len(partitions) != each.partitions:
            raise Failed(f"{each.name} has {len(partitions)} partitions here and {each.partitions} in the file")
        held |= await reader.ends(partitions)
    return held


async def _wait_for(reader: BulkReader, topic: str) -> list[TopicPartition]:
    for _ in range(100):
        if partitions := await reader.partitions(topic):
            return partitions
        await asyncio.sleep(0.1)
    raise Failed(f"{topic} was created and does not appear")


async def _compare(
    reader: BulkReader, settings: Settings, path: Path, held: dict[TopicPartition, int], progress: Progress
) -> None:
    """Refuse unless what the topics hold is what the file says, record by record."""
    with progress(sum(held.values()), "comparing what is there") as advance:
        here: Any = None
        for part in contents(path):
            for line in part.lines:
                tp = TopicPartition(settings.topic_prefix + line.t, line.p)
                if line.o >= held[tp]:
                    continue
                if line.o == 0:
                    here = _records(reader, tp, held[tp])
                record = await anext(here, None)
                if record is None or as_line(line.t, record) != encode(line):
                    raise Failed(f"{tp.topic} is not empty: partition {tp.partition} holds another record {line.o}")
                advance(1)


async def _records(reader: BulkReader, tp: TopicPartition, end: int) -> Any:
    async for records in reader.read(tp, 0, end):
        for record in records:
            yield record


async def _send(
    settings: Settings, path: Path, head: Head, held: dict[TopicPartition, int], progress: Progress
) -> None:
    producer = AIOKafkaProducer(
        **brokers.client(settings.bootstrap),
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        compression_type=settings.codec,
        max_batch_size=512 * 1024,
        max_request_size=16 * 1024 * 1024,
    )
    await producer.start()
    try:
        with progress(head.records, "restoring") as advance:
            for part in contents(path):
                todo = [x for x in part.lines if x.o >= held[TopicPartition(settings.topic_prefix + x.t, x.p)]]
                advance(len(part.lines) - len(todo))
                for start in range(0, len(todo), SEND_RECORDS):
                    lot = todo[start : start + SEND_RECORDS]
                    await asyncio.wait_for(_send_lot(producer, settings.topic_prefix, lot), SEND_SECONDS)
                    advance(len(lot))
    finally:
        await producer.stop()


async def _send_lot(producer: Any, prefix: str, lot: Sequence[Line]) -> None:
    """Write records in order, and see that each got its offset."""
    sent = [
        await producer.send(
            prefix + line.t,
            value_of(line.v, line.v64),
            key=value_of(line.k, line.k64),
            partition=line.p,
            timestamp_ms=line.ts,
            headers=[(name, b64decode(value)) for name, value in line.h],
        )
        for line in lot
    ]
    for line, where in zip(lot, await asyncio.gather(*sent), strict=True):
        if where.offset != line.o:
            raise Failed(
                f"{prefix}{line.t} partition {line.p}: the record {line.o} got the offset {where.offset}; "
                "is something else writing there? Delete the topics and restore again"
            )
