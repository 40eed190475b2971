"""Faust at the client's speed, and from our own positions.

Faust spends its time per event, so here one Faust event is a whole :class:`Batch`: what one fetch brought of one
partition. And it starts from positions that the service stores with its own rows (:mod:`services.runtime.fetching`),
not from those that Kafka keeps for the group: those are still committed, but only as a figure for dashboards.
"""

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver

from services.runtime import damage
from services.runtime.batch import Batch
from services.runtime.damage import LogDamaged, Refusals
from services.runtime.fetching import (
    COMMIT_SECONDS,
    POLL_MILLISECONDS,
    RECONNECT_SECONDS,
    Fetching,
    Hooks,
    Partitions,
    Records,
    Starts,
)
from services.runtime.retry import CancelledWithin, uncancelled

log = structlog.get_logger(__name__)

FAUST_LOGGER = logging.getLogger("faust.batches")
"""Where Faust's own lines about our subclasses go: they would pass for ours otherwise."""


@dataclass(frozen=True, slots=True)
class _Envelope:
    """What Faust takes for one record: a batch, under the offset of its last record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    timestamp_type: int
    value: Batch
    headers: tuple[()] = ()
    key: bytes | None = None
    checksum: int | None = None
    serialized_key_size: int = -1
    serialized_value_size: int = -1


def _envelope(batch: Batch) -> _Envelope:
    last = batch.records[-1]
    return _Envelope(batch.topic, batch.partition, last.offset, last.timestamp, last.timestamp_type, batch)


class _ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped here
    logger = FAUST_LOGGER

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:
        consumer = super()._create_consumer(loop)
        consumer._fetch_max_wait_ms = POLL_MILLISECONDS
        self.refusals = Refusals(consumer._client)
        return consumer

    async def read_singly(self, starts: Starts, others: Starts) -> tuple[Records, list[LogDamaged]]:
        return await damage.read_singly(self._ensure_consumer(), starts, others)

    async def on_start(self) -> None:
        """Connect, waiting for a broker that went away after the topic was found."""
        while True:
            try:
                await super().on_start()
                return
            except (KafkaError, OSError) as error:
                log.warning("consumer_not_connected", reason=repr(error))
                await self._consumer.stop()
                if self.should_stop:
                    raise
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        # Faust crashes when a commit fails. Ours is a figure for dashboards: a broker that is away must not end us,
        # nor may a commit that waits for it hold up a rebalance or a shutdown.
        ours = {tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items() if tp in self.assignment()}
        if not ours:
            return False
        try:
            await asyncio.wait_for(self._ensure_consumer().commit(ours), COMMIT_SECONDS)
        except (KafkaError, TimeoutError) as error:
            log.warning("group_offset_not_committed", reason=repr(error))
            return False
        return True


class _Client:
    """Faust's consumer as what fetches."""

    def __init__(self, consumer: "BatchConsumer") -> None:
        self._consumer = consumer

    def assigned(self) -> Partitions:
        return frozenset(TopicPartition(*tp) for tp in self._consumer.assignment())

    async def fetch(self, active: Partitions, timeout: float) -> Records:
        records: Records = await super(BatchConsumer, self._consumer)._getmany(set(active), timeout)
        return records

    async def go_to(self, starts: Starts) -> None:
        await self._consumer.seek_wait(starts)

    def gone_to(self, starts: Starts) -> None:
        for tp, start in starts.items():
            self._consumer._committed_offset[tp] = start or None

    async def read_singly(self, starts: Starts, others: Starts) -> tuple[Records, list[LogDamaged]]:
        thread = self._consumer._thread
        read: tuple[Records, list[LogDamaged]] = await thread.call_thread(thread.read_singly, starts, others)
        return read

    def refused(self) -> Mapping[TopicPartition, str]:
        refusals: Refusals = self._consumer._thread.refusals
        return refusals.lasting()

    def end_of(self, tp: TopicPartition) -> int | None:
        return self._consumer.highwater(tp)


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped here
    """Faust's consumer with a batch for a record and with our positions.

    What Faust calls a seek only marks the positions as unknown: its own wait for one, inside Kafka's assignment
    callback, gives up silently after its timeout.
    """

    logger = FAUST_LOGGER

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fetching = Fetching(_Client(self), self.hooks)

    @property
    def hooks(self) -> Hooks:
        hooks: Hooks = self.transport.hooks
        return hooks

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TopicPartition, int]:
        self.fetching.assignment_changed()
        return {}

    async def _getmany(
        self, active_partitions: set[TopicPartition] | None, timeout: float
    ) -> dict[TopicPartition, list[_Envelope]]:
        wanted = {TopicPartition(*tp) for tp in active_partitions} if active_partitions else None
        return {tp: [_envelope(batch)] for tp, batch in (await self.fetching.batches(wanted, timeout)).items()}

    # What follows keeps Faust's own bookkeeping out of the way.

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        # After a crash the consumer's thread ends by itself, and then cancels what was asked of it or never answers.
        if self._thread.should_stop:
            return False
        try:
            done: bool = await uncancelled(asyncio.wait_for(super()._commit(offsets), COMMIT_SECONDS + 1.0))
        except (TimeoutError, CancelledWithin):
            return False
        return done

    async def _add_gap(self, tp: TopicPartition, offset_from: int, offset_to: int) -> None:
        """Nothing: a batch stands for every offset up to its last."""

    def _new_offset(self, tp: TopicPartition) -> int | None:
        """The offset after the highest acknowledged; batches of a partition are acknowledged in order."""
        acked = self._acked[tp]
        if not acked:
            return None
        offset: int = max(acked) + 1
        acked.clear()
        self._acked_index[tp].clear()
        return offset

    def highwater(self, tp: TopicPartition) -> int | None:
        try:
            highwater: int | None = super().highwater(tp)
        except (AssertionError, AttributeError):
            # aiokafka asserts that the partition is assigned; its thread may have lost it since we were called.
            return None
        return highwater

    def on_buffer_full(self, tp: TopicPartition) -> None:
        """Nothing: a full queue blocks the fetching task until there is room. Faust would pause the partition instead,
        and then look again only after a second, which is far longer than four batches last."""

    def verify_event_path(self, now: float, tp: TopicPartition) -> None:
        """Nothing: known for false alarms; the service's own watchdog compares positions with the log."""

    async def on_partitions_assigned(self, assigned: set[TopicPartition], generation_id: int = 0) -> None:
        await self.seek_to_committed()
        await super().on_partitions_assigned(assigned, generation_id)
        await self._guard(self.hooks.on_assigned(frozenset(TopicPartition(*tp) for tp in assigned)))

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        # First the hook: Faust now waits for the batch in hand, and nothing else should go on meanwhile.
        await self._guard(self.hooks.on_revoked(frozenset(TopicPartition(*tp) for tp in revoked)))
        await super().on_partitions_revoked(revoked)

    async def _guard(self, hook: Awaitable[None]) -> None:
        try:
            await hook
        except Exception as error:
            # aiokafka would log and go on: a service that doesn't know its partitions must not.
            await self.crash(error)
            raise


class _NoProducer(driver.Producer):  # type: ignore[misc]  # Faust is untyped here
    """Faust's producer, which nobody uses and which therefore connects to nothing."""

    async def on_start(self) -> None:
        await super(driver.Producer, self).on_start()


class BatchTransport(driver.Transport):  # type: ignore[misc]  # Faust is untyped here
    """Set as ``app.transport`` before the app starts."""

    Consumer: ClassVar[type[BatchConsumer]] = BatchConsumer
    Producer: ClassVar[type[_NoProducer]] = _NoProducer

    def __init__(self, url: Any, app: Any, hooks: Hooks) -> None:
        super().__init__(url, app)
        self.hooks = hooks
