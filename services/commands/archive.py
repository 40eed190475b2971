"""``shixian export`` and ``shixian restore``: the whole log to a file, and from the file into an empty cluster.

A record is one line: topic (without the installation's prefix), partition, offset, timestamp, key, value and headers.
Restored, it has them all again, the offset too: positions, dead letters and places named elsewhere stay true.
"""

import asyncio
from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from services.commands.blocks import Damaged, Writer, read
from services.commands.lines import FORMAT, End, Head, Line, as_line, contents, encode, head_of, lines_of, value_of
from services.events import brokers
from services.events.topics import Topic, create_topics, topics
from services.runtime.batch import PositionRefused
from services.runtime.bulk import BulkReader
from services.runtime.retry import LogUnavailable, reason_of
from services.runtime.settings import Settings

ORDER = ("dead-letters", "cases", "facts", "reference")
"""The order in which the topics' ends are asked for: what follows from a record is never in the file without it."""
BLOCK_BYTES = 4 * 1024 * 1024
SEND_RECORDS = 2000
SEND_SECONDS = 60.0

Progress = Callable[[int, str], AbstractContextManager[Callable[[int], None]]]


class Failed(RuntimeError):
    """The command can't be carried out; says why in one line."""


def export(settings: Settings, path: Path, progress: Progress) -> int:
    """Write the log up to its present end to ``path``; how many records. A run that was stopped is gone on with.

    Raises :class:`Failed`.
    """
    if path.exists():
        raise Failed(f"{path} is there already")
    draft = path.with_name(f"{path.name}.part")
    try:
        count = asyncio.run(_export(settings, draft, progress))
        draft.replace(path)
    except (LogUnavailable, PositionRefused) as error:
        raise Failed(str(error)) from error
    except OSError as error:
        raise Failed(f"{draft}: {error.strerror or error}") from error
    return count


async def _export(settings: Settings, draft: Path, progress: Progress) -> int:
    async with BulkReader(settings.bootstrap) as reader:
        return await _write(reader, settings, draft, progress)


async def _write(reader: BulkReader, settings: Settings, draft: Path, progress: Progress) -> int:
    head, done, number, digest, size = _left(draft)
    if head is None:
        head = await _head(reader, settings)
    with draft.open("r+b" if size else "wb") as file, progress(head.records, "exporting") as advance:
        file.truncate(size)
        file.seek(size)
        writer = Writer(file, number, digest)
        if not size:
            writer.write([encode(head)])
        advance(sum(done.values()))
        for topic, ends in head.ends.items():
            for partition, end in enumerate(ends):
                start = done.get((topic, partition), 0)
                tp = TopicPartition(settings.topic_prefix + topic, partition)
                lines: list[bytes] = []
                length = 0
                async for records in reader.read(tp, start, end):
                    for record in records:
                        lines.append(as_line(topic, record))
                        length += len(lines[-1])
                        if length > BLOCK_BYTES:
                            writer.write(lines)
                            lines, length = [], 0
                    advance(len(records))
                if lines:
                    writer.write(lines)
        writer.write([encode(End(head.records))])
    return head.records


async def _head(reader: BulkReader, settings: Settings) -> Head:
    ends: dict[str, list[int]] = {}
    for topic in ORDER:
        partitions = await reader.partitions(settings.topic_prefix + topic)
        if not partitions:
            raise Failed(f"there is no topic {settings.topic_prefix}{topic}")
        firsts = await reader.firsts(partitions)
        if any(firsts.values()):
            raise Failed(
                f"{settings.topic_prefix}{topic} no longer holds its beginning: this would not be the whole log"
            )
        found = await reader.ends(partitions)
        ends[topic] = [found[tp] for tp in partitions]
    return Head(FORMAT, datetime.now(UTC), ends)


def _left(draft: Path) -> tuple[Head | None, dict[tuple[str, int], int], int, bytes, int]:
    """What a stopped export left: its head, how far each partition is, and where to go on; nothing, where no use."""
    head: Head | None = None
    done: dict[tuple[str, int], int] = {}
    number, digest, size = 0, b"", 0
    try:
        for block in read(draft):
            if head is None:
                head = head_of(block)
            else:
                for line in lines_of(block):
                    done[line.t, line.p] = line.o + 1
            number, digest, size = block.number + 1, block.digest, block.end
    except FileNotFoundError:
        return None, {}, 0, b"", 0
    except Damaged as error:
        if head is None or error.block == 0:
            return None, {}, 0, b"", 0
    return head, done, number, digest, size


def restore(settings: Settings, path: Path, progress: Progress) -> int:
    """Write the file's records into the cluster; how many. A run that was stopped is gone on with.

    The whole file is checked first. Topics that hold anything else than the beginning of their part of the file are
    refused. Raises :class:`Failed`.
    """
    try:
        head = _check(path, progress)
        asyncio.run(_restore(settings, path, head, progress))
    except Damaged as error:
        raise Failed(f"{path}: {error}") from error
    except (LogUnavailable, PositionRefused) as error:
        raise Failed(str(error)) from error
    except KafkaError as error:
        raise Failed(f"Kafka: {reason_of(error)}") from error
    except OSError as error:  # a TimeoutError is an OSError
        raise Failed(f"{path}: {error.strerror or reason_of(error)}") from error
    return head.records


async def _restore(settings: Settings, path: Path, head: Head, progress: Progress) -> None:
    async with BulkReader(settings.bootstrap) as reader:
        held = await _prepare(reader, settings, head)
        for tp, end in held.items():
            if end > head.ends[tp.topic.removeprefix(settings.topic_prefix)][tp.partition]:
                raise Failed(f"{tp.topic} is not empty: partition {tp.partition} holds more than the file")
        if any(held.values()):
            await _compare(reader, settings, path, held, progress)
    await _send(settings, path, head, held, progress)


def _check(path: Path, progress: Progress) -> Head:
    found: Head | None = None
    with progress(path.stat().st_size, "checking the file") as advance:
        for block, head, lines in contents(path):
            found = head or found
            assert found is not None
            advance(block.end - block.start)
            for line in lines:
                if line.t not in found.ends or line.p >= len(found.ends[line.t]):
                    raise Damaged(block.number, f"has a record of {line.t} {line.p}, which the head does not name")
    assert found is not None
    return found


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
        if found := await reader.partitions(topic):
            return found
        await asyncio.sleep(0.1)
    raise Failed(f"{topic} was created and does not appear")


async def _compare(
    reader: BulkReader, settings: Settings, path: Path, held: dict[TopicPartition, int], progress: Progress
) -> None:
    """Refuse unless what the topics hold is what the file says, record by record."""
    with progress(sum(held.values()), "comparing what is there") as advance:
        here: Any = None
        for _, _, lines in contents(path):
            for line in lines:
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
        max_batch_size=512 * 1024,
        max_request_size=16 * 1024 * 1024,
    )
    await producer.start()
    try:
        with progress(head.records, "restoring") as advance:
            for _, _, lines in contents(path):
                todo = [x for x in lines if x.o >= held[TopicPartition(settings.topic_prefix + x.t, x.p)]]
                advance(len(lines) - len(todo))
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
