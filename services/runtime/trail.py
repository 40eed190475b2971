"""Writing and reading the audit trail: the topic ``shixian.audit``, one partition, appended to and never changed."""

import asyncio
import collections
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from services.access.audit import Entry, Record, sealed
from services.events import brokers
from services.events.topics import Topic, create_topics
from services.runtime.failed import reason_of
from services.runtime.health import Health, Part
from services.runtime.problems import RETRY_AFTER, ProblemError
from services.runtime.producer import LogProducer
from services.runtime.retry import LogUnavailable, report_to, retry_in_place
from services.runtime.settings import Settings

__all__ = ["Entry", "Trail", "ensure_topic", "page"]

MOST_WAITING = 10_000
"""Records not yet written. With more, nothing that has to be recorded is done."""
USED_EVERY = timedelta(hours=1)
"""How often the use of a token is recorded."""
REFUSED_EVERY = timedelta(minutes=1)
"""How often it is recorded that an address was refused."""
MOST_REFUSED = 1000
"""Addresses remembered for that."""
MONTH_MS = 31 * 24 * 3600 * 1000
READ_SECONDS = 10.0
PAUSE_SECONDS = 1.0
FLUSH_SECONDS = 2.0

log = structlog.get_logger(__name__)


def topic(settings: Settings) -> Topic:
    """The trail's topic; it is the only one whose records expire."""
    config = {
        "cleanup.policy": "delete",
        "retention.ms": str(settings.audit_months * MONTH_MS),
        "retention.bytes": "-1",
    }
    if settings.replication > 2:
        config["min.insync.replicas"] = "2"
    return Topic(settings.audit_topic, 1, settings.replication, config)


async def ensure_topic(settings: Settings, part: Part) -> None:
    """Create the topic, or give it the time that the setting says now; waits for the cluster as long as it takes."""
    wanted = topic(settings)

    async def make() -> None:
        if await create_topics(settings.bootstrap, (wanted,)):
            return
        admin = AIOKafkaAdminClient(**brokers.client(settings.bootstrap))
        await admin.start()
        try:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, wanted.name, wanted.config)])
        finally:
            await admin.close()

    await retry_in_place(make, lambda error: isinstance(error, KafkaError | OSError), report_to(part))()
    part.ok()


class Seldom:
    """What strangers are refused, and callers who ask too often, is told once a minute for each account, address,
    action and answer: what they send must not take the room of what has to be recorded."""

    def __init__(self) -> None:
        self._told: dict[str, datetime] = {}

    def is_new(self, entry: Entry, status: int, now: datetime) -> bool:
        """Whether this has not been told within the last minute; it is then."""
        key = f"{entry.account} {entry.address} {entry.action} {status}"
        last = self._told.get(key)
        if last is not None and now - last < REFUSED_EVERY:
            return False
        if last is None and len(self._told) >= MOST_REFUSED:
            self._told.pop(next(iter(self._told)))
        self._told.pop(key, None)
        self._told[key] = now
        return True


