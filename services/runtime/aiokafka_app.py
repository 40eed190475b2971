"""The batch contract on aiokafka's consumer alone, beside Faust's (:mod:`services.runtime.transport`): in its place
where ``SHIXIAN_TRANSPORT`` says ``aiokafka``.

Both keep the same positions by the same :class:`~services.runtime.fetching.Fetching`, are in the same consumer group,
give partitions by the same assignor, and pass the same tests: a worker may be started with one where it was stopped
with the other. Here the fetching, and the heartbeats of the group, are on the service's own loop.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.roundrobin import RoundRobinPartitionAssignor
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from services.events import brokers
from services.runtime import damage
from services.runtime.batch import Batch
from services.runtime.damage import LogDamaged, Refusals
from services.runtime.fetching import (
    COMMIT_SECONDS,
    HEARTBEAT_SECONDS,
    METADATA_MILLISECONDS,
    POLL_MILLISECONDS,
    POLL_RECORDS,
    RECONNECT_SECONDS,
    SESSION_SECONDS,
    YEAR_SECONDS,
    Fetching,
    Hooks,
    Partitions,
    Records,
    Starts,
)
from services.runtime.retry import uncancelled

FETCH_SECONDS = 1.0
COMMIT_EVERY = 2.8
"""Seconds between the group's offsets, which are a figure for dashboards."""
DRAIN_SECONDS = 50.0
"""So long a rebalance waits for the batches in hand: Kafka waits 60 s for the members of a group."""

log = structlog.get_logger(__name__)


class _Client:
    """aiokafka's consumer as what fetches."""

    def __init__(self) -> None:
        self._consumer: Any = None
        self._refusals: Refusals

    def use(self, consumer: Any) -> None:
        """Fetch by this one, which is connected."""
        self._consumer, self._refusals = consumer, Refusals(consumer._client)

    def assigned(self) -> Partitions:
        return frozenset(self._consumer.assignment())

    async def fetch(self, active: Partitions, timeout: float) -> Records:
        records: Records = await self._consumer.getmany(*active, timeout_ms=int(1000 * timeout))
        return records

    async def go_to(self, starts: Starts) -> None:
        for tp, offset in starts.items():
            self._consumer.seek(tp, offset)

    def gone_to(self, starts: Starts) -> None:
        """Nothing: aiokafka keeps no book of its own."""

    async def read_singly(self, starts: Starts, others: Starts) -> tuple[Records, list[LogDamaged]]:
        return await damage.read_singly(self._consumer, starts, others)

    def refused(self) -> Mapping[TopicPartition, str]:
        return self._refusals.lasting()

    def end_of(self, tp: TopicPartition) -> int | None:
        if tp not in self._consumer.assignment():  # aiokafka asserts that it is
            return None
        end: int | None = self._consumer.highwater(tp)
        return end


