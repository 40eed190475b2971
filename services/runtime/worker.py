"""A worker: one app (Faust's, or aiokafka's alone) that hands a service the batches of one topic, in order, until it
is stopped.

The contract with the handler is small. It gets each :class:`Batch` once its predecessors of that partition are done,
stores the effects and ``batch.next_offset`` together, and returns. If it raises something that repeating can't help,
the process ends, and the next start begins at the stored position: nothing was acknowledged.
"""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from services.runtime import bounded, tracing
from services.runtime.aiokafka_app import AiokafkaApp
from services.runtime.batch import Batch, LogHole, joined
from services.runtime.damage import LogDamaged
from services.runtime.fetching import Hooks, Partitions, Positions
from services.runtime.health import Health
from services.runtime.keyed_tasks import KeyedTasks
from services.runtime.probe import LogProbe
from services.runtime.retry import is_transient as default_is_transient
from services.runtime.retry import report_to, retry_in_place, uncancelled
from services.runtime.settings import Settings

Handle = Callable[[Batch], Awaitable[None]]
PartitionHook = Callable[[Partitions], Awaitable[None]]
Taken = tuple[Batch, Callable[[], Awaitable[None]]]
"""A batch, and what acknowledges it."""

LANES, SPARE_LANES = 2, 2
"""Partitions that are worked on at once."""

log = structlog.get_logger(__name__)


async def _ignore(partitions: Partitions) -> None:
    """A service that need not know which partitions it owns."""


def _is_broker_error(error: BaseException) -> bool:
    return isinstance(error, KafkaError | OSError)


class App(Protocol):
    """What brings the batches, of whichever transport."""

    @property
    def group(self) -> str:
        """The consumer group's name."""

    started: bool
    crash_reason: BaseException | None

    def finalize(self) -> None: ...

    async def start(self) -> None: ...

    async def wait_until_stopped(self) -> None: ...

    async def crash(self, error: BaseException) -> None: ...

    async def stop(self) -> None: ...


