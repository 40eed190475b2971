"""Faust at the client's speed, and from our own positions.

Faust spends its time per event, so here one Faust event is a whole :class:`Batch`: what one fetch brought of one
partition. And it starts from positions that the service stores with its own rows, not from those that Kafka keeps for
the group: those are still committed, but only as a figure for dashboards.

The transport promises that the batches of a partition follow one another without a gap. Where that can't be (the log
has lost its beginning, or is shorter than the stored position) it raises, and nothing is skipped or reset.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver

from services.runtime.batch import Batch, LogHole, LogTooShort, PositionRefused, check_position
from services.runtime.damage import LogDamaged, Refusals, is_damage, up_to_damage
from services.runtime.probe import Bounds

__all__ = ["Batch", "BatchTransport", "Hooks", "LogHole", "LogTooShort", "PositionRefused", "Positions"]

log = structlog.get_logger(__name__)

Partitions = frozenset[TopicPartition]
Positions = Callable[[Collection[TopicPartition]], Awaitable[Mapping[TopicPartition, int]]]
"""Reads the stored next offset of each partition given; one never stored is left out and starts at 0."""

COMMIT_SECONDS = 5.0
RECONNECT_SECONDS = 0.5
POLL_MILLISECONDS = 500
SINGLE_SECONDS = 1.0
REPAIRED_SECONDS = 30.0
"""How often a damaged partition is looked at again: another replica may lead by then."""
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


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the transport asks of the worker around it."""

    positions: Positions
    on_assigned: Callable[[Partitions], Awaitable[None]]
    on_revoked: Callable[[Partitions], Awaitable[None]]
    bounds: Callable[[Collection[TopicPartition]], Awaitable[Bounds]]
    """Asks the broker how far the log reaches, waiting in place while it is away."""
    on_damage: Callable[[Collection[LogDamaged]], None] = lambda damaged: None
    """Gets all partitions that stand still because of damage, whenever that changes."""


class _ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust is untyped here
    logger = FAUST_LOGGER

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> Any:
        consumer = super()._create_consumer(loop)
        # On assignment aiokafka polls at once, from the group's position; a seek elsewhere waits for that poll.
        consumer._fetch_max_wait_ms = POLL_MILLISECONDS
        self.refusals = Refusals(consumer._client)
        return consumer

    async def read_singly(
        self, starts: Mapping[TopicPartition, int], others: Mapping[TopicPartition, int]
    ) -> tuple[dict[TopicPartition, list[ConsumerRecord]], list[LogDamaged]]:
        """What stands before the damage in each partition of ``starts``; ``others`` go back to where we had them."""
        consumer = self._ensure_consumer()
        fetcher = consumer._fetcher
        found: dict[TopicPartition, list[ConsumerRecord]] = {}
        damaged: list[LogDamaged] = []
        for tp, offset in {**starts, **others}.items():
            fetcher.seek_to(tp, offset)
        for tp, start in starts.items():

            async def one(tp: TopicPartition = tp) -> Any:
                single = await fetcher.fetched_records([tp], SINGLE_SECONDS, 1)
                return next(iter(single.get(tp, ())), None)

            with fetcher._subscriptions.fetch_context():
                records, error = await up_to_damage(one, consumer._max_poll_records)
            behind = records[-1].offset + 1 if records else start
            fetcher.seek_to(tp, behind)
            if records:
                found[tp] = records
            if error is not None:
                damaged.append(LogDamaged(tp, behind, error))
        return found, damaged

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