class Trail:
    """What one process adds to the trail. ``run`` writes it; belongs to one event loop."""

    def __init__(
        self,
        service: str,
        producer: LogProducer,
        settings: Settings,
        part: Part,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._service, self._producer, self._settings, self._part, self._now = service, producer, settings, part, now
        self._waiting: collections.deque[tuple[datetime, Entry, int]] = collections.deque()
        self._wake = asyncio.Event()
        self._used: dict[str, datetime] = {}
        self._seldom = Seldom()
        self._writer = f"{service}-{uuid.uuid4().hex[:12]}"
        self._number, self._previous = 0, ""

    is_kept = True
    """Whether there is a trail at all."""

    def require_room(self) -> None:
        """Raises :class:`ProblemError` (503) where no more can be recorded: then it must not be done either."""
        if len(self._waiting) >= MOST_WAITING:
            detail = "the audit trail can't be written now, and this call would have to be in it; send it again"
            raise ProblemError(503, detail, kind="log-away", headers={"Retry-After": RETRY_AFTER})

    def add(self, entry: Entry, status: int = 0) -> None:
        """Record what was done and with what result."""
        self._waiting.append((self._now(), entry, status))
        self._wake.set()

    def refused(self, entry: Entry, status: int) -> None:
        """Record, once a minute for each account, address, action and answer, that a call was turned away."""
        if len(self._waiting) < MOST_WAITING // 2 and self._seldom.is_new(entry, status, self._now()):
            self.add(entry, status)

    def used(self, account: str, address: str) -> None:
        """Record, once an hour, that a token is in use."""
        now, last = self._now(), self._used.get(account)
        if last is None or now - last >= USED_EVERY:
            self._used[account] = now
            self.add(Entry(account=account, action="token-used", address=address))

    async def run(self) -> None:
        """Write what comes, in order, until cancelled; waits for a broker that is away."""
        await ensure_topic(self._settings, self._part)
        began = False
        while True:
            try:
                if not began:
                    latest, _ = await page(self._settings, 1)
                    self._previous = latest[-1].hash if latest else ""
                    began = True
                if not self._waiting:
                    self._part.ok()
                    self._wake.clear()
                    await self._wake.wait()
                await self._write()
            except (KafkaError, OSError, LogUnavailable) as error:
                self._part.away(reason_of(error))
                await asyncio.sleep(PAUSE_SECONDS)

    async def flush(self) -> None:
        """Write what is waiting, before the process ends."""
        if self._waiting and self._part.is_ok:
            try:
                async with asyncio.timeout(FLUSH_SECONDS):
                    await self._write()
            except (KafkaError, OSError, LogUnavailable) as error:
                log.warning("audit_not_written", records=len(self._waiting), reason=reason_of(error))

    async def _write(self) -> None:
        lot = [self._waiting[place] for place in range(min(500, len(self._waiting)))]
        records, number, previous = [], self._number, self._previous
        for at, entry, status in lot:
            number += 1
            made = sealed(
                Record(
                    at=at,
                    service=self._service,
                    writer=self._writer,
                    number=number,
                    entry=entry,
                    status=status,
                    previous=previous,
                )
            )
            previous = made.hash
            records.append((self._writer.encode(), msgspec.json.encode(made), ()))
        await self._producer.send_all(self._settings.audit_topic, records)
        self._number, self._previous = number, previous
        for _ in lot:
            self._waiting.popleft()


def trail_of(service: str, producer: LogProducer, settings: Settings, health: Health) -> Trail:
    """The trail of a service. Where everyone on this machine is ``local``, there are no callers to record, and it stays
    without records and without a topic."""
    if not (settings.has_accounts or settings.insecure):
        return _Nothing(service, producer, settings, Part("audit"))
    return Trail(service, producer, settings, health.part("audit", is_needed=False))


class _Nothing(Trail):
    is_kept = False

    def add(self, entry: Entry, status: int = 0) -> None:
        pass

    async def run(self) -> None:
        pass


async def exists(settings: Settings) -> bool:
    """Whether the trail's topic is there. Raises ``KafkaError`` or ``OSError`` where the log is away."""
    admin = AIOKafkaAdminClient(**brokers.client(settings.bootstrap))
    await admin.start()
    try:
        return settings.audit_topic in await admin.list_topics()
    finally:
        await admin.close()


async def begins_at_zero(settings: Settings) -> bool:
    """Whether the topic still has its first record: later the oldest have expired."""
    tp = TopicPartition(settings.audit_topic, 0)
    consumer = AIOKafkaConsumer(**brokers.client(settings.bootstrap), group_id=None)
    await consumer.start()
    try:
        return bool((await consumer.beginning_offsets([tp]))[tp] == 0)
    finally:
        await consumer.stop()


async def page(settings: Settings, limit: int, before: int | None = None) -> tuple[list[Record], int | None]:
    """The latest ``limit`` records in the topic's order, of those before offset ``before``; and the offset to go on
    before, where there are earlier ones. Raises ``KafkaError`` or ``OSError`` where the log is away."""
    tp = TopicPartition(settings.audit_topic, 0)
    consumer = AIOKafkaConsumer(
        **brokers.client(settings.bootstrap), group_id=None, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with asyncio.timeout(READ_SECONDS):
        await consumer.start()
        try:
            consumer.assign([tp])
            first = (await consumer.beginning_offsets([tp]))[tp]
            end = (await consumer.end_offsets([tp]))[tp]
            end = end if before is None else max(first, min(end, before))
            start = max(first, end - limit)
            records: list[Record] = []
            consumer.seek(tp, start)
            while start < end and await consumer.position(tp) < end:
                lots = await consumer.getmany(tp, timeout_ms=200)
                records += [msgspec.json.decode(one.value, type=Record) for one in lots.get(tp, ()) if one.offset < end]
            return records, start if start > first else None
        finally:
            await consumer.stop()