class BatchWorker:
    """One app; made by :func:`batch_app`, run by the service's main."""

    app: App

    def __init__(
        self,
        topic: str,
        probe: LogProbe,
        health: Health,
        handle: Callable[[Batch], Coroutine[Any, Any, None]],
        on_assigned: PartitionHook,
        on_revoked: PartitionHook,
        stopping: asyncio.Event,
    ) -> None:
        self.topic = topic
        self.probe = probe
        self.health = health
        self.part = health.part("worker")
        self.owned: Partitions = frozenset()
        """The partitions that this process may work on now: a sweep takes only what belongs to them."""
        self.handled: dict[TopicPartition, int] = {}
        """The next offset of each owned partition: what lies below is applied."""
        self.batches = 0
        self.records = 0
        """Records of the batches applied, those of a repeated batch as often as it was."""
        self._progressed_at = time.monotonic()
        self.written_at: dict[TopicPartition, float] = {}
        """When the last record applied of each partition was written, in seconds since 1970."""
        self.stalled_seconds: Callable[[], float] = lambda: 0.0
        """The watchdog's measure of standing still, once there is one."""
        self.stall_limit = 0.0
        self.damaged: dict[TopicPartition, int] = {}
        """Owned partitions that stand still at an offset that can't be read."""
        self._readable = health.part("readable")
        self._readable.ok()
        self._lanes = KeyedTasks(self._work, LANES, SPARE_LANES)
        self._seek = 0
        self._handle = handle
        self._on_assigned, self._on_revoked = on_assigned, on_revoked
        self._stopping = stopping

    async def run(self) -> None:
        """Wait for the broker and the topic, then work until :meth:`stop`. Raises what ended the agent."""
        await self.probe.wait_for_topic(self.topic, self._stopping)
        if self._stopping.is_set():
            return
        self.app.finalize()
        try:
            await self.app.start()
        except (KafkaError, OSError):
            if self._stopping.is_set():  # asked to stop while it waited for the broker
                return
            raise
        self.part.ok()
        log.info("worker_started", topic=self.topic, group=self.app.group)
        await self.app.wait_until_stopped()
        if self.app.crash_reason is not None and not self._stopping.is_set():
            raise self.app.crash_reason

    async def stop(self) -> None:
        """Let the batch in hand finish, drop what is only fetched, leave the group."""
        self._stopping.set()
        if self.app.started:
            await self.app.stop()
        if self.owned:
            await self.revoked(self.owned)

    def progressed_at(self) -> float:
        """When a batch was last applied, by the monotonic clock; or when the one that runs the longest began, if that
        was earlier: a partition that stands still must not hide behind another."""
        oldest = self._lanes.oldest()
        return self._progressed_at if oldest is None else min(oldest, self._progressed_at)

    def _step(self, tp: TopicPartition) -> None:
        self._lanes.touch(tp)
        self._progressed_at = time.monotonic()

    def lag(self) -> dict[TopicPartition, int]:
        """How many records of each owned partition are not applied yet, by the last look at the log's ends."""
        return {tp: max(0, self.probe.ends.get(tp, 0) - self.handled.get(tp, 0)) for tp in self.owned}

    def stuck(self) -> int:
        """The lag that is the worker's to work off: what stands behind damage is not."""
        return sum(behind for tp, behind in self.lag().items() if tp not in self.damaged)

    def waiting(self) -> bool:
        """Whether any part states a reason for waiting: a batch may wait for its own database, or for the log to take
        what it writes. A damaged partition keeps no other waiting."""
        return self.health.stopping or any(not p.is_ok for p in self.health.parts.values() if p is not self._readable)

    def set_damaged(self, damaged: Collection[LogDamaged]) -> None:
        """Say which partitions stand still; the others go on."""
        self.damaged = {each.tp: each.offset for each in damaged}
        if damaged:
            self._readable.away("; ".join(str(each) for each in damaged) + "; the other partitions go on")
        else:
            self._readable.ok()

    def seeking(self, number: int) -> None:
        """The positions are about to be read; see :class:`~services.runtime.fetching.Hooks`."""
        self._seek = number

    async def assigned(self, partitions: Partitions) -> None:
        self.owned = partitions
        log.info("partitions_assigned", topic=self.topic, partitions=sorted(tp.partition for tp in partitions))
        await self._on_assigned(partitions)

    async def revoked(self, partitions: Partitions) -> None:
        self.owned -= partitions
        log.info("partitions_revoked", topic=self.topic, partitions=sorted(tp.partition for tp in partitions))
        await self._on_revoked(partitions)

    async def take(self, batch: Batch, acknowledge: Callable[[], Awaitable[None]]) -> None:
        """Begin a batch when its lane is free. Raises what any batch failed with, once one did."""
        self._lanes.start(batch.tp, (batch, acknowledge), len(batch.records))

    def pressure(self) -> float:
        """How much is in hand: 0 for no batch, more where one is large or takes long."""
        return self._lanes.pressure()

    def crowded(self) -> Collection[object] | None:
        """The partitions that have enough to do for now; None: all have."""
        return self._lanes.crowded()

    async def drained(self) -> None:
        """Return when no batch is in hand."""
        await self._lanes.idle()

    async def _work(self, taken: Sequence[Taken]) -> None:
        """Batches of one partition, acknowledged when all are applied; what one fails with ends the app."""
        try:
            for batch in joined(batch for batch, _ in taken):
                await self._apply(batch)
        except Exception as error:
            # Who brings the batches may be waiting for the next one, and would not hear of it.
            await self.app.crash(error)
            raise
        for _, acknowledge in taken:
            await acknowledge()

    async def _apply(self, batch: Batch) -> None:
        expected = self.handled.get(batch.tp)
        if expected is None:
            log.info("batch_of_lost_partition", topic=batch.topic, partition=batch.partition)
            return
        if batch.start > expected:
            if batch.seek != self._seek:
                # It was fetched for an earlier assignment, whose first batches were given up when the partition was
                # lost; it is ours again, and all of it is fetched anew.
                log.info("batch_of_earlier_assignment", topic=batch.topic, partition=batch.partition)
                return
            raise LogHole(batch.tp, expected, batch.start, "a fetched batch was lost on its way to the handler")
        try:
            # A task of its own, so that the watchdog can say where a batch stands: no stack shows below Faust's agents.
            name = f"batch {batch.topic}-{batch.partition} {batch.first_offset}..{batch.last_offset}"
            with tracing.span(
                f"{batch.topic} batch",
                "CONSUMER",
                links=tracing.contexts(batch.records),
                partition=batch.partition,
                first_offset=batch.first_offset,
                records=len(batch.records),
            ):
                here = contextvars.copy_context()
                here.run(bounded.alive.set, lambda: self._step(batch.tp))
                await uncancelled(asyncio.create_task(self._handle(batch), name=name, context=here))
        except Exception:
            log.exception(
                "batch_failed",
                topic=batch.topic,
                partition=batch.partition,
                first_offset=batch.first_offset,
                last_offset=batch.last_offset,
            )
            raise
        self.handled[batch.tp] = max(batch.next_offset, self.handled.get(batch.tp, 0))
        self.written_at[batch.tp] = batch.records[-1].timestamp / 1000
        self.batches += 1
        self.records += len(batch.records)
        self._progressed_at = time.monotonic()