class BatchConsumer(driver.Consumer):  # type: ignore[misc]  # Faust is untyped here
    """Faust's consumer with a batch for a record and with our positions.

    All seeking happens in the one task that also fetches (``_getmany``), so no fetch can cross a seek. What Faust calls
    a seek only marks the positions as unknown; the next fetch then reads them again, however long that must wait:
    meanwhile the heartbeats go on, which they would not inside Kafka's assignment callback, and Faust's own wait there
    gives up silently after its timeout.
    """

    logger = FAUST_LOGGER

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._next: dict[TopicPartition, int] = {}
        self._damaged: dict[TopicPartition, LogDamaged] = {}
        self._looked_at = 0.0
        self._epoch = 0
        self._sought = False

    @property
    def hooks(self) -> Hooks:
        hooks: Hooks = self.transport.hooks
        return hooks

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def seek_to_committed(self) -> Mapping[TopicPartition, int]:
        self._epoch += 1
        self._sought = False
        return {}

    async def _getmany(
        self, active_partitions: set[TopicPartition] | None, timeout: float
    ) -> dict[TopicPartition, list[_Envelope]]:
        if not self._sought and not await self._seek_to_stored():
            return {}
        epoch = self._epoch
        active = frozenset(TopicPartition(*tp) for tp in active_partitions or self._next) - self._damaged.keys()
        try:
            if self._damaged and time.monotonic() - self._looked_at > REPAIRED_SECONDS:
                fetched = await self._read_singly(self._damaged.keys(), active)
            elif active:
                fetched = await super()._getmany(set(active), timeout)
            else:  # to aiokafka, none would be all
                await asyncio.sleep(timeout)
                fetched = {}
        except NoOffsetForPartitionError:
            # aiokafka looked for a position of the group's before we had set ours; the next fetch has it.
            return {}
        except OffsetOutOfRangeError as error:
            await self._explain_out_of_range(error.args[0])
            return {}
        except Exception as error:
            if not is_damage(error):
                raise
            suspects = [tp for tp in active if str(tp) in str(error)] or active
            fetched = await self._read_singly(suspects, active - frozenset(suspects))
        self._note_refusals(active)
        if epoch != self._epoch:
            # A rebalance came between: these were read from the old positions, and will be read again from the new.
            return {}
        return {tp: [self._envelope(tp, records)] for tp, records in fetched.items() if records}

    async def _read_singly(
        self, suspects: Collection[TopicPartition], others: Collection[TopicPartition]
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """Read up to the damage, if it is there; note it, or that it is there no more."""
        epoch, starts = self._epoch, {tp: self._next[tp] for tp in suspects}
        found: dict[TopicPartition, list[ConsumerRecord]]
        try:
            found, damaged = await self._thread.call_thread(
                self._thread.read_singly, starts, {tp: self._next[tp] for tp in others}
            )
        except IllegalStateError:  # a partition was taken from us just now; a rebalance is under way
            return {}
        self._looked_at = time.monotonic()  # a look takes a second for each; the others have their turn in between
        if epoch == self._epoch:
            self._set_damaged(
                {tp: d for tp, d in self._damaged.items() if tp not in found} | {d.tp: d for d in damaged}
            )
        return found

    def _note_refusals(self, active: Collection[TopicPartition]) -> None:
        """Note what the broker itself can't read. It is asked again and again, and says when it can."""
        refused = self._thread.refusals.lasting()
        told = {tp: LogDamaged(tp, self._next[tp], reason) for tp, reason in refused.items() if tp in active}
        if told:
            self._set_damaged(self._damaged | told)

    def _set_damaged(self, damaged: dict[TopicPartition, LogDamaged]) -> None:
        for tp in damaged.keys() - self._damaged.keys():
            log.error("partition_damaged", topic=tp.topic, partition=tp.partition, reason=str(damaged[tp]))
        for tp in self._damaged.keys() - damaged.keys():
            log.info("partition_readable", topic=tp.topic, partition=tp.partition)
        self._damaged = damaged
        self.hooks.on_damage(damaged.values())

    def _envelope(self, tp: TopicPartition, records: list[ConsumerRecord]) -> _Envelope:
        last = records[-1]
        batch = Batch(tp.topic, tp.partition, tuple(records), self._next[tp], self.highwater(tp) or last.offset + 1)
        self._next[tp] = batch.next_offset
        return _Envelope(tp.topic, tp.partition, last.offset, last.timestamp, last.timestamp_type, batch)

    async def _seek_to_stored(self) -> bool:
        """Go to the stored positions of what is assigned; False if the assignment changed meanwhile.

        Raises :class:`LogHole` or :class:`LogTooShort` if the log doesn't reach to a stored position.
        """
        epoch = self._epoch
        assigned = self.assignment()
        stored = await self.hooks.positions(assigned)
        starts = {tp: stored.get(tp, 0) for tp in assigned}
        first, end = await self.hooks.bounds(assigned)
        for tp, start in starts.items():
            check_position(tp, start, first[tp], end[tp])
        if epoch != self._epoch:
            return False
        try:
            await self.seek_wait(starts)
        except IllegalStateError:  # aiokafka: a partition was taken from us just now; a rebalance is under way
            await asyncio.sleep(0.05)
            return False
        if epoch != self._epoch:
            return False
        for tp, start in starts.items():
            self._committed_offset[tp] = start or None
        self._next = dict(starts)
        self._set_damaged({})  # from the stored positions on, it will be met again
        self._sought = True
        log.info("reading_from", positions={f"{tp.topic}-{tp.partition}": n for tp, n in sorted(starts.items())})
        return True

    async def _explain_out_of_range(self, offsets: Mapping[TopicPartition, int]) -> None:
        first, end = await self.hooks.bounds(offsets.keys())
        for tp, offset in offsets.items():
            # An offset that is not ours comes from a fetch that aiokafka began before our seek: nothing to do with us.
            if offset == self._next.get(tp):
                check_position(tp, offset, first[tp], end[tp])
        await asyncio.sleep(0.1)

    # What follows keeps Faust's own bookkeeping out of the way.

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> bool:
        # After a crash the consumer's thread ends by itself, and then cancels what was asked of it or never answers.
        if self._thread.should_stop:
            return False
        try:
            done: bool = await asyncio.wait_for(super()._commit(offsets), COMMIT_SECONDS + 1.0)
        except TimeoutError:
            return False
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
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
