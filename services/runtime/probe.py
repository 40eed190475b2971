"""A look at the log from outside the consumer group: is a broker there, and how far do the partitions reach?

A consumer that is stuck doesn't notice that records arrive; so the lag is measured against what the broker says, over a
connection of its own. On the consumer's connection a question would also wait behind its long polls.
"""

import asyncio
from collections.abc import Collection, Mapping
from datetime import UTC, datetime

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from services.events import brokers
from services.runtime.failed import reason_of
from services.runtime.health import Part

Bounds = tuple[Mapping[TopicPartition, int], Mapping[TopicPartition, int]]
"""Of each partition the first offset that the log holds, and the offset after its last."""

REQUEST_SECONDS = 5.0
PAUSE_SECONDS = 1.0

log = structlog.get_logger(__name__)


class LogProbe:
    """Asks the broker whether it answers, and sets ``part``."""

    def __init__(self, bootstrap: str, part: Part) -> None:
        self.part = part
        self.ends: dict[TopicPartition, int] = {}
        """The end of each partition last asked for (the offset after its last record)."""
        self._bootstrap = bootstrap
        self._consumer: AIOKafkaConsumer | None = None

    async def look(self, partitions: Collection[TopicPartition] = ()) -> set[str] | None:
        """Ask for the ends of ``partitions``; return the topics that exist, or None if the broker doesn't answer."""
        try:
            async with asyncio.timeout(2 * REQUEST_SECONDS):
                topics = await self._ask(partitions)
        except (KafkaError, OSError) as error:  # a TimeoutError is an OSError
            if self.part.state != "away":
                log.warning("kafka_away", bootstrap=brokers.hosts(self._bootstrap), reason=reason_of(error))
            self.part.away(reason_of(error))
            await self.close()
            return None
        if self.part.state == "away":
            away = (datetime.now(UTC) - self.part.since).total_seconds()
            log.warning("kafka_back", bootstrap=brokers.hosts(self._bootstrap), after_seconds=round(away, 1))
        self.part.ok()
        return topics

    async def bounds(self, partitions: Collection[TopicPartition]) -> Bounds:
        """The first offset and the end of each partition. Raises ``KafkaError`` or ``OSError``."""
        consumer = await self._connected()
        async with asyncio.timeout(2 * REQUEST_SECONDS):
            first = await consumer.beginning_offsets(list(partitions))
            return first, await consumer.end_offsets(list(partitions))

    async def _ask(self, partitions: Collection[TopicPartition]) -> set[str]:
        consumer = await self._connected()
        topics: set[str] = await consumer.topics()
        if partitions:
            self.ends = dict(await consumer.end_offsets(list(partitions)))
        return topics

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                **brokers.client(self._bootstrap),
                group_id=None,
                enable_auto_commit=False,
                request_timeout_ms=int(REQUEST_SECONDS * 1000),
            )
            try:
                await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        return self._consumer

    async def wait_for_topic(self, topic: str, stopping: asyncio.Event) -> None:
        """Return when ``topic`` exists, or when ``stopping`` is set; the part says what is waited for."""
        while not stopping.is_set():
            topics = await self.look()
            if topics is not None:
                if topic in topics:
                    return
                self.part.waiting(f"the topic {topic} does not exist yet")
            await asyncio.sleep(PAUSE_SECONDS)

    async def watch(self, partitions: Collection[TopicPartition] = (), seconds: float = 5.0) -> None:
        """Look every ``seconds`` until cancelled; for a service without a worker."""
        while True:
            await self.look(partitions)
            await asyncio.sleep(seconds)

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()