def batch_app(
    name: str,
    settings: Settings,
    topic: str,
    positions: Positions,
    handle: Handle,
    *,
    health: Health,
    is_transient: Callable[[BaseException], bool] = default_is_transient,
    on_assigned: PartitionHook = _ignore,
    on_revoked: PartitionHook = _ignore,
) -> BatchWorker:
    """Build the worker of the consumer group ``name`` on ``topic``; call it inside the running loop.

    ``positions`` reads the stored next offsets; ``handle`` applies one batch. Both are repeated in place while they
    raise what ``is_transient`` calls so, and the health part ``worker`` then says what they wait for.
    ``on_assigned`` gets the partitions now owned, ``on_revoked`` those just lost, before others can own them.
    """
    stopping = asyncio.Event()
    part = health.part("worker")
    patiently = {"is_transient": is_transient, "on_retry": report_to(part), "stopping": stopping}
    probe = LogProbe(settings.bootstrap, health.part("kafka"))
    stored = retry_in_place(positions, **patiently)  # type: ignore[arg-type]  # the three keywords above
    worker = BatchWorker(
        topic,
        probe,
        health,
        retry_in_place(handle, **patiently),  # type: ignore[arg-type]  # the three keywords above
        on_assigned,
        on_revoked,
        stopping,
    )

    async def starts(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        offsets = await stored(tps)
        # Positions are also read while batches are in hand (Faust seeks again when a rebalance is over): what was
        # applied since the database was asked is applied.
        worker.handled = {tp: max(offsets.get(tp, 0), worker.handled.get(tp, 0)) for tp in tps}
        return offsets

    bounds = retry_in_place(probe.bounds, _is_broker_error, report_to(part), stopping=stopping)
    hooks = Hooks(starts, worker.assigned, worker.revoked, bounds, worker.set_damaged, worker.crowded, worker.seeking)
    if settings.transport == "aiokafka":
        worker.app = _aiokafka_app(name, settings, topic, hooks, worker)
    else:
        from services.runtime.faust_app import faust_app  # not loaded where it is not wanted: it might not even load

        worker.app = faust_app(name, settings.bootstrap, topic, hooks, worker.take)
    return worker


def _aiokafka_app(name: str, settings: Settings, topic: str, hooks: Hooks, worker: BatchWorker) -> AiokafkaApp:
    async def hand_on(batch: Batch) -> None:
        async def acknowledge() -> None:
            app.ack(batch)

        await worker.take(batch, acknowledge)

    app = AiokafkaApp(name, settings.bootstrap, topic, hooks, hand_on, worker.drained)
    return app