class AiokafkaApp:
    """What the worker takes for an app: started, stopped, crashed; in between it hands over batches."""

    def __init__(
        self,
        name: str,
        bootstrap: str,
        topic: str,
        hooks: Hooks,
        hand_on: Callable[[Batch], Awaitable[None]],
        drained: Callable[[], Awaitable[None]],
    ) -> None:
        self.group = name
        self.started = False
        self.crash_reason: BaseException | None = None
        self._client = _Client()
        self.fetching = Fetching(self._client, hooks)
        self._bootstrap, self._topic, self._hooks = bootstrap, topic, hooks
        self._hand_on, self._drained = hand_on, drained
        self._consumer: Any = None
        self._ended = asyncio.Event()
        self._stopping = False
        self._acked: dict[TopicPartition, int] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def finalize(self) -> None:
        """Nothing is left to be declared."""

    async def start(self) -> None:
        """Join the group, waiting for a broker that went away after the topic was found."""
        self.started = True
        while True:
            consumer = self._make()
            try:
                await consumer.start()
                connected = True
            except (KafkaError, OSError) as error:
                log.warning("consumer_not_connected", reason=repr(error))
                connected = False
            if connected and not self._stopping:
                break
            await consumer.stop()
            if self._stopping:
                return
            await asyncio.sleep(RECONNECT_SECONDS)
        self._consumer = consumer
        self._client.use(consumer)
        consumer.subscribe([self._topic], listener=_Listener(self))
        self._tasks = [asyncio.create_task(self._fetch(), name="fetch"), asyncio.create_task(self._note(), name="note")]

    def _make(self) -> Any:
        return AIOKafkaConsumer(
            **brokers.client(self._bootstrap),
            group_id=self.group,
            enable_auto_commit=False,
            # Never move a position by itself: an offset that the log doesn't have is an error that we explain.
            auto_offset_reset="none",
            partition_assignment_strategy=(RoundRobinPartitionAssignor,),
            max_poll_interval_ms=int(1000 * YEAR_SECONDS),
            session_timeout_ms=int(1000 * SESSION_SECONDS),
            heartbeat_interval_ms=int(1000 * HEARTBEAT_SECONDS),
            rebalance_timeout_ms=60_000,
            max_poll_records=POLL_RECORDS,
            metadata_max_age_ms=METADATA_MILLISECONDS,
            fetch_max_wait_ms=POLL_MILLISECONDS,
        )

    async def wait_until_stopped(self) -> None:
        await self._ended.wait()

    async def crash(self, error: BaseException) -> None:
        """End for this reason, the first one if there are several."""
        self.crash_reason = self.crash_reason or error
        self._ended.set()

    async def stop(self) -> None:
        """Let the batches in hand finish, leave the group."""
        self._stopping = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._consumer is not None:
            if self.crash_reason is None:
                await self._drained()
            await self._commit()
            await self._consumer.stop()
            self._consumer = None
        self._ended.set()

    def ack(self, batch: Batch) -> None:
        """The batch is applied; batches of a partition are acknowledged in order."""
        self._acked[batch.tp] = batch.next_offset

    async def _fetch(self) -> None:
        try:
            await uncancelled(self._fetch_on_and_on())
        except Exception as error:
            await self.crash(error)
            raise

    async def _fetch_on_and_on(self) -> None:
        while True:
            if not self._consumer.assignment():  # to aiokafka, none would be all
                await asyncio.sleep(HEARTBEAT_SECONDS / 20)
                continue
            for batch in (await self.fetching.batches(None, FETCH_SECONDS)).values():
                await self._hand_on(batch)

    async def _note(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY)
            await self._commit()

    async def _commit(self) -> None:
        """Tell the group how far we are. It is a figure for dashboards: a broker that is away must not end us, nor may
        a commit that waits for it hold up a rebalance or a shutdown."""
        acked, self._acked = self._acked, {}
        ours = {tp: OffsetAndMetadata(n, "") for tp, n in acked.items() if tp in self._consumer.assignment()}
        if not ours:
            return
        try:
            await asyncio.wait_for(self._consumer.commit(ours), COMMIT_SECONDS)
        except (KafkaError, TimeoutError) as error:
            log.warning("group_offset_not_committed", reason=repr(error))

    async def revoked(self, partitions: Collection[TopicPartition]) -> None:
        # First the hook: then the batch in hand is waited for, and nothing else should go on meanwhile.
        self.fetching.assignment_changed()
        await self._guard(self._hooks.on_revoked(frozenset(partitions)))
        try:
            await asyncio.wait_for(self._drained(), DRAIN_SECONDS)
        except TimeoutError:
            log.warning("rebalance_waits_no_longer", seconds=DRAIN_SECONDS)
        await self._commit()

    async def assigned(self, partitions: Collection[TopicPartition]) -> None:
        self.fetching.assignment_changed()
        await self._guard(self._hooks.on_assigned(frozenset(partitions)))

    async def _guard(self, hook: Awaitable[None]) -> None:
        try:
            await hook
        except Exception as error:
            # aiokafka would log and go on: a service that doesn't know its partitions must not.
            await self.crash(error)
            raise


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped here
    def __init__(self, app: AiokafkaApp) -> None:
        self._app = app

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._app.revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        await self._app.assigned(assigned)
