"""Reading the whole audit trail: following it as it grows, and looking through all of it for when tokens were used."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.access.audit import Record
from services.events import brokers
from services.runtime.bulk import BulkReader
from services.runtime.failed import reason_of
from services.runtime.health import Part
from services.runtime.settings import Settings
from services.runtime.trail import PAUSE_SECONDS, ensure_topic

START_SECONDS = 12.0
POLL_MILLISECONDS = 500


async def follow(
    settings: Settings, part: Part, since: timedelta, take: Callable[[Record], None], caught_up: Callable[[], None]
) -> None:
    """Hand on each record of the last ``since``, then each new one, until cancelled. ``caught_up`` is called when all
    that was there has been handed on. A broker that is away is waited for."""
    await ensure_topic(settings, part)
    tp = TopicPartition(settings.audit_topic, 0)
    position: int | None = None
    while True:
        consumer = AIOKafkaConsumer(
            **brokers.client(settings.bootstrap), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            async with asyncio.timeout(START_SECONDS):
                await consumer.start()
                consumer.assign([tp])
                end = (await consumer.end_offsets([tp]))[tp]
                if position is None:
                    began = int((datetime.now(UTC) - since).timestamp() * 1000)
                    first = (await consumer.offsets_for_times({tp: began}))[tp]
                    position = end if first is None else first.offset
            consumer.seek(tp, position)
            while True:
                if position >= end:
                    caught_up()
                    part.ok()
                lots = await consumer.getmany(tp, timeout_ms=POLL_MILLISECONDS)
                for one in lots.get(tp, ()):
                    take(msgspec.json.decode(one.value, type=Record))
                    position = one.offset + 1
        except (KafkaError, OSError) as error:
            part.away(reason_of(error))
            await asyncio.sleep(PAUSE_SECONDS)
        finally:
            await consumer.stop()


async def last_uses(settings: Settings) -> dict[str, datetime]:
    """When each token was last used, by its account; within an hour, since that is how often it is recorded.

    Raises what :class:`~services.runtime.bulk.BulkReader` does.
    """
    used: dict[str, datetime] = {}
    async with BulkReader(settings.bootstrap) as reader:
        partitions = await reader.partitions(settings.audit_topic)
        firsts, ends = await reader.firsts(partitions), await reader.ends(partitions)
        for tp in partitions:
            async for records in reader.read(tp, firsts[tp], ends[tp]):
                for one in records:
                    if b'"token-used"' in one.value:
                        record = msgspec.json.decode(one.value, type=Record)
                        used[record.entry.account] = max(record.at, used.get(record.entry.account, record.at))
    return used
