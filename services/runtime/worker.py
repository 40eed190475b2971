"""A worker: one Faust app that hands a service the batches of one topic, in order, until it is stopped.

The contract with the handler is small. It gets each :class:`Batch` once its predecessors of that partition are done,
stores the effects and ``batch.next_offset`` together, and returns. If it raises something that repeating can't help,
the process ends, and the next start begins at the stored position: nothing was acknowledged.
"""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from typing import Any

import faust
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from mode.supervisors import CrashingSupervisor
from yarl import URL

from services.events import brokers
from services.runtime import bounded, tracing
from services.runtime.batch import Batch, LogHole
from services.runtime.damage import LogDamaged
from services.runtime.health import Health
from services.runtime.keyed_tasks import KeyedTasks, TaskCancelled
from services.runtime.probe import LogProbe
from services.runtime.retry import is_transient as default_is_transient
from services.runtime.retry import report_to, retry_in_place
from services.runtime.settings import Settings
from services.runtime.transport import FAUST_LOGGER, BatchTransport, Hooks, Partitions, Positions

Handle = Callable[[Batch], Awaitable[None]]
PartitionHook = Callable[[Partitions], Awaitable[None]]

POLL_RECORDS = 2000
BUFFERED_BATCHES = 4
LANES = 2
"""Partitions that are worked on at once."""
METADATA_MILLISECONDS = 5000
YEAR_SECONDS = 365 * 86_400.0

log = structlog.get_logger(__name__)


async def _ignore(partitions: Partitions) -> None:
    """A service that need not know which partitions it owns."""


def _is_broker_error(error: BaseException) -> bool:
    return isinstance(error, KafkaError | OSError)


def _credentials(security: Mapping[str, Any]) -> Any:
    """What Faust calls credentials; None for a plain address."""
    if "sasl_mechanism" in security:
        return faust.SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            mechanism=security["sasl_mechanism"],
            ssl_context=security.get("ssl_context"),
        )
    return faust.SSLCredentials(security["ssl_context"]) if security else None


class _App(faust.App):  # type: ignore[misc]  # Faust is untyped here
    logger = FAUST_LOGGER

    def _create_directories(self) -> None:
        """No tables, so no folders in the working directory."""


class BatchWorker:
    """One Faust app with one agent; made by :func:`batch_app`, run by the service's main."""

    def __init__(
        self,
        app: Any,
        topic: str,
        probe: LogProbe,
        health: Health,
        handle: Callable[[Batch], Coroutine[Any, Any, None]],
        on_assigned: PartitionHook,
        on_revoked: PartitionHook,
        stopping: asyncio.Event,
    ) -> None:
        self.app = app
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
        self._lanes = KeyedTasks(LANES)
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
        log.info("worker_started", topic=self.topic, group=self.app.conf.id)
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

    async def assigned(self, partitions: Partitions) -> None:
        self.owned = partitions
        log.info("partitions_assigned", topic=self.topic, partitions=sorted(tp.partition for tp in partitions))
        await self._on_assigned(partitions)

    async def revoked(self, partitions: Partitions) -> None:
        self.owned -= partitions
        log.info("partitions_revoked", topic=self.topic, partitions=sorted(tp.partition for tp in partitions))
        await self._on_revoked(partitions)

    async def consume(self, stream: Any) -> None:
        async for event in stream.noack().events():
            await self._lanes.start(event.value.tp, self._work(stream, event))

    async def _work(self, stream: Any, event: Any) -> None:
        """One batch, acknowledged when it is applied; what it fails with ends the app."""
        try:
            await self._apply(event.value)
        except Exception as error:
            # The agent may be waiting for its next event, and would not hear of it.
            await self.app.crash(error)
            raise
        except asyncio.CancelledError:
            me = asyncio.current_task()
            if me is not None and not me.cancelling():  # nobody cancelled us: a library did so to what it was asked
                await self.app.crash(TaskCancelled(f"{event.value.tp.topic} partition {event.value.tp.partition}"))
            raise
        await stream.ack(event)

    async def _apply(self, batch: Batch) -> None:
        expected = self.handled.get(batch.tp)
        if expected is None:
            log.info("batch_of_lost_partition", topic=batch.topic, partition=batch.partition)
            return
        if batch.start > expected:
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
                await asyncio.create_task(self._handle(batch), name=name, context=here)
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
    app = _App(
        name,
        broker=[URL(f"aiokafka://{host}") for host in brokers.hosts(settings.bootstrap)],
        broker_credentials=_credentials(brokers.security(settings.bootstrap)),
        store="memory://",
        agent_supervisor=CrashingSupervisor,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        # Never move a position by itself: an offset that the log doesn't have is an error that we explain.
        consumer_auto_offset_reset="none",
        # A worker that waits for its database, or has no partition, must stay in the group however long that lasts.
        broker_max_poll_interval=YEAR_SECONDS,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_max_poll_records=POLL_RECORDS,
        # A leader that joins while a broker restarts may know no partitions, and then gives none to anybody; the group
        # finds out when the leader next asks which there are.
        consumer_metadata_max_age_ms=METADATA_MILLISECONDS,
        stream_buffer_maxsize=BUFFERED_BATCHES,
        stream_wait_empty=True,
        web_enabled=False,
    )
    probe = LogProbe(settings.bootstrap, health.part("kafka"))
    stored = retry_in_place(positions, **patiently)  # type: ignore[arg-type]  # the three keywords above
    worker = BatchWorker(
        app,
        topic,
        probe,
        health,
        retry_in_place(handle, **patiently),  # type: ignore[arg-type]  # the three keywords above
        on_assigned,
        on_revoked,
        stopping,
    )

    async def starts(tps: Collection[TopicPartition]) -> Mapping[TopicPartition, int]:
        found = await stored(tps)
        worker.handled = {tp: found.get(tp, 0) for tp in tps}
        return found

    bounds = retry_in_place(probe.bounds, _is_broker_error, report_to(part), stopping=stopping)
    hooks = Hooks(starts, worker.assigned, worker.revoked, bounds, worker.set_damaged)
    app.transport = BatchTransport(app.conf.broker_consumer, app, hooks)
    channel = app.topic(
        topic, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", internal=False
    )
    app.agent(channel, name=f"{name}-{topic}", concurrency=1)(worker.consume)
    return worker
